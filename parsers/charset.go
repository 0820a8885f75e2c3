package parsers

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// narrow gives variables the languages that the user promises for them. A
// variable may always be absent.
func (t *template) narrow(charset map[string]string) (assumptions []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(charset)) {
		expr := charset[name]
		found := false
		for i := range t.vars {
			v := &t.vars[i]
			if v.name != name {
				continue
			}
			found = true
			if v.lang, err = charsetLanguage(expr, v.escape); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			v.narrowed, v.open, v.parsed = true, false, false
		}
		if !found {
			return nil, fmt.Errorf("the format has no variable %q; want one of its variables", name)
		}
		assumptions = append(assumptions, fmt.Sprintf("%s is absent or matches %s; a line where it doesn't is refused", name, expr))
	}
	return assumptions, nil
}

// charsetLanguage builds the language of what the user says a variable holds.
func charsetLanguage(expr string, esc escape) (*language, error) {
	l, err := newLanguage(expr)
	if err != nil {
		return nil, err
	}
	set, flags := l.bytes(), esc.flags()
	for b := range set {
		if set[b] && (flags[b] != 0 || b == '\\' || b == '"' || b < 0x20) {
			return nil, fmt.Errorf("charset %q allows the byte %q, which logs write as an escape; want printable bytes without quote and backslash, such as [A-Za-z0-9_-]{1,64}", expr, rune(b))
		}
	}
	absent := ""
	if esc == escapeDefault {
		absent = "-"
	}
	if l.has([]byte(absent)) {
		return l, nil
	}
	return newLanguage(strings.Join([]string{"(?:", expr, ")|", absent}, ""))
}
