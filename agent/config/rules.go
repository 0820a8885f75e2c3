package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/logmeter/logmeter/agent"
)

// conditions reads a match or an exclude.
func (t table) conditions(m *agent.Match) {
	for _, p := range t.list("path", asString) {
		t.checkPath(p)
		m.Paths = append(m.Paths, p.text)
	}
	for _, method := range t.list("method", asString) {
		t.checkMethod(method)
		m.Methods = append(m.Methods, method.text)
	}
	for _, s := range t.list("status", asCode) {
		if err := m.Status.ParseStatus(s.text); err != nil {
			t.r.fault(s.line, t.full("status"), "%v", err)
		}
	}
	for _, h := range t.list("host", asString) {
		if err := agent.CheckHost(h.text); err != nil {
			t.r.fault(h.line, t.full("host"), "%v", err)
		}
		m.Hosts = append(m.Hosts, h.text)
	}
	t.fieldTests(m)
}

// fieldTests reads the table fields of a match or an exclude.
func (t table) fieldTests(m *agent.Match) {
	if v, ok := t.values["fields"]; ok && !isTable(v) {
		t.wrongType("fields", t.line("fields"), v)
		return
	}
	in := t.table("fields")
	for _, name := range slices.Sorted(maps.Keys(in.values)) {
		if f, ok := in.fieldTest(name); ok {
			m.Fields = append(m.Fields, f)
		}
	}
}

// testable is what the value of a field's condition may be.
const testable = `a value ("gold"), a list of values, true (the line has it), false (it hasn't), or { regex = "…" }`

// fieldTest reads one line of a table fields.
func (t table) fieldTest(name string) (agent.FieldTest, bool) {
	f := agent.FieldTest{Field: name}
	switch v := t.values[name].(type) {
	case bool:
		f.Absent = !v
		return f, true
	case map[string]any:
		text, ok := v["regex"].(string)
		if !ok || len(v) != 1 {
			hint := "a name with a dot needs quotes: \"" + name + ".example\" = \"…\""
			for k := range v {
				if nearest(k, []string{"regex"}) != "" {
					hint = "did you mean regex?"
				}
			}
			t.hint(name, "is a table; want "+testable, hint)
			return f, false
		}
		var err error
		if f.Pattern, err = regexp.Compile(text); err != nil {
			t.fault(name, "%s isn't an expression: %s; want one that the whole value must match, such as \"v[12]\"", show(text), strings.TrimPrefix(err.Error(), "error parsing regexp: "))
			return f, false
		}
		return f, true
	case []any:
		for i := range v {
			if !t.fieldValue(name, v[i], t.at.key(name).item(i).line, &f) {
				return f, false
			}
		}
		if len(v) == 0 {
			t.fault(name, "is an empty list; want %s", testable)
		}
		return f, len(v) > 0
	default:
		return f, t.fieldValue(name, v, t.line(name), &f)
	}
}

// fieldValue reads one value that a field may have.
func (t table) fieldValue(name string, v any, line int, f *agent.FieldTest) bool {
	value, ok := asCode(v)
	switch {
	case !ok:
		t.r.fault(line, t.full(name), "is %s; want %s", kind(v), testable)
		return false
	case value == "" || value == "-":
		t.r.hint(line, t.full(name), show(value)+" stands in logs for a value that is absent; want "+testable, "for lines without it: "+show(name)+" = false")
		return false
	}
	f.Values = append(f.Values, value)
	return true
}

// excludes reads exclude: one table of conditions, or a list of them.
func (t table) excludes(m *agent.Meter) {
	const key = "exclude"
	at := t.at.key(key)
	one := func(v any, p *place) {
		values, ok := v.(map[string]any)
		switch {
		case !ok:
			t.wrongType(key, p.line, v)
		case len(values) == 0:
			t.r.fault(p.line, t.full(key), "has no condition, so it would exclude every line; want %s", want(join(t.pattern, key)))
		default:
			in := table{t.r, t.full(key), join(t.pattern, "match"), values, p}
			t.r.checkKeys(in)
			var e agent.Match
			in.conditions(&e)
			m.Exclude = append(m.Exclude, e)
		}
	}
	switch v := t.values[key].(type) {
	case nil:
	case []any:
		for i := range v {
			one(v[i], at.item(i))
		}
	case []map[string]any:
		for i := range v {
			one(v[i], at.item(i))
		}
	default:
		one(v, at)
	}
}

