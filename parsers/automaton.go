package parsers

// automaton is a template as a nondeterministic automaton over lines. A node
// says what the last byte read belongs to: variable i in a state of its
// language, or literal i up to a byte. Node 0 is the start of the line.
type automaton struct {
	tmpl  *template
	nodes []node
	// varBase[i] is the node of variable i in state 0, litBase[i] that of
	// literal i with no byte read.
	varBase, litBase []int
	// classes numbers the bytes that no part of the template tells apart, and
	// sample has one byte of each class.
	classes [256]uint8
	sample  []byte
	// next holds the nodes that can follow, by node and class.
	next  [][][]int32
	final []bool
}

type node struct {
	variable int // index, or -1
	literal  int // index when variable is -1
	at       int // state of the variable, or bytes of the literal read
}

func newAutomaton(t *template) *automaton {
	a := &automaton{tmpl: t}
	a.classify()
	for i, lit := range t.lits {
		a.litBase = append(a.litBase, len(a.nodes))
		for k := range len(lit) + 1 {
			a.nodes = append(a.nodes, node{-1, i, k})
		}
		if i < len(t.vars) {
			a.varBase = append(a.varBase, len(a.nodes))
			for s := range t.vars[i].lang.next {
				a.nodes = append(a.nodes, node{variable: i, at: s})
			}
		}
	}
	a.final = make([]bool, len(a.nodes))
	a.next = make([][][]int32, len(a.nodes))
	for n := range a.nodes {
		a.next[n] = make([][]int32, len(a.sample))
		from, final := a.ready(n)
		a.final[n] = final
		for c, b := range a.sample {
			for _, f := range from {
				if to := a.read(f, b); to >= 0 {
					a.next[n][c] = append(a.next[n][c], int32(to))
				}
			}
		}
	}
	return a
}

// classify partitions the bytes.
func (a *automaton) classify() {
	var class [256]int
	count := 1
	split := func(of func(b int) int32) {
		seen := map[[2]int]int{}
		for b := range class {
			key := [2]int{class[b], int(of(b))}
			if _, ok := seen[key]; !ok {
				seen[key] = len(seen)
			}
			class[b] = seen[key]
		}
		count = len(seen)
	}
	done := map[*language]bool{}
	for _, v := range a.tmpl.vars {
		if done[v.lang] {
			continue
		}
		done[v.lang] = true
		for s := range v.lang.next {
			split(func(b int) int32 { return int32(v.lang.next[s][b]) })
		}
	}
	for _, lit := range a.tmpl.lits {
		for i := range len(lit) {
			split(func(b int) int32 {
				if byte(b) == lit[i] {
					return 1
				}
				return 0
			})
		}
	}
	a.sample = make([]byte, count)
	named := make([]bool, count)
	for _, text := range []string{"a0A-_ !#$%&'()*+,./:;<=>?@[]^`{|}~\"\\"} {
		for i := range len(text) {
			if c := class[text[i]]; !named[c] {
				named[c], a.sample[c] = true, text[i]
			}
		}
	}
	for b := range class {
		if c := class[b]; !named[c] {
			named[c], a.sample[c] = true, byte(b)
		}
		a.classes[b] = uint8(class[b])
	}
}

// ready returns the nodes from which the byte behind node n may be read: n
// itself and what begins there when what n stands in may end. final says that
// the line may end there.
func (a *automaton) ready(n int) (from []int, final bool) {
	t := a.tmpl
	at := a.nodes[n]
	i := at.variable
	if i < 0 {
		if at.at < len(t.lits[at.literal]) {
			return []int{n}, false
		}
		if i = at.literal; i == len(t.vars) {
			return nil, true
		}
		from, at = []int{a.varBase[i]}, node{variable: i}
	} else {
		from = []int{n}
	}
	for t.vars[i].lang.accept[at.at] {
		i++
		if t.lits[i] != "" {
			return append(from, a.litBase[i]), false
		}
		if i == len(t.vars) {
			return from, true
		}
		at.at = 0
		from = append(from, a.varBase[i])
	}
	return from, false
}

// read returns the node behind byte b, read at node n, or -1.
func (a *automaton) read(n int, b byte) int {
	at := a.nodes[n]
	if i := at.variable; i >= 0 {
		s := a.tmpl.vars[i].lang.next[at.at][b]
		if s == dead {
			return -1
		}
		return a.varBase[i] + int(s)
	}
	if a.tmpl.lits[at.literal][at.at] != b {
		return -1
	}
	return n + 1
}
