package parsers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
)

// language is a set of byte strings, as a deterministic automaton whose start
// is state 0. From every state some string of the set can be completed. It is
// read-only once built.
type language struct {
	next   [][256]int16 // state and byte to state, dead if nothing follows
	accept []bool
}

const dead = -1

// maxStates bounds an automaton, so that a pasted {1,1000} can't take the
// memory of the machine.
const maxStates = 2048

// newLanguage builds the language of a regular expression in Go's syntax,
// which must match whole strings and is over bytes: \xE9 is that byte.
func newLanguage(expr string) (*language, error) {
	for i := range len(expr) {
		if expr[i] >= 0x80 {
			return nil, fmt.Errorf("expression %q holds a letter beyond ASCII; write its bytes as \\xHH", expr)
		}
	}
	re, err := syntax.Parse(expr, syntax.Perl&^syntax.UnicodeGroups)
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, err
	}
	for _, in := range prog.Inst {
		if in.Op == syntax.InstEmptyWidth {
			return nil, fmt.Errorf("expression %q has an anchor; leave it out: the whole value has to match anyway", expr)
		}
	}
	d := determinizer{prog: prog, index: map[string]int16{}}
	if err := d.run(); err != nil {
		return nil, fmt.Errorf("expression %q %w", expr, err)
	}
	return d.out.trim()
}

// determinizer makes one state of every set of program counters that the
// same string can lead to.
type determinizer struct {
	prog  *syntax.Prog
	index map[string]int16
	sets  [][]uint32
	out   language
}

func (d *determinizer) run() error {
	if _, err := d.state(d.closure(nil, uint32(d.prog.Start))); err != nil {
		return err
	}
	for s := 0; s < len(d.sets); s++ {
		for b := range 256 {
			var to []uint32
			for _, pc := range d.sets[s] {
				if in := &d.prog.Inst[pc]; matchesByte(in, byte(b)) {
					to = d.closure(to, in.Out)
				}
			}
			if len(to) == 0 {
				d.out.next[s][b] = dead
				continue
			}
			n, err := d.state(to)
			if err != nil {
				return err
			}
			d.out.next[s][b] = n
		}
	}
	return nil
}

func matchesByte(in *syntax.Inst, b byte) bool {
	switch in.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return in.MatchRune(rune(b))
	}
	return false
}

// closure adds to set what can be reached from pc without reading a byte.
func (d *determinizer) closure(set []uint32, pc uint32) []uint32 {
	if slices.Contains(set, pc) {
		return set
	}
	set = append(set, pc)
	switch in := &d.prog.Inst[pc]; in.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		return d.closure(d.closure(set, in.Out), in.Arg)
	case syntax.InstCapture, syntax.InstNop:
		return d.closure(set, in.Out)
	}
	return set
}

// state returns the number of the state for a set, making it when it is new.
func (d *determinizer) state(set []uint32) (int16, error) {
	slices.Sort(set)
	var key []byte
	for _, pc := range set {
		key = binary.LittleEndian.AppendUint32(key, pc)
	}
	if n, ok := d.index[string(key)]; ok {
		return n, nil
	}
	if len(d.sets) == maxStates {
		return 0, fmt.Errorf("is too large: it needs more than %d states", maxStates)
	}
	n := int16(len(d.sets))
	d.index[string(key)] = n
	d.sets = append(d.sets, set)
	d.out.next = append(d.out.next, [256]int16{})
	d.out.accept = append(d.out.accept, slices.ContainsFunc(set, func(pc uint32) bool {
		return d.prog.Inst[pc].Op == syntax.InstMatch
	}))
	return n, nil
}

// trim cuts off the states from which no string can be completed.
func (l *language) trim() (*language, error) {
	alive := slices.Clone(l.accept)
	for grown := true; grown; {
		grown = false
		for s := range l.next {
			for b := 0; b < 256 && !alive[s]; b++ {
				if n := l.next[s][b]; n != dead && alive[n] {
					alive[s], grown = true, true
				}
			}
		}
	}
	if !alive[0] {
		return nil, errors.New("the expression matches nothing")
	}
	for s := range l.next {
		for b := range 256 {
			if n := l.next[s][b]; n != dead && !alive[n] {
				l.next[s][b] = dead
			}
		}
	}
	return l, nil
}

// intersect returns the strings that are in both languages.
func (l *language) intersect(o *language) (*language, error) {
	type both struct{ a, b int16 }
	out := &language{}
	index := map[both]int16{}
	var states []both
	state := func(s both) int16 {
		if n, ok := index[s]; ok {
			return n
		}
		n := int16(len(states))
		index[s] = n
		states = append(states, s)
		out.next = append(out.next, [256]int16{})
		out.accept = append(out.accept, l.accept[s.a] && o.accept[s.b])
		return n
	}
	state(both{0, 0})
	for i := 0; i < len(states); i++ {
		if len(states) > maxStates {
			return nil, fmt.Errorf("is too large: it needs more than %d states", maxStates)
		}
		for b := range 256 {
			to := both{l.next[states[i].a][b], o.next[states[i].b][b]}
			if to.a == dead || to.b == dead {
				out.next[i][b] = dead
				continue
			}
			n := state(to)
			out.next[i][b] = n
		}
	}
	return out.trim()
}

// has reports whether text is in the language.
func (l *language) has(text []byte) bool {
	s := int16(0)
	for _, b := range text {
		if s = l.next[s][b]; s == dead {
			return false
		}
	}
	return l.accept[s]
}

// byteSet is a set of byte values.
type byteSet [256]bool

// bytes returns the bytes that strings of the language consist of.
func (l *language) bytes() *byteSet {
	var set byteSet
	seen := make([]bool, len(l.next))
	seen[0] = true
	for todo := []int16{0}; len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for b := range 256 {
			n := l.next[s][b]
			if n == dead {
				continue
			}
			set[b] = true
			if !seen[n] {
				seen[n] = true
				todo = append(todo, n)
			}
		}
	}
	return &set
}

// width returns the length that all strings of the language have, or -1.
func (l *language) width() int {
	depth := map[int16]int{0: 0}
	width := -1
	for todo := []int16{0}; len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if l.accept[s] {
			if width >= 0 && width != depth[s] {
				return -1
			}
			width = depth[s]
		}
		for b := range 256 {
			n := l.next[s][b]
			if n == dead {
				continue
			}
			if at, ok := depth[n]; !ok {
				depth[n] = depth[s] + 1
				todo = append(todo, n)
			} else if at != depth[s]+1 {
				return -1 // two ways of different length lead to n
			}
		}
	}
	return width
}
