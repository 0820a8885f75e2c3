package config

// place is where a value stands in the file, with the places of what it holds.
// The TOML decoder keeps the lines of keys to itself and knows none for the
// elements of a list, so they are found by a scan of our own.
type place struct {
	line  int               // of the key, the header or the list's element, from 1
	lines []int             // of a string: where each line of its text stands
	items []*place          // of a list
	keys  map[string]*place // of a table
	named bool              // line is the key's or header's own, not a child's
}

// textLine returns the line of the file on which line k, from 0, of a string's
// text stands.
func (p *place) textLine(k int) int {
	if len(p.lines) == 0 {
		return p.line
	}
	return p.lines[max(0, min(k, len(p.lines)-1))]
}

// key returns the place of a key of the table p, and item that of an element
// of the list p; p's own when there is none.
func (p *place) key(k string) *place {
	if child := p.keys[k]; child != nil {
		return child
	}
	return p
}

func (p *place) item(i int) *place {
	if i < len(p.items) {
		return p.items[i]
	}
	return p
}

// find returns the place of a key, nil when it isn't there.
func (p *place) find(key []string) *place {
	for _, k := range key {
		if p == nil {
			return nil
		}
		p = p.last().keys[k]
	}
	return p
}

// last returns the table that a header below p speaks of: in an array of
// tables the latest one.
func (p *place) last() *place {
	if n := len(p.items); n > 0 {
		return p.items[n-1]
	}
	return p
}

// child returns the place of key below p, at line when it is new.
func (p *place) child(key []string, line int) *place {
	for _, k := range key {
		p = p.last()
		next := p.keys[k]
		if next == nil {
			next = &place{line: line}
			if p.keys == nil {
				p.keys = map[string]*place{}
			}
			p.keys[k] = next
		}
		p = next
	}
	return p
}

// name sets the line on which p is written out, once.
func (p *place) name(line int) {
	if !p.named {
		p.line, p.named = line, true
	}
}
