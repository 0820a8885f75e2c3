package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/logmeter/logmeter/parsers"
)

// Format is one [format.NAME], or a built-in format that a source names.
type Format struct {
	Name string
	// Nginx is the log_format as pasted, or the name of a built-in one.
	Nginx string
	// Escape is nginx's escape=: "default", "json", "none", or "" for what
	// Nginx itself says.
	Escape string
	// Customer is the variable that says who is billed, "" for none.
	Customer string
	// CustomerVerified says that the caller can't write Customer as he likes.
	CustomerVerified bool
	// Compiled makes the parsers of the format's lines.
	Compiled *parsers.Format
}

// builtins is the formats that nginx defines without being told.
var builtins = []string{"combined"}

// format reads one [format.NAME].
func (t table) format(name string) Format {
	f := Format{Name: name}
	if !t.str("nginx", &f.Nginx) && !t.has("nginx") && !t.refusedHere() {
		t.missing("nginx")
	}
	t.choice("escape", &f.Escape, "default", "json", "none")
	t.flag("customer_verified", &f.CustomerVerified)
	if t.str("customer", &f.Customer) && !strings.HasPrefix(f.Customer, "$") {
		t.fault("customer", "%s isn't a variable; want a $ in front: %s", show(f.Customer), show("$"+f.Customer))
		f.Customer = ""
	}
	if f.Nginx != "" {
		t.compile(&f)
	}
	if f.Customer != "" && !f.CustomerVerified {
		t.checkTrust(f.Customer)
	}
	return f
}

// refusedHere reports whether the table has a key that was refused already.
func (t table) refusedHere() bool {
	for k := range t.values {
		if refused[join(t.pattern, k)] != "" {
			return true
		}
	}
	return false
}

// checkTrust warns of a customer that any caller can make up.
func (t table) checkTrust(variable string) {
	name := strings.Trim(variable[1:], "{}")
	what := ""
	switch {
	case strings.HasPrefix(name, "http_"):
		what = "a header of the request"
	case strings.HasPrefix(name, "cookie_"):
		what = "a cookie of the request"
	case strings.HasPrefix(name, "arg_"):
		what = "an argument of the request"
	case name == "remote_user":
		what = "the user name of the request, which nginx checks only where auth_basic is on"
	default:
		return
	}
	t.warn("customer", fmt.Sprintf("%s is %s: whoever calls can write another customer there, who is then billed", variable, what),
		"if your edge sets or checks it, say customer_verified = true; else bill on what a caller can't write: $upstream_http_NAME (a header of the API's response), "+
			"a map of the API key (map $http_x_api_key $billing_customer), or $ssl_client_s_dn (a client certificate)")
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
	if !slices.Contains(builtins, name) {
		hint := ""
		if word := nearest(name, append(slices.Sorted(maps.Keys(c.Format)), builtins...)); word != "" {
			hint = fmt.Sprintf("did you mean %q?", word)
		}
		source.hint("format", fmt.Sprintf("there is no format %s; want the name of a [format.NAME] table, or the built-in %q", show(name), builtins[0]), hint)
		return
	}
	f, err := builtin(name)
	if err != nil {
		source.fault("format", "%v", err)
	}
	c.Format[name] = f
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
