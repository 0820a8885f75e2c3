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
		to := len(line) - len(s.lit.text)
		switch s.op {
		case segmentOpen:
			to = from + bytes.IndexByte(line[from:], s.mark.c) - s.mark.at
			if to < from || !s.lit.at(line, to, len(line)) {
				return refusedNoMatch
			}
			if k := s.rest.field; k >= 0 {
				fields[k] = span{from, to}
			}
			from = to + len(s.lit.text)
			continue
		case segmentClosed:
			for to = from; to < len(line) && s.rest.wrong[line[to]] == 0; {
				to++
			}
			if to == from && !s.rest.empty || !s.lit.at(line, to, len(line)) {
				return refusedNoMatch
			}
			from = to + len(s.lit.text)
			continue
		case segmentWidth:
			if to = from + s.width; !s.lit.at(line, to, len(line)) {
				to = from + s.mark.index(line[from:]) - s.mark.at // so that reading it says what is wrong
			}
		case segmentMarked:
			to = from + s.mark.index(line[from:]) - s.mark.at
		}
		if to < from || !s.lit.at(line, to, len(line)) {
			return refusedNoMatch
		}
		rest := span{from, to}
		for k := range s.cuts {
			var err *agent.Refused
			if rest, err = s.cuts[k].take(line, rest, fields); err != nil {
				return err
			}
		}
		if s.search != nil {
			if !s.search.run(line, rest.from, rest.to, fields, m) {
				return refusedNoMatch
			}
		} else if err := s.rest.note(line, rest, fields); err != nil {
			return err
		}
		from = to + len(s.lit.text)
	}
	if from != len(line) {
		return refusedNoMatch
	}
	return nil
}

// take cuts the variable off a part of the line and returns what is left.
func (c *cut) take(line []byte, part span, fields []span) (rest span, err *agent.Refused) {
	lit := part.from + c.size // where c.lit begins
	switch c.op {
	case cutLeft:
		lit = part.from + c.mark.index(line[part.from:part.to]) - c.mark.at
	case cutRight:
		lit = part.from + bytes.LastIndexByte(line[part.from:part.to], c.mark.c) - c.mark.at
	case cutWidthRight:
		lit = part.to - c.size - len(c.lit.text)
	}
	if lit < part.from || !c.lit.at(line, lit, part.to) {
		return rest, refusedNoMatch
	}
	before, after := span{part.from, lit}, span{lit + len(c.lit.text), part.to}
	if c.op == cutLeft || c.op == cutWidthLeft {
		return after, c.note(line, before, fields)
	}
	return before, c.note(line, after, fields)
}

// note checks a variable and notes its place.
func (v *value) note(line []byte, at span, fields []span) *agent.Refused {
	text := line[at.from:at.to]
	switch {
	case v.wrong != nil:
		if len(text) == 0 && !v.empty || flagsOf(text, v.wrong) != 0 {
			return refusedNoMatch
		}
	case v.lang != nil && !v.lang.has(text):
		if v.narrowed {
			return refusedCharset
		}
		return refusedNoMatch
	}
	if v.field >= 0 {
		fields[v.field] = at
	}
	return nil
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
