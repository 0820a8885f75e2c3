package agent

import (
	"fmt"
	"slices"
	"strconv"
)

// Explanation says what one meter makes of a record, for people.
type Explanation struct {
	Meter   string
	Matched bool
	// Rule is the condition that the record fails, when it isn't Matched.
	Rule Rule
	// Text says the same with the record's own words, and of a record that
	// matched what it adds.
	Text string
}

// Explain returns what each meter makes of a record, in the order of the
// meters. It counts nothing.
func (ms *Meters) Explain(rec *Record) []Explanation {
	all := make([]Explanation, len(ms.meters))
	for i := range ms.meters {
		all[i] = ms.explain(&ms.meters[i], &ms.rules[i], rec)
	}
	return all
}

func (ms *Meters) explain(m *Meter, r *rule, rec *Record) Explanation {
	e := Explanation{Meter: m.Name, Rule: RulePath}
	if rec.Path == nil {
		e.Text = "the request has no path that a proxy would route"
		return e
	}
	if !m.takesPath(r.paths, rec) {
		e.Text = fmt.Sprintf("path %q isn't %s", rec.Path, someOf(m.Paths))
		return e
	}
	why, value := r.try(rec)
	switch why {
	case RuleCount:
		e.Matched, e.Text = true, m.adds(value)
	case RuleExclude:
		e.Text = "is excluded: " + ms.excludedBy(m, r, rec)
	case RuleZero:
		e.Text = m.Field + " is 0, which adds nothing"
	case ruleNumber:
		why = RuleField
		e.Text = fmt.Sprintf("%s is %s, which isn't a whole number from 0 to %d", m.Field, shown(rec.field(r.field)), MaxValue/r.times)
	default:
		e.Text = m.failure(&r.condition, why, rec)
		if e.Text == "" {
			e.Text = m.Field + " is absent, so there is nothing to tell apart"
		}
	}
	e.Rule = why
	return e
}

// adds says what a record that matched adds.
func (m *Meter) adds(value uint64) string {
	if m.Aggregation == CountUnique {
		return fmt.Sprintf("counts %d for each %s once in each %s", value, m.Field, m.Per)
	}
	return fmt.Sprintf("counts %d", value)
}

func (m *Match) takesPath(paths [][]segment, rec *Record) bool {
	return len(m.Paths) == 0 || slices.ContainsFunc(paths, func(p []segment) bool { return fits(p, rec.Path) })
}

// failure says how a record fails a condition of m, "" when it fails none.
func (m *Match) failure(c *condition, why Rule, rec *Record) string {
	switch why {
	case RuleMethod:
		return fmt.Sprintf("method %s isn't %s", shown(rec.Method), someOf(m.Methods))
	case RuleStatus:
		return fmt.Sprintf("status %03d isn't %s", rec.Status, m.Status.String())
	case RuleHost:
		return fmt.Sprintf("host %s isn't %s", shown(rec.Host), someOf(m.Hosts))
	}
	for i, f := range m.Fields {
		v := rec.field(c.fields[i].field)
		switch {
		case c.fields[i].holds(rec):
		case f.Absent:
			return fmt.Sprintf("%s is %s; it must be absent", f.Field, shown(v))
		case v == nil:
			return f.Field + " is absent"
		case len(f.Values) > 0:
			return fmt.Sprintf("%s is %s, not %s", f.Field, shown(v), someOf(f.Values))
		default:
			return fmt.Sprintf("%s is %s, which isn't as %s", f.Field, shown(v), f.Pattern)
		}
	}
	return ""
}

// excludedBy names the conditions that exclude a record.
func (ms *Meters) excludedBy(m *Meter, r *rule, rec *Record) string {
	for i := range r.exclude {
		if !r.exclude[i].holds(rec) {
			continue
		}
		text, e := "", &m.Exclude[i]
		say := func(what string, given bool) {
			if given && text != "" {
				text += ", "
			}
			if given {
				text += what
			}
		}
		say(fmt.Sprintf("path %q is %s", rec.Path, someOf(e.Paths)), len(e.Paths) > 0)
		say(fmt.Sprintf("method %s is %s", rec.Method, someOf(e.Methods)), len(e.Methods) > 0)
		say(fmt.Sprintf("status %03d is %s", rec.Status, e.Status.String()), !e.Status.Empty())
		say(fmt.Sprintf("host %s is %s", rec.Host, someOf(e.Hosts)), len(e.Hosts) > 0)
		for k, f := range e.Fields {
			say(fmt.Sprintf("%s is %s", f.Field, shown(rec.field(r.exclude[i].fields[k].field))), true)
		}
		return text
	}
	return ""
}

// someOf names a few of the words that would have done.
func someOf(words []string) string {
	const most = 5
	if n := len(words); n > most {
		words = append(slices.Clone(words[:most]), fmt.Sprintf("one of %d more", n-most))
	}
	return orList(words)
}

// shown quotes a value unless it is plain printable text.
func shown(value []byte) string {
	if value == nil {
		return "absent"
	}
	s := string(value)
	if q := strconv.Quote(s); q != `"`+s+`"` || len(s) == 0 {
		return q
	}
	return s
}
