package parsers

import "slices"

// plan is how the lines of a template are cut. Every step is forced: the
// place that it cuts at is the only one at which a line of the template can be
// cut, because the byte that marks it can't be printed by what stands before
// it (or behind it, for a cut from the right). So the cuts are right for any
// line of the template without a look at what the open variables hold. The
// others are short; they are checked too, those that aren't wanted for their
// bytes alone, which refuses lines that are none of the template.
type plan struct {
	head     string
	segments []segment
}

// mark is a byte by which a literal is found: the first of its kind, or the
// last, of what is searched.
type mark struct {
	c  byte
	at int // in the literal
	// unescaped: c is a quote, and those behind a backslash don't count.
	unescaped bool
}

// segment is a run of variables up to a literal that can be found.
type segment struct {
	lit  literal // behind the variables
	mark mark
	op   segmentOp
	// width is that of the only variable, for segmentWidth.
	width int
	cuts  []cut // of all variables but the last one left
	rest  value // that one
	// search is for several variables that are left.
	search *search
}

// segmentOp is how the end of a segment is found. The first three are for one
// variable, the short ways of what the last two do for any.
type segmentOp uint8

const (
	segmentOpen     segmentOp = iota // at the mark; the variable isn't looked at
	segmentClosed                    // at the first byte that the variable, which isn't wanted, can't hold
	segmentWidth                     // behind a variable of fixed width
	segmentMarked                    // at the mark
	segmentAnchored                  // there is no mark; lit ends the line
)

// cut takes one variable off a segment whose ends are known.
type cut struct {
	op   cutOp
	lit  literal // between the variable and what is left of the segment
	mark mark
	size int // of a variable of fixed width
	value
}

// value is what is done with a variable that was cut.
type value struct {
	// field is where its place is noted, or -1.
	field int
	// lang is what it must be, when it is wanted or the user narrowed it.
	lang *language
	// wrong flags the bytes that it can't hold, when it isn't wanted and no
	// open variable either; empty says that it may be.
	wrong *[256]uint8
	empty bool
	// narrowed: lang is what the user said.
	narrowed bool
}

type cutOp uint8

const (
	cutLeft       cutOp = iota // up to the first mark
	cutRight                   // from the last mark on
	cutWidthLeft               // the first size bytes
	cutWidthRight              // the last size bytes
)

// newPlan finds the cuts for a template. fields[i] is the field that variable
// i fills, or -1. Variables between which no byte tells are searched for by
// their languages, or skipped when none of them matters.
func newPlan(t *template, fields []int) *plan {
	p := &plan{head: t.lits[0]}
	for first := 0; first < len(t.vars); {
		s := segment{op: segmentAnchored}
		end := len(t.vars)
		var before prefix
		for i := first; i < len(t.vars); i++ {
			before.addVariable(&t.vars[i])
			if m, ok := before.firstMark(t.lits[i+1]); ok {
				s = segment{mark: m, op: segmentMarked}
				end = i + 1
				break
			}
			before.addText(t.lits[i+1])
		}
		s.lit = newLiteral(t.lits[end])
		s.plan(t, first, end-1, fields)
		if end == first+1 && s.op == segmentMarked {
			s.shorten(t.vars[first].lang.width())
		}
		p.segments = append(p.segments, s)
		first = end
	}
	return p
}

// shorten chooses the shortest way to the end of a segment of one variable that
// has a mark.
func (s *segment) shorten(width int) {
	switch v := &s.rest; {
	case width >= 0:
		s.op, s.width = segmentWidth, width
	case s.mark.unescaped:
	case v.wrong != nil && s.mark.at == 0:
		s.op = segmentClosed
	case v.wrong == nil && v.lang == nil:
		s.op = segmentOpen
	}
}

// plan finds how to cut the variables a to b, both included, inside the
// segment.
func (s *segment) plan(t *template, a, b int, fields []int) {
	for a < b {
		left, right := &t.vars[a], &t.vars[b]
		var before prefix
		before.addVariable(left)
		if w := left.lang.width(); w >= 0 {
			s.cuts = append(s.cuts, cut{op: cutWidthLeft, lit: newLiteral(t.lits[a+1]), size: w, value: left.value(fields[a])})
			a++
		} else if m, ok := before.firstMark(t.lits[a+1]); ok {
			s.cuts = append(s.cuts, cut{op: cutLeft, lit: newLiteral(t.lits[a+1]), mark: m, value: left.value(fields[a])})
			a++
		} else if w := right.lang.width(); w >= 0 {
			s.cuts = append(s.cuts, cut{op: cutWidthRight, lit: newLiteral(t.lits[b]), size: w, value: right.value(fields[b])})
			b--
		} else if m, ok := lastMark(t.lits[b], right.lang.bytes()); ok {
			s.cuts = append(s.cuts, cut{op: cutRight, lit: newLiteral(t.lits[b]), mark: m, value: right.value(fields[b])})
			b--
		} else {
			s.plural(t, a, b, fields)
			return
		}
	}
	s.rest = t.vars[a].value(fields[a])
}

// plural leaves the variables a to b together.
func (s *segment) plural(t *template, a, b int, fields []int) {
	s.rest = value{field: -1}
	for i := a; i <= b; i++ {
		if fields[i] >= 0 || t.vars[i].narrowed {
			lits := append(slices.Clone(t.lits[a+1:b+1]), "")
			s.search = &search{t.vars[a : b+1], lits, fields[a : b+1]}
		}
	}
}

func (v *variable) value(field int) value {
	w := value{field: field, narrowed: v.narrowed}
	switch {
	case v.open, v.parsed:
	case field >= 0, v.narrowed:
		w.lang = v.lang
	default:
		w.wrong, w.empty = v.lang.bytes().outside(), v.lang.accept[0]
	}
	return w
}

// prefix is what is known of the text between the place where a search begins
// and the literal that it is for.
type prefix struct {
	holds byteSet
	// quotes: it can hold quotes, each behind an odd number of backslashes.
	quotes bool
}

func (p *prefix) addVariable(v *variable) {
	set := *v.lang.bytes()
	if v.escape == escapeJSON && set['"'] {
		set['"'] = false
		p.quotes = true
	}
	for b := range set {
		p.holds[b] = p.holds[b] || set[b]
	}
}

func (p *prefix) addText(text string) {
	for i := range len(text) {
		p.holds[text[i]] = true
		if text[i] == '\\' {
			p.holds['"'] = true // a backslash that escapes nothing upsets the count
		}
	}
}

// firstMark returns a byte of lit that the prefix can't hold: the first of its
// kind in a line.
func (p *prefix) firstMark(lit string) (mark, bool) {
	for i := range len(lit) {
		if !p.holds[lit[i]] {
			return mark{lit[i], i, p.quotes && lit[i] == '"'}, true
		}
		if lit[i] == '\\' {
			break
		}
	}
	return mark{}, false
}

// lastMark returns a byte of lit that what follows lit can't hold: the last of
// its kind in a line.
func lastMark(lit string, after *byteSet) (mark, bool) {
	for i := len(lit) - 1; i >= 0; i-- {
		if !after[lit[i]] {
			return mark{c: lit[i], at: i}, true
		}
	}
	return mark{}, false
}

// outside flags the bytes that aren't in the set.
func (s *byteSet) outside() *[256]uint8 {
	var f [256]uint8
	for b := range s {
		if !s[b] {
			f[b] = flagWrong
		}
	}
	return &f
}