// aggregation reads how a meter makes usage of lines.
func (t table) aggregation(m *agent.Meter) {
	how, per := "count", "hour"
	t.choice("aggregation", &how, "count", "sum", "unique")
	t.choice("per", &per, "hour", "day", "month")
	t.str("field", &m.Field)
	m.Aggregation = map[string]agent.Aggregation{"count": agent.CountLines, "sum": agent.SumField, "unique": agent.CountUnique}[how]
	m.Per = map[string]agent.Per{"hour": agent.PerHour, "day": agent.PerDay, "month": agent.PerMonth}[per]
	switch {
	case how == "count" && t.has("field"):
		t.fault("field", `stands in a meter that counts lines; want aggregation = "sum" to add it up, or "unique" to count each of its values once`)
	case how != "count" && !t.has("field"):
		t.fault("aggregation", `%q needs a field; want %s`, how, want("meter.NAME.field"))
	}
	if t.has("per") && how != "unique" {
		t.fault("per", `stands in a meter that doesn't count each value once; want aggregation = "unique", or leave it out`)
	}
	t.times(m)
}

// times reads what a call weighs.
func (t table) times(m *agent.Meter) {
	switch n := t.values["times"].(type) {
	case nil:
	case int64:
		if n < 1 || n > agent.MaxTimes {
			t.fault("times", "%d is out of range; want %s", n, want("meter.NAME.times"))
			return
		}
		m.Times = uint64(n)
	default:
		t.wrongType("times", t.line("times"), n)
	}
}

// checkFields reports fields that meters ask for and that no format of a
// source has, and warns of those that only some have.
func (r *reader) checkFields(tables map[string]table, c *Config) {
	sources := c.Sources()
	for _, name := range slices.Sorted(maps.Keys(c.Meter)) {
		t := tables[name]
		for _, field := range agent.Fields([]agent.Meter{c.Meter[name].Meter}) {
			var have, lack []string
			known := map[string]bool{}
			for _, s := range sources {
				f, ok := c.Format[s.Format]
				if !ok || f.Compiled == nil {
					return // what is wrong with it is told already
				}
				if f.Compiled.Has(field) {
					have = append(have, s.Name)
					continue
				}
				lack = append(lack, s.Name)
				for _, v := range f.Compiled.Variables() {
					known[v] = true
				}
			}
			line := t.fieldLine(field)
			names := slices.Sorted(maps.Keys(known))
			switch {
			case len(lack) == 0:
			case len(have) == 0:
				hint := ""
				if word := nearest(field, names); word != "" {
					hint = fmt.Sprintf("did you mean %q?", word)
				}
				r.hint(line, t.name, fmt.Sprintf("no log has the field %s; want one of %s", show(field), orList(names)), hint)
			default:
				r.warn(line, t.name, fmt.Sprintf("the log of source %s hasn't got the field %s: it is absent in all its lines", strings.Join(lack, ", "), show(field)), "log it there too, or give that source's calls a meter of their own")
			}
		}
	}
}

// fieldLine returns the line on which a meter asks for a field.
func (t table) fieldLine(field string) int {
	if text, ok := t.values["field"].(string); ok && text == field {
		return t.line("field")
	}
	for _, key := range []string{"match", "exclude"} {
		for _, p := range append([]*place{t.at.key(key)}, t.at.key(key).items...) {
			if at := p.keys["fields"]; at != nil && at.keys[field] != nil {
				return at.keys[field].line
			}
		}
	}
	return t.at.line
}
