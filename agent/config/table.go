package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reader reads the tables of one file and collects what is wrong. A bad value
// leaves its default in place, so that one slip hides no other.
type reader struct {
	file     string // as given, for messages
	dir      string // absolute; relative paths of the file begin here
	env      func(string) string
	fields   []string // that the meters ask for, as agent.Fields has them
	host     bool     // that they ask for the host
	problems Problems
	warnings Problems
}

func (r *reader) fault(line int, key, format string, args ...any) {
	r.hint(line, key, fmt.Sprintf(format, args...), "")
}

func (r *reader) hint(line int, key, text, hint string) {
	r.problems = append(r.problems, r.problem(line, key, text, hint))
}

func (r *reader) warn(line int, key, text, hint string) {
	r.warnings = append(r.warnings, r.problem(line, key, text, hint))
}

func (r *reader) problem(line int, key, text, hint string) *Problem {
	return &Problem{r.file, line, clean(key), clean(text), clean(hint)}
}

// table is one table of the file.
type table struct {
	r       *reader
	name    string // dotted, as messages show it; "" at the top
	pattern string // the name with NAME for what the user chose
	values  map[string]any
	at      *place
}

// full returns the dotted name of a key of the table, for messages.
func (t table) full(key string) string {
	if !isName(key) || strings.Contains(key, ".") {
		key = strconv.Quote(key)
	}
	return join(t.name, key)
}

func join(table, key string) string {
	if table == "" {
		return key
	}
	return table + "." + key
}

// line returns the line of a key, the table's own when the key isn't there.
func (t table) line(key string) int { return t.at.key(key).line }

func (t table) has(key string) bool { _, ok := t.values[key]; return ok }

func (t table) fault(key, format string, args ...any) {
	t.r.fault(t.line(key), t.full(key), format, args...)
}

func (t table) hint(key, text, hint string) { t.r.hint(t.line(key), t.full(key), text, hint) }

func (t table) warn(key, text, hint string) { t.r.warn(t.line(key), t.full(key), text, hint) }

// missing reports that a key must be there and isn't.
func (t table) missing(key string) {
	t.r.fault(t.at.line, t.name, "has no %s; want %s", key, want(join(t.pattern, key)))
}

func (t table) wrongType(key string, line int, v any) {
	t.r.fault(line, t.full(key), "is %s; want %s", kind(v), want(join(t.pattern, key)))
}

// str reads a string that isn't empty into dst. It reports whether it did.
func (t table) str(key string, dst *string) bool {
	v, ok := t.values[key]
	if !ok {
		return false
	}
	s, ok := v.(string)
	if !ok {
		t.wrongType(key, t.line(key), v)
		return false
	}
	if s == "" {
		t.fault(key, "is empty; want %s", want(join(t.pattern, key)))
		return false
	}
	*dst = s
	return true
}

// choice reads a string that must be one of words into dst.
func (t table) choice(key string, dst *string, words ...string) {
	var s string
	if !t.str(key, &s) {
		return
	}
	if slices.Contains(words, s) {
		*dst = s
		return
	}
	hint := ""
	if word := nearest(s, words); word != "" && len(words) > 1 {
		hint = fmt.Sprintf("did you mean %q?", word)
	}
	t.hint(key, show(s)+" isn't understood; want "+want(join(t.pattern, key)), hint)
}

// flag reads a boolean into dst.
func (t table) flag(key string, dst *bool) {
	switch v := t.values[key].(type) {
	case nil:
	case bool:
		*dst = v
	default:
		t.wrongType(key, t.line(key), v)
	}
}

// duration reads a duration between least and most, written as a string.
func (t table) duration(key string, dst *time.Duration, least, most time.Duration) {
	var s string
	if !t.str(key, &s) {
		return
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		t.fault(key, "%s isn't a duration; want %s", show(s), want(join(t.pattern, key)))
	case d < least || d > most:
		t.fault(key, "%s is out of range; want %v to %v", show(s), least, most)
	default:
		*dst = d
	}
}

// number reads a whole number between least and most into dst.
func (t table) number(key string, dst *int, least, most int) {
	switch v := t.values[key].(type) {
	case nil:
	case int64:
		if v < int64(least) || v > int64(most) {
			t.fault(key, "%d is out of range; want %d to %d", v, least, most)
			return
		}
		*dst = int(v)
	default:
		t.wrongType(key, t.line(key), v)
	}
}

// item is one string of a list, and its line.
type item struct {
	text string
	line int
}

// list reads a string, or a list of them, none of them empty. Whole numbers
// are taken where the key asks for codes.
func (t table) list(key string, asText func(any) (string, bool)) []item {
	v, ok := t.values[key]
	if !ok {
		return nil
	}
	values, at := []any{v}, t.at.key(key)
	if list, ok := v.([]any); ok {
		values = list
		if len(list) == 0 {
			t.fault(key, "is an empty list; want %s", want(join(t.pattern, key)))
		}
	}
	var items []item
	for i, v := range values {
		line := at.item(i).line // a single value has no items
		s, ok := asText(v)
		switch {
		case !ok:
			t.wrongType(key, line, v)
		case s == "":
			t.r.fault(line, t.full(key), "is empty; want %s", want(join(t.pattern, key)))
		default:
			items = append(items, item{s, line})
		}
	}
	return items
}

func asString(v any) (string, bool) { s, ok := v.(string); return s, ok }

// asCode takes a status as a string or as a whole number.
func asCode(v any) (string, bool) {
	if n, ok := v.(int64); ok {
		return strconv.FormatInt(n, 10), true
	}
	return asString(v)
}

// table returns a table within t; an empty one when it isn't there or isn't a
// table, which checkKeys reports.
func (t table) table(key string) table {
	values, _ := t.values[key].(map[string]any)
	return table{t.r, t.full(key), join(t.pattern, key), values, t.at.key(key)}
}

// tables returns the tables [key.NAME] by name, sorted.
func (t table) tables(key string) ([]string, map[string]table) {
	group := t.table(key)
	found := map[string]table{}
	for name, v := range group.values {
		if values, ok := v.(map[string]any); ok && !nameless(group.pattern, name) {
			found[name] = table{t.r, group.full(name), join(group.pattern, anyName), values, group.at.key(name)}
		}
	}
	return slices.Sorted(maps.Keys(found)), found
}

// kind names the type of a TOML value.
func kind(v any) string {
	switch v := v.(type) {
	case string:
		return "a string"
	case int64:
		return "a whole number"
	case float64:
		return "a number with a fraction"
	case bool:
		return "a boolean"
	case time.Time:
		return "a date or time"
	case []any:
		return "a list"
	case []map[string]any:
		return "a list of tables"
	case map[string]any:
		return "a table"
	default:
		return fmt.Sprintf("a %T", v)
	}
}
