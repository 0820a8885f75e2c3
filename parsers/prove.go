package parsers

import (
	"math"
	"slices"
)

// ambiguity is the proof that a variable isn't determined: a line of the
// template that can be read in two ways.
type ambiguity struct {
	variable int
	line     []byte
	// readings[k][i] is what variable i holds in reading k.
	readings [2][]string
}

// maxPairs bounds the proof; a format that needs more is called ambiguous
// without a line to show for it.
const maxPairs = 1 << 20

// prove returns an ambiguity for each wanted variable that isn't determined:
// some line of the template can be read so that it holds other bytes of the
// line. When all are determined, each step that cuts them is right, whatever
// clients send.
//
// It follows all pairs of readings of one line at once. A variable isn't
// determined when two readings of a whole line give a byte to it in one of
// them only. ok is false when there are too many pairs to follow.
func (t *template) prove(wanted []int) (found []ambiguity, ok bool) {
	p := &prover{automaton: newAutomaton(t)}
	if !p.explore() {
		return nil, false
	}
	p.measure()
	for _, v := range wanted {
		best, length := -1, math.MaxInt
		for i, at := range p.pairs {
			moved := (p.nodes[at.p].variable == v) != (p.nodes[at.q].variable == v)
			if moved && at.toEnd >= 0 && at.fromStart+at.toEnd < length {
				best, length = i, at.fromStart+at.toEnd
			}
		}
		if best >= 0 {
			found = append(found, p.witness(v, best))
		}
	}
	return found, true
}

// pair is two nodes that the same bytes lead to, p <= q.
type pair struct {
	p, q       int32
	parent     int32 // the pair before, -1 for the first
	fromParent byte  // the byte that leads here
	fromStart  int   // in bytes, the shortest way
	toEnd      int   // in bytes, the shortest way to the end of a line, or -1
	toNext     byte  // the first byte of that way
	next       int32 // and the pair that it leads to
}

type prover struct {
	*automaton
	pairs []pair
	index []int32 // of the pair of nodes p <= q, plus one
}

func (p *prover) number(a, b int32) *int32 {
	if a > b {
		a, b = b, a
	}
	return &p.index[int(b)*(int(b)+1)/2+int(a)]
}

// explore finds every pair, the nearest to the start first.
func (p *prover) explore() bool {
	n := len(p.nodes)
	if n*(n+1)/2 > 16*maxPairs {
		return false
	}
	p.index = make([]int32, n*(n+1)/2)
	p.add(pair{parent: -1, toEnd: -1})
	for i := 0; i < len(p.pairs); i++ {
		p.successors(int32(i), func(a, b int32, c int) {
			p.add(pair{p: a, q: b, parent: int32(i), fromParent: p.sample[c], fromStart: p.pairs[i].fromStart + 1, toEnd: -1})
		})
		if len(p.pairs) > maxPairs {
			return false
		}
	}
	return true
}

func (p *prover) add(at pair) {
	if n := p.number(at.p, at.q); *n == 0 {
		if at.p > at.q {
			at.p, at.q = at.q, at.p
		}
		p.pairs = append(p.pairs, at)
		*n = int32(len(p.pairs))
	}
}

// successors calls yield for all pairs that one byte of class c leads to.
func (p *prover) successors(i int32, yield func(a, b int32, c int)) {
	at := p.pairs[i]
	for c := range p.sample {
		for _, a := range p.automaton.next[at.p][c] {
			for _, b := range p.automaton.next[at.q][c] {
				yield(a, b, c)
			}
		}
	}
}

// measure finds the shortest way to the end of a line from every pair.
func (p *prover) measure() {
	for changed := true; changed; {
		changed = false
		// Backwards, since ways lead forwards: few rounds are needed.
		for i := int32(len(p.pairs)) - 1; i >= 0; i-- {
			at := &p.pairs[i]
			if at.toEnd < 0 && p.final[at.p] && p.final[at.q] {
				at.toEnd, at.next, changed = 0, -1, true
			}
			p.successors(i, func(a, b int32, c int) {
				n := *p.number(a, b) - 1
				if d := p.pairs[n].toEnd; d >= 0 && (at.toEnd < 0 || d+1 < at.toEnd) {
					at.toEnd, at.next, at.toNext, changed = d+1, n, p.sample[c], true
				}
			})
		}
	}
}

// witness builds the shortest line through a pair, and its two readings.
func (p *prover) witness(v, through int) ambiguity {
	var line []byte
	var way []int32
	for i := int32(through); i > 0; i = p.pairs[i].parent {
		line = append([]byte{p.pairs[i].fromParent}, line...)
		way = append([]int32{i}, way...)
	}
	for i := int32(through); p.pairs[i].next >= 0; i = p.pairs[i].next {
		line = append(line, p.pairs[i].toNext)
		way = append(way, p.pairs[i].next)
	}
	w := ambiguity{variable: v, line: line}
	for k := range w.readings {
		w.readings[k] = make([]string, len(p.tmpl.vars))
	}
	// A pair doesn't say which of its nodes belongs to which reading; any way
	// to go on that the automaton has will do.
	a, b := int32(0), int32(0)
	for i, n := range way {
		c := p.classes[line[i]]
		to := p.pairs[n]
		if !slices.Contains(p.automaton.next[a][c], to.p) || !slices.Contains(p.automaton.next[b][c], to.q) {
			to.p, to.q = to.q, to.p
		}
		a, b = to.p, to.q
		for k, at := range []int32{a, b} {
			if v := p.nodes[at].variable; v >= 0 {
				w.readings[k][v] += string(line[i : i+1])
			}
		}
	}
	return w
}
