package parsers

import "bytes"

// span is a part of a line.
type span struct{ from, to int }

// cut notes where in the line the wanted fields stand. It reports false when
// the line isn't of the template. What the open variables hold isn't looked
// at, only where they end.
func (p *plan) cut(line []byte, fields []span) bool {
	if len(line) < len(p.head) || string(line[:len(p.head)]) != p.head {
		return false
	}
	from := len(p.head)
	for i := range p.segments {
		s := &p.segments[i]
		to := len(line) - len(s.lit)
		if !s.anchored {
			to = from + s.mark.index(line[from:]) - s.mark.at
		}
		if to < from || len(line)-to < len(s.lit) || string(line[to:to+len(s.lit)]) != s.lit {
			return false
		}
		a, b := from, to
		for k := range s.cuts {
			var ok bool
			if a, b, ok = s.cuts[k].take(line, a, b, fields); !ok {
				return false
			}
		}
		from = to + len(s.lit)
	}
	return from == len(line)
}

// take cuts the variable off line[a:b] and returns what is left.
func (c *cut) take(line []byte, a, b int, fields []span) (from, to int, ok bool) {
	v := span{a, b}
	lit := b // where c.lit begins
	switch c.op {
	case cutRest:
		from, to = b, b
	case cutLeft, cutWidthLeft:
		if lit = a + c.size; c.op == cutLeft {
			lit = a + c.mark.index(line[a:b]) - c.mark.at
		}
		from, to = lit+len(c.lit), b
		v.to = lit
	case cutRight, cutWidthRight:
		if lit = b - c.size - len(c.lit); c.op == cutRight {
			lit = a + bytes.LastIndexByte(line[a:b], c.mark.c) - c.mark.at
		}
		from, to = a, lit
		v.from = lit + len(c.lit)
	}
	if lit < a || lit+len(c.lit) > b || string(line[lit:lit+len(c.lit)]) != c.lit {
		return 0, 0, false
	}
	if c.lang != nil && !c.lang.has(line[v.from:v.to]) {
		return 0, 0, false
	}
	if c.field >= 0 {
		fields[c.field] = v
	}
	return from, to, true
}

// index returns where the first mark is, or -1.
func (m *mark) index(text []byte) int {
	if m.unescaped {
		return indexUnescaped(text)
	}
	return bytes.IndexByte(text, m.c)
}

// flagsOf returns the flags that any byte of text has.
func flagsOf(text []byte, flags *[256]uint8) uint8 {
	var f uint8
	for _, c := range text {
		f |= flags[c]
	}
	return f
}
