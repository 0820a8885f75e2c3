package parsers

// search cuts a run of variables that no single byte tells apart, by their
// languages: of all readings of the text that the template has, it takes the
// one in which the first variable is shortest, then the second, and so on.
// When the wanted ones are proven to be determined, they are the same in every
// reading. Its time grows with the length of the text only.
type search struct {
	vars []variable
	lits []string // lits[i] stands behind vars[i]; the last is empty
	// field is where a variable's place is noted, or -1.
	field []int
}

// memory is what a search needs; it belongs to one parser.
type memory struct {
	// begin[i] tells for each position whether the text from there on can be
	// read as variable i and all that follows.
	begin [][]bool
	// alive[i][s]: so can the text from the position looked at on, with
	// variable i in state s. before is the same one byte further on.
	alive, before [][]bool
}

// run notes the fields in line[from:to]. It reports false when the text can't
// be read so.
func (s *search) run(line []byte, from, to int, fields []span, m *memory) bool {
	text := line[from:to]
	m.grow(s, len(text))
	for at := len(text); at >= 0; at-- {
		m.alive, m.before = m.before, m.alive
		for i := len(s.vars) - 1; i >= 0; i-- {
			lang := s.vars[i].lang
			leave := s.canLeave(i, text, at, m)
			for state, accept := range lang.accept {
				ok := accept && leave
				if !ok && at < len(text) {
					n := lang.next[state][text[at]]
					ok = n != dead && m.before[i][n]
				}
				m.alive[i][state] = ok
			}
			m.begin[i][at] = m.alive[i][0]
		}
	}
	if !m.begin[0][0] {
		return false
	}
	at := 0
	for i := range s.vars {
		lang, state, start := s.vars[i].lang, int16(0), at
		for !lang.accept[state] || !s.canLeave(i, text, at, m) {
			state = lang.next[state][text[at]]
			at++
		}
		if k := s.field[i]; k >= 0 {
			fields[k] = span{from + start, from + at}
		}
		at += len(s.lits[i])
	}
	return true
}

// canLeave reports whether the text from at on can be read as what follows
// variable i.
func (s *search) canLeave(i int, text []byte, at int, m *memory) bool {
	if i == len(s.vars)-1 {
		return at == len(text)
	}
	end := at + len(s.lits[i])
	return end <= len(text) && string(text[at:end]) == s.lits[i] && m.begin[i+1][end]
}

// grow makes room for a text of n bytes.
func (m *memory) grow(s *search, n int) {
	for len(m.begin) < len(s.vars) {
		m.begin = append(m.begin, nil)
		m.alive = append(m.alive, nil)
		m.before = append(m.before, nil)
	}
	for i := range s.vars {
		if len(m.begin[i]) <= n {
			m.begin[i] = make([]bool, n+n/2+1)
		}
		if states := len(s.vars[i].lang.next); len(m.alive[i]) < states {
			m.alive[i], m.before[i] = make([]bool, states), make([]bool, states)
		}
	}
}
