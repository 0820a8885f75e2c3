package config

import (
	"maps"
	"slices"
	"strings"
)

// key is one key of agent.toml. NAME in its dotted name stands for any name.
type key struct {
	name string
	want string // what its value may be, as a message says it
}

// keys is every key there is. What each one is for stands in
// agent.toml.example and nowhere else.
var keys = []key{
	{"instance", `a name such as "edge-1"`},
	{"state_dir", `a directory such as "/var/lib/logmeter"`},
	{"source.NAME.path", `a file such as "/var/log/nginx/access.log"`},
	{"source.NAME.format", `the name of a [format.NAME] table, such as "api"`},
	{"source.NAME.start", `"end" or "beginning"`},
	{"source.NAME.customer_prefix", `a text such as "eu:"`},
	{"format.NAME.nginx", `nginx's log_format between ''' and '''`},
	{"format.NAME.escape", `"default", "json" or "none"`},
	{"format.NAME.envoy_text", `Envoy's text_format, or the YAML that it stands in, between ''' and '''`},
	{"format.NAME.envoy_json", `Envoy's json_format, as a table, or as YAML or JSON between ''' and '''`},
	{"format.NAME.json", `a table of the lines' keys, such as { time = "ts", path = "http.path" }`},
	{"format.NAME.wrap", `"cri", "docker" or "syslog"`},
	{"format.NAME.prefix", `the text that stands before each line, such as "ACCESS "`},
	{"format.NAME.skip", `an expression over lines that are no access records, such as '^\[20[0-9-]+ ', or a list of them`},
	{"format.NAME.path_mode", `"nginx", "envoy" or "raw"`},
	{"format.NAME.customer", `who is billed, as the format names it, such as "$upstream_http_x_customer_id"`},
	{"format.NAME.customer_verified", `true or false, without quotes`},
	{"format.NAME.charset", `a table of expressions, such as { "$http_x_customer_id" = "[a-z0-9]{1,64}" }`},
	{"format.NAME.accept_ambiguous", `true or false, without quotes`},
	{"meter.NAME.event_name", `the event_name of a meter at Stripe, such as "api_calls"`},
	{"meter.NAME.match.path", `a path such as "/v1/*", or a list of them`},
	{"meter.NAME.match.method", `a method such as "GET", or a list of them`},
	{"meter.NAME.match.status", `a code (200), a class ("2xx"), a range ("200-299"), or a list of them`},
	{"meter.NAME.match.host", `a host such as "api.example.com" or "*.example.com", or a list of them`},
	{"meter.NAME.match.fields", `a table such as { "$upstream_http_x_plan" = "gold" }`},
	{"meter.NAME.exclude", `a table such as { path = "/v1/health" }, or a list of them`},
	{"meter.NAME.aggregation", `"count", "sum" or "unique"`},
	{"meter.NAME.field", `a variable as the format names it, such as "$upstream_http_x_units"`},
	{"meter.NAME.per", `"hour", "day" or "month"`},
	{"meter.NAME.times", `a whole number from 1 to 1000000`},
	{"customers.lookup", `"id" or "metadata:KEY"`},
	{"customers.file", `a file such as "customers.csv"`},
	{"customers.secret", `true or false, without quotes`},
	{"customers.max", `a whole number from 1 to 10000000`},
	{"customers.map", `a table [customers.map] with lines such as acme = "cus_…"`},
	{"stripe.api_key_file", `a file such as "/etc/logmeter/stripe.key"`},
	{"stripe.live", `true or false, without quotes`},
	{"stripe.read_budget", `a whole number such as 10000`},
	{"stripe.api_base", `an https address`},
	{"report.window", `"1h"`},
	{"report.settle", `a duration such as "3m"`},
	{"report.on_stop", `"keep" or "send"`},
	{"admin.listen", `an address such as "127.0.0.1:9402"`},
}

const later = "isn't available in this version"

