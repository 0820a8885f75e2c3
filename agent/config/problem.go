package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Problem is one thing that is wrong, or suspicious, at one place of the
// configuration. It holds no secret.
type Problem struct {
	File string // as given to Load or Parse
	Line int    // from 1
	Key  string // dotted, such as meter.api-calls.match.path; may be empty
	Text string // what is wrong and what is accepted
	Hint string // what to do about it; may be empty
}

// Error returns file:line: key: text, and the hint on a line of its own.
func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: ", p.File, p.Line)
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Text)
	if p.Hint != "" {
		b.WriteString("\n  hint: " + p.Hint)
	}
	return b.String()
}

// Problems is everything that is wrong in a configuration, sorted by line, at
// least one. It is the error of Parse and CheckRun.
type Problems []*Problem

// Error returns the problems one below the other.
func (ps Problems) Error() string { return strings.Join(ps.texts(), "\n") }

// Unwrap returns the problems one by one.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

func (ps Problems) texts() []string {
	texts := make([]string, len(ps))
	for i, p := range ps {
		texts[i] = p.Error()
	}
	return texts
}

// err returns the problems as an error, nil when there are none.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	slices.SortStableFunc(ps, func(a, b *Problem) int { return cmp.Compare(a.Line, b.Line) })
	return ps
}

// secrets matches what looks like a secret of Stripe. Somebody who pastes one
// into the wrong place must not find it in a log.
var secrets = regexp.MustCompile(`\b((?:sk|rk)_(?:live|test)|whsec)_[A-Za-z0-9]+`)

// clean makes a text fit to be shown: secrets are hidden, and bytes that a
// terminal would obey are replaced.
func clean(text string) string {
	text = secrets.ReplaceAllString(text, "${1}_***")
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return utf8.RuneError
		}
		return c
	}, text)
}

// show quotes a value of the file for a message.
func show(value string) string {
	const most = 80
	if len(value) > most {
		value = strings.ToValidUTF8(value[:most], "") + "…"
	}
	return fmt.Sprintf("%q", value)
}
