package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/logmeter/logmeter/parsers"
)

// Format is one [format.NAME], or a built-in format that a source names.
type Format struct {
	Name string
	// Spec is the table as the parsers take it.
	Spec parsers.Spec
	// Compiled makes the parsers of the format's lines. Its Assumptions are
	// what a person should check; its Warnings are among the Config's.
	Compiled *parsers.Format
}

// kinds is the keys that say what a line looks like, of which a format has one.
var kinds = []string{"nginx", "envoy_text", "envoy_json", "json"}

// jsonFields is what can be found in a line of JSON.
var jsonFields = []string{"time", "method", "path", "request", "status", "host", "customer"}

// kind returns which of kinds the format is.
func (f Format) kind() string {
	switch {
	case f.Spec.JSON != nil:
		return "json"
	case f.Spec.EnvoyJSON != "":
		return "envoy_json"
	case f.Spec.EnvoyText != "":
		return "envoy_text"
	}
	return "nginx"
}

// format reads one [format.NAME].
func (t table) format(name string) Format {
	f := Format{Name: name}
	s, faults := &f.Spec, len(t.r.problems)
	one := t.oneKind()
	t.template("nginx", &s.Nginx)
	t.template("envoy_text", &s.EnvoyText)
	t.envoyJSON(&s.EnvoyJSON)
	s.JSON = t.strings("json", `the key of the lines that holds it; a dot leads into an object, as in "http.status"`, jsonFields)
	s.Charset = t.strings("charset", expression, nil)
	t.choice("escape", &s.Escape, "default", "json", "none")
	t.choice("wrap", &s.Wrap, "cri", "docker", "syslog")
	t.str("prefix", &s.Prefix)
	t.choice("path_mode", &s.PathMode, "nginx", "envoy", "raw")
	for _, it := range t.list("skip", asString) {
		s.Skip = append(s.Skip, it.text)
	}
	t.str("customer", &s.Customer)
	t.flag("customer_verified", &s.CustomerVerified)
	t.flag("accept_ambiguous", &s.AcceptAmbiguous)
	// What the other keys hold is looked at also when one of them is wrong,
	// but a format without its charset or with half its keys would be another.
	broken := len(t.r.problems) > faults && (t.has("json") || t.has("envoy_json") || t.has("charset"))
	if one && !broken && (s.Nginx != "" || s.EnvoyText != "" || s.EnvoyJSON != "" || s.JSON != nil) {
		t.compile(&f)
	}
	return f
}

// oneKind reports whether the table has one of kinds, and says so if not.
func (t table) oneKind() bool {
	var given []string
	for _, k := range kinds {
		if t.has(k) {
			given = append(given, k)
		}
	}
	if len(given) == 0 {
		t.r.hint(t.at.line, t.name, "says nothing of how a line reads; want one of "+orList(kinds), "for nginx paste its log_format: nginx = '''…'''")
		return false
	}
	slices.SortStableFunc(given, func(a, b string) int { return t.line(a) - t.line(b) })
	for _, k := range given[1:] {
		t.fault(k, "stands beside %s on line %d; want one of %s", given[0], t.line(given[0]), orList(kinds))
	}
	return len(given) == 1
}

// template reads a pasted format. The name of a built-in one must be that of
// the same kind.
func (t table) template(key string, dst *string) {
	var text string
	if !t.str(key, &text) {
		return
	}
	if spec, ok := parsers.Builtin(strings.TrimSpace(text)); ok {
		if is := (Format{Spec: spec}).kind(); is != key {
			t.fault(key, "%s is built in as a format of another kind; want %s = %s", show(text), is, show(strings.TrimSpace(text)))
			return
		}
	}
	*dst = text
}

// envoyJSON reads a json_format: JSON as text, or a table that is put in JSON.
func (t table) envoyJSON(dst *string) {
	const key = "envoy_json"
	v := t.values[key]
	if !isTable(v) {
		t.template(key, dst)
		return
	}
	text, err := json.Marshal(v)
	if err != nil { // JSON has no inf and no nan
		t.fault(key, "can't be put in JSON (%v); want %s", err, want(join(t.pattern, key)))
		return
	}
	*dst = string(text)
}

// strings reads a table of strings, each of which is what accepted says and
// not empty; nil when it isn't there. Its keys are known, or any when known is
// nil.
func (t table) strings(key, accepted string, known []string) map[string]string {
	if !t.has(key) {
		return nil
	}
	if v := t.values[key]; !isTable(v) {
		t.wrongType(key, t.line(key), v)
		return nil
	}
	found := map[string]string{}
	in := t.table(key)
	for _, k := range slices.Sorted(maps.Keys(in.values)) {
		text, ok := in.values[k].(string)
		switch {
		case known != nil && !slices.Contains(known, k):
			meant := "want " + orList(known)
			if word := nearest(k, known); word != "" {
				meant = "did you mean " + word + "?"
			}
			in.fault(k, "unknown key; %s", meant)
		case !ok:
			in.fault(k, "is %s; want %s", kind(in.values[k]), accepted)
		case text == "":
			in.fault(k, "is empty; want %s", accepted)
		default:
			found[k] = text
		}
	}
	return found
}

// checkFormat looks for the format that a source names. A built-in one is
// taken into c.
func (r *reader) checkFormat(source table, c *Config) {
	name, ok := source.values["format"].(string)
	if !ok || name == "" {
		return
	}
	if _, ok := c.Format[name]; ok {
		return
	}
	spec, ok := parsers.Builtin(name)
	if !ok {
		hint := ""
		if word := nearest(name, append(slices.Sorted(maps.Keys(c.Format)), parsers.Builtins()...)); word != "" {
			hint = fmt.Sprintf("did you mean %q?", word)
		}
		source.hint("format", fmt.Sprintf("there is no format %s; want the name of a [format.NAME] table, or of a built-in format: %s", show(name), orList(quoted(parsers.Builtins()))), hint)
		return
	}
	f := Format{Name: name, Spec: spec}
	var err error
	if err = r.compile(&f); err != nil {
		source.fault("format", "the built-in format %s can't be used: %v", name, err)
		return
	}
	for _, w := range f.Compiled.Warnings() {
		source.warn("format", w.Text, w.Hint)
	}
	c.Format[name] = f
	c.lines[name] = source.line("format")
}

func quoted(words []string) []string {
	var all []string
	for _, w := range words {
		all = append(all, strconv.Quote(w))
	}
	return all
}

// checkUse warns of formats that no source uses.
func (r *reader) checkUse(sources []Source, formats map[string]table) {
	for _, name := range slices.Sorted(maps.Keys(formats)) {
		t := formats[name]
		used := slices.ContainsFunc(sources, func(s Source) bool { return s.Format == name })
		if !used && len(sources) > 0 {
			t.r.warn(t.at.line, t.name, "no source uses this format", "")
		}
	}
}