// refused is the keys that are known and not taken, and why.
var refused = map[string]string{
	"price":             later,
	"block":             later,
	"notice":            later,
	"webhook":           later,
	"stripe.api_key":    "a secret doesn't stand in this file; want api_key_file, or STRIPE_API_KEY in the environment",
	"stripe.key":        "a secret doesn't stand in this file; want api_key_file, or STRIPE_API_KEY in the environment",
	"stripe.secret_key": "a secret doesn't stand in this file; want api_key_file, or STRIPE_API_KEY in the environment",
}

// anyName stands in a dotted name for what the user chose.
const anyName = "NAME"

// want returns what the value of a key may be, "" when there is no such key.
func want(name string) string {
	for _, k := range keys {
		if k.name == name {
			return k.want
		}
	}
	return ""
}

// below returns the keys and tables that a table takes, in the order of keys;
// none when there is no such table.
func below(table string) []string {
	var names []string
	for _, k := range keys {
		rest := k.name
		if table != "" {
			var ok bool
			if rest, ok = strings.CutPrefix(k.name, table+"."); !ok {
				continue
			}
		}
		if name, _, _ := strings.Cut(rest, "."); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// checkKeys reports every key that isn't known or not taken, and everything
// that isn't a table where one belongs.
func (r *reader) checkKeys(t table) {
	known := below(t.pattern)
	for _, k := range slices.Sorted(maps.Keys(t.values)) {
		at, name := t.at.key(k), k
		if slices.Equal(known, []string{anyName}) {
			name = anyName
		}
		pattern := join(t.pattern, name)
		switch {
		case name != anyName && strings.Contains(k, "."):
			r.hint(at.line, t.full(k), "unknown key", "in quotes a dot is a part of the key; without them it stands between a table and its key")
			continue
		case refused[pattern] != "":
			r.fault(at.line, t.full(k), "%s", refused[pattern])
			continue
		case want(pattern) != "":
			continue // its reader looks at the value
		case !slices.Contains(known, name):
			meant, hint := suggest(t.pattern, k)
			r.hint(at.line, t.full(k), "unknown key; "+meant, hint)
			continue
		case nameless(t.pattern, k):
			r.fault(at.line, t.full(k), "stands in a table without a name; want [%s.NAME] above it", t.pattern)
			continue
		case name == anyName && !isName(k):
			r.fault(at.line, t.full(k), "the name %s can't be used; want 1 to 64 characters of A-Z a-z 0-9 . _ -", show(k))
		}
		if values, ok := t.values[k].(map[string]any); ok {
			r.checkKeys(table{r, t.full(k), pattern, values, at})
			continue
		}
		r.noTable(t, k, pattern)
	}
}

// noTable reports a value that stands where a table belongs.
func (r *reader) noTable(t table, k, pattern string) {
	header := "[" + t.full(k) + "]"
	if slices.Equal(below(pattern), []string{anyName}) {
		header = "[" + t.full(k) + ".NAME]"
	}
	at := t.at.key(k)
	if list, ok := t.values[k].([]map[string]any); ok {
		for i := range list {
			r.fault(at.item(i).line, "[["+t.full(k)+"]]", "tables are keyed by name here, not listed; want %s", header)
		}
		return
	}
	if strings.HasSuffix(pattern, "."+anyName) && nearest(k, below(pattern)) != "" {
		r.fault(at.line, t.full(k), "stands in a table without a name; want [%s.NAME] above it", t.pattern)
		return
	}
	r.fault(at.line, t.full(k), "is %s; want a table %s", kind(t.values[k]), header)
}

// nameless reports whether a table is what a header without a name leads to:
// match within [meter]. So no meter can be called match.
func nameless(group, name string) bool { return group == "meter" && name == "match" }

// orList joins words as "a, b or c".
func orList(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
	return strings.Join(words, "")
}

// isName tells whether s may name a table or an instance. Names stand in file
// names, metric labels and messages.
func isName(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}
