package parsers

import "slices"

// plan is how the lines of a template are cut. Every step is forced: the
// place that it cuts at is the only one at which a line of the template can be
// cut, because the byte that marks it can't be printed by what stands before
// it (or behind it, for a cut from the right). So the cuts are right for any
// line of the template without a look at what the open variables hold. The
// others are short; they are checked, which refuses most lines that are none
// of the template.
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
	lit  string // behind the variables
	mark mark
	// anchored: there is no such mark; lit ends the line.
	anchored bool
	cuts     []cut
}

// cut takes one variable off a segment whose ends are known.
type cut struct {
	op   cutOp
	lit  string // between the variable and what is left of the segment
	mark mark
	size int // of a variable of fixed width
	// field is where the variable's place is noted, or -1.
	field int
	// lang is what the variable must be, nil when that isn't checked here.
	lang *language
	// narrowed: lang is what the user said.
	narrowed bool
	search   *search // for cutSearch
}

type cutOp uint8

const (
	cutRest       cutOp = iota // the variable is all that is left
	cutLeft                    // up to the first mark
	cutRight                   // from the last mark on
	cutWidthLeft               // the first size bytes
	cutWidthRight              // the last size bytes
	cutSearch                  // several variables, which are all that is left
)

// newPlan finds the cuts for a template. fields[i] is the field that variable
// i fills, or -1. Variables between which no byte tells are searched for by
// their languages, or skipped when none of them matters.
func newPlan(t *template, fields []int) *plan {
	p := &plan{head: t.lits[0]}
	for first := 0; first < len(t.vars); {
		s := segment{anchored: true}
		end := len(t.vars)
		var before prefix
		for i := first; i < len(t.vars); i++ {
			before.addVariable(&t.vars[i])
			if m, ok := before.firstMark(t.lits[i+1]); ok {
				s = segment{mark: m}
				end = i + 1
				break
			}
			before.addText(t.lits[i+1])
		}
		s.lit = t.lits[end]
		s.plan(t, first, end-1, fields)
		p.segments = append(p.segments, s)
		first = end
	}
	return p
}

// plan finds how to cut the variables a to b, both included, inside the
// segment.
func (s *segment) plan(t *template, a, b int, fields []int) {
	for a < b {
		left, right := &t.vars[a], &t.vars[b]
		var before prefix
		before.addVariable(left)
		if w := left.lang.width(); w >= 0 {
			s.add(cut{op: cutWidthLeft, lit: t.lits[a+1], size: w}, left, fields[a])
			a++
		} else if m, ok := before.firstMark(t.lits[a+1]); ok {
			s.add(cut{op: cutLeft, lit: t.lits[a+1], mark: m}, left, fields[a])
			a++
		} else if w := right.lang.width(); w >= 0 {
			s.add(cut{op: cutWidthRight, lit: t.lits[b], size: w}, right, fields[b])
			b--
		} else if m, ok := lastMark(t.lits[b], right.lang.bytes()); ok {
			s.add(cut{op: cutRight, lit: t.lits[b], mark: m}, right, fields[b])
			b--
		} else {
			s.search(t, a, b, fields)
			return
		}
	}
	s.add(cut{op: cutRest}, &t.vars[a], fields[a])
}

func (s *segment) add(c cut, v *variable, field int) {
	c.field, c.narrowed = field, v.narrowed
	if !v.open && !v.parsed {
		c.lang = v.lang
	}
	s.cuts = append(s.cuts, c)
}

// search adds the cut of the variables a to b together.
func (s *segment) search(t *template, a, b int, fields []int) {
	matters := false
	for i := a; i <= b; i++ {
		matters = matters || fields[i] >= 0 || t.vars[i].narrowed
	}
	if !matters {
		s.cuts = append(s.cuts, cut{op: cutRest, field: -1})
		return
	}
	lits := append(slices.Clone(t.lits[a+1:b+1]), "")
	s.cuts = append(s.cuts, cut{op: cutSearch, field: -1, search: &search{t.vars[a : b+1], lits, fields[a : b+1]}})
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
	if v.open && v.escape == escapeJSON {
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
