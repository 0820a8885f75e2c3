package parsers

import (
	"bytes"

	"github.com/logmeter/logmeter/agent"
)

// span is a part of a line.
type span struct{ from, to int }

// cut notes where in the line the wanted fields stand. It returns why not when
// the line isn't of the template. What the open variables hold isn't looked
// at, only where they end.
func (p *plan) cut(line []byte, fields []span, m *memory) *agent.Refused {
	if len(line) < len(p.head) || string(line[:len(p.head)]) != p.head {
		return refusedNoMatch
	}
	from := len(p.head)
	for i := range p.segments {
		s := &p.segments[i]
		to := len(line) - len(s.lit)
		if !s.anchored {
			to = from + s.mark.index(line[from:]) - s.mark.at
		}
		if to < from || len(line)-to < len(s.lit) || string(line[to:to+len(s.lit)]) != s.lit {
			return refusedNoMatch
		}
		rest := span{from, to}
		for k := range s.cuts {
			var err *agent.Refused
			if c := &s.cuts[k]; c.op != cutSearch {
				rest, err = c.take(line, rest, fields)
			} else if !c.search.run(line, rest.from, rest.to, fields, m) {
				err = refusedNoMatch
			}
			if err != nil {
				return err
			}
		}
		from = to + len(s.lit)
	}
	if from != len(line) {
		return refusedNoMatch
	}
	return nil
}

// take cuts the variable off a part of the line and returns what is left.
func (c *cut) take(line []byte, part span, fields []span) (rest span, err *agent.Refused) {
	v := part
	lit := part.to // where c.lit begins
	switch c.op {
	case cutLeft, cutWidthLeft:
		if lit = part.from + c.size; c.op == cutLeft {
			lit = part.from + c.mark.index(line[part.from:part.to]) - c.mark.at
		}
		v.to = lit
		rest = span{lit + len(c.lit), part.to}
	case cutRight, cutWidthRight:
		if lit = part.to - c.size - len(c.lit); c.op == cutRight {
			lit = part.from + bytes.LastIndexByte(line[part.from:part.to], c.mark.c) - c.mark.at
		}
		v.from = lit + len(c.lit)
		rest = span{part.from, lit}
	}
	if lit < part.from || lit+len(c.lit) > part.to || string(line[lit:lit+len(c.lit)]) != c.lit {
		return rest, refusedNoMatch
	}
	if c.lang != nil && !c.lang.has(line[v.from:v.to]) {
		if c.narrowed {
			return rest, refusedCharset
		}
		return rest, refusedNoMatch
	}
	if c.field >= 0 {
		fields[c.field] = v
	}
	return rest, nil
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
