package config

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/logmeter/logmeter/agent"
)

// maxEventName is how many characters Stripe allows in an event_name.
const maxEventName = 100

// meter reads one [meter.NAME].
func (t table) meter(name string) Meter {
	m := Meter{EventName: name}
	m.Name = name
	if t.str("event_name", &m.EventName) {
		if n := utf8.RuneCountInString(m.EventName); n > maxEventName {
			t.fault("event_name", "has %d characters; want at most %d, which is Stripe's limit", n, maxEventName)
		}
		if strings.TrimSpace(m.EventName) != m.EventName || strings.ContainsFunc(m.EventName, unicode.IsControl) {
			t.fault("event_name", "%s has blanks around it or control characters in it; want the event_name as Stripe shows it", show(m.EventName))
		}
	}
	t.aggregation(&m.Meter)
	t.excludes(&m.Meter)
	t.table("match").match(t, &m.Meter)
	return m
}

// match reads the conditions of a meter.
func (t table) match(meter table, m *agent.Meter) {
	if len(t.values) == 0 {
		if _, wrong := meter.values["match"]; !wrong || isTable(meter.values["match"]) {
			t.r.hint(meter.line("match"), meter.name, `has no condition, so it would bill every line; want match = { path = "/v1/*", status = "2xx" }`, `to bill every request that succeeds, write match = { status = "2xx" }`)
		}
		return
	}
	t.conditions(&m.Match)
	if err := agent.CheckCrossing(m.Paths); err != nil {
		t.fault("path", "%v", err)
	}
	excluded := slices.ContainsFunc(m.Exclude, func(e agent.Match) bool { return !e.Status.Empty() })
	if !t.has("status") && !excluded {
		t.r.warn(meter.line("match"), t.name, "counts calls of every status: failed ones (4xx, 5xx) are billed too", `add status = "2xx"; or status = "100-599", if that is what you mean`)
	}
}

func isTable(v any) bool { _, ok := v.(map[string]any); return ok }

// checkPath reports a pattern that isn't understood or can match nothing:
// paths are compared as nginx routes them, decoded, without dots and doubled
// slashes.
func (t table) checkPath(p item) {
	key := t.full("path")
	if err := agent.CheckPath(p.text); err != nil {
		hint := ""
		if strings.Contains(p.text, "://") {
			hint = "a path begins behind the host: /v1/charges"
		}
		t.r.hint(p.line, key, err.Error(), hint)
		return
	}
	segments := strings.Split(p.text[1:], "/")
	for i, s := range segments {
		if s == "." || s == ".." || s == "" && i < len(segments)-1 {
			t.r.hint(p.line, key, fmt.Sprintf("path %s matches nothing; want it without // and without . or .. between slashes", show(p.text)), "paths are compared as nginx routes them: //a/./b/../c is /a/c")
			return
		}
	}
	if plain, err := url.PathUnescape(p.text); err == nil && plain != p.text {
		t.r.warn(p.line, key, fmt.Sprintf("path %s holds a %% escape, but paths are compared decoded", show(p.text)), "write "+show(plain))
	}
}

// checkMethod reports what can't be a request method.
func (t table) checkMethod(m item) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
	if strings.Trim(m.text, letters) == "" && len(m.text) <= 32 {
		return
	}
	if upper := strings.ToUpper(m.text); upper != m.text && strings.Trim(upper, letters) == "" {
		t.r.fault(m.line, t.full("method"), "%s matches nothing, since methods are upper-case; want %s", show(m.text), show(upper))
		return
	}
	hint := ""
	if fields := strings.FieldsFunc(m.text, func(c rune) bool { return strings.ContainsRune(",| /", c) }); len(fields) > 1 {
		hint = fmt.Sprintf(`several methods are a list: ["%s"]`, strings.Join(fields, `", "`))
	}
	t.r.hint(m.line, t.full("method"), fmt.Sprintf("%s isn't a method; want %s", show(m.text), want(join(t.pattern, "method"))), hint)
}

// checkEventNames reports meters that share an event_name: their usage would
// be one sum at Stripe, and neither could be read back.
func (r *reader) checkEventNames(tables map[string]table, meters map[string]Meter) {
	owner := map[string]table{}
	byLine := slices.SortedFunc(maps.Keys(meters), func(a, b string) int { return tables[a].at.line - tables[b].at.line })
	for _, name := range byLine {
		t, event := tables[name], meters[name].EventName
		if first, ok := owner[event]; ok {
			t.hint("event_name", fmt.Sprintf("%s is the event_name of %s on line %d too; want one of its own", show(event), first.name, first.line("event_name")), "to count several paths in one meter, give it a list: path = [\"/a\", \"/b\"]")
			continue
		}
		owner[event] = t
	}
}
