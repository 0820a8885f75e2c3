package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/logmeter/logmeter/parsers"
)

// compile makes the parser of a format, which cuts what the meters ask for as
// far as the format has it.
func (r *reader) compile(f *Format) (err error) {
	f.Spec.Host = r.host
	if f.Compiled, err = parsers.Compile(f.Spec); err != nil || len(r.fields) == 0 {
		return err
	}
	wanted := make([]string, len(r.fields))
	for i, name := range r.fields {
		if f.Compiled.Has(name) {
			wanted[i] = name
		}
	}
	f.Spec.Fields = wanted
	f.Compiled, err = parsers.Compile(f.Spec)
	return err
}

// compile makes the parser of a format, or reports what is wrong with it: a
// fault of a pasted format at its own line within the text.
func (t table) compile(f *Format) {
	for _, err := range each(t.r.compile(f)) {
		var spec *parsers.SpecError
		if !errors.As(err, &spec) {
			t.r.fault(t.at.line, t.name, "%v", err)
			continue
		}
		switch spec.Key {
		case "charset":
			t.charsetFault(f.Spec, spec.Err)
			continue
		case "skip":
			t.skipFault(spec.Err)
			continue
		}
		at := t.at.key(spec.Key)
		t.r.fault(at.textLine(spec.Line), t.full(spec.Key), "%v", spec.Err)
	}
	if f.Compiled != nil {
		t.warnOf(f)
	}
}

// expression is what each line of a charset holds.
const expression = `an expression over the variable's text in the log, such as "[A-Za-z0-9_-]{1,64}"`

// charsetFault reports a fault of the charset, at the line of the variable
// that it speaks of.
func (t table) charsetFault(s parsers.Spec, err error) {
	in := t.table("charset")
	for _, name := range slices.Sorted(maps.Keys(s.Charset)) {
		if text, ok := strings.CutPrefix(err.Error(), name+": "); ok {
			in.fault(name, "%s; want %s", text, expression)
			return
		}
		if strings.Contains(err.Error(), strconv.Quote(name)) {
			hint := ""
			if word := nearest(name, variables(s)); word != "" {
				hint = fmt.Sprintf("did you mean %q?", word)
			}
			in.hint(name, err.Error(), hint)
			return
		}
	}
	t.fault("charset", "%v", err)
}

// skipFault reports a fault of skip, at the line of the expression that it
// speaks of.
func (t table) skipFault(err error) {
	list, _ := t.values["skip"].([]any)
	for i, v := range list {
		if expr, ok := v.(string); ok && strings.Contains(err.Error(), "expression "+strconv.Quote(expr)+" ") {
			t.r.fault(t.at.key("skip").item(i).line, t.full("skip"), "%v", err)
			return
		}
	}
	t.fault("skip", "%v", err)
}

// variables returns the variables of a format whose charset is wrong.
func variables(s parsers.Spec) []string {
	s.Charset, s.AcceptAmbiguous = nil, true
	f, err := parsers.Compile(s)
	if err != nil {
		return nil
	}
	return f.Variables()
}

// each returns the errors that err joins.
func each(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// warnOf passes on what a person should know before billing from a format,
// each at the key that it is about.
func (t table) warnOf(f *Format) {
	ambiguous := false
	for _, w := range f.Compiled.Warnings() {
		key := w.Key
		if !t.has(key) {
			key = f.kind() // the pasted text says it
		}
		ambiguous = ambiguous || key == "accept_ambiguous"
		t.warn(key, w.Text, w.Hint)
	}
	if f.Spec.AcceptAmbiguous && !ambiguous {
		t.warn("accept_ambiguous", "nothing in this format is ambiguous", "take the line out, so that the format is checked again when it changes")
	}
}
