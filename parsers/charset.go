package parsers

import (
	"fmt"
	"maps"
	"slices"
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

// charsetLanguage builds the language of what the user says a variable holds,
// as the log prints it: what the escape never prints is no part of it, and a
// dash or nothing, for a value that is absent, always is.
func charsetLanguage(expr string, esc escape) (*language, error) {
	if _, err := newLanguage(expr); err != nil {
		return nil, err
	}
	l, err := newLanguage("(?:" + expr + ")|-|")
	if err != nil {
		return nil, err
	}
	printable, err := newLanguage(esc.anything())
	if err != nil {
		return nil, err
	}
	if l, err = l.intersect(printable); err != nil {
		return nil, fmt.Errorf("expression %q %w", expr, err)
	}
	return l, nil
}
