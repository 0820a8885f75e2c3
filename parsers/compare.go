package parsers

import "strings"

// Difference is where two formats of nginx begin to print different lines.
type Difference struct {
	// After is what both have before that place, or the end of it.
	After string
	// A and B are what follows in each, or the beginning of it; "" at the end.
	A, B string
}

// CompareNginx compares what two formats of nginx print, however they are
// quoted, split and braced. It returns nil when they print the same. An escape
// that is not given is the one that the text says, else "default". The error
// is that one of them can't be read.
func CompareNginx(a, b Spec) (*Difference, error) {
	textA, err := nginxText(a)
	if err != nil {
		return nil, err
	}
	textB, err := nginxText(b)
	if err != nil {
		return nil, err
	}
	at := 0
	for at < len(textA) && at < len(textB) && textA[at] == textB[at] {
		at++
	}
	if at == len(textA) && at == len(textB) {
		return nil, nil
	}
	if i := strings.LastIndexByte(textA[:at], '$'); i >= 0 && (cutsName(textA[i+1:], at-i-1) || cutsName(textB[i+1:], at-i-1)) {
		at = i // variables that begin alike are told whole
	}
	const most = 40
	after := textA[:at]
	if len(after) > most {
		after = "…" + after[len(after)-most:]
	}
	begin := func(s string) string {
		if len(s) > most {
			return s[:most] + "…"
		}
		return s
	}
	return &Difference{After: after, A: begin(textA[at:]), B: begin(textB[at:])}, nil
}

// cutsName reports whether s[:n] ends within the variable that s begins with,
// behind its $.
func cutsName(s string, n int) bool {
	end := 0
	for end < len(s) && (isNameByte(s[end]) || s[0] == '{' && s[end] != '}') {
		end++
	}
	return n < end
}

// nginxText returns a format as one text, an escape other than the default one
// before it. Formats that print the same have the same text.
func nginxText(s Spec) (string, error) {
	t, pasted, err := parseLogFormat(s.Nginx)
	if err != nil {
		return "", err
	}
	esc, err := chooseEscape(s.Escape, pasted)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if esc != 0 {
		b.WriteString("escape=" + escapeNames[esc] + " ")
	}
	for i, v := range t.vars {
		b.WriteString(t.lits[i])
		if next := t.lits[i+1]; next != "" && isNameByte(next[0]) {
			b.WriteString("${" + v.name[1:] + "}")
		} else {
			b.WriteString(v.name)
		}
	}
	b.WriteString(t.lits[len(t.vars)])
	return b.String(), nil
}
