package parsers

import (
	"fmt"
	"slices"
	"strings"
)

// Warning is what a person should know before billing from a format that can
// be used.
type Warning struct {
	// Key is the key of the Spec that it is about, as agent.toml spells it.
	Key string
	// Text says what is the matter, Hint what helps; Hint may be empty.
	Text, Hint string
}

func (w Warning) String() string {
	if w.Hint == "" {
		return w.Key + ": " + w.Text
	}
	return w.Key + ": " + w.Text + "; " + w.Hint
}

// warn adds a warning, unless it is there.
func (f *Format) warn(key, text, hint string) {
	if w := (Warning{key, text, hint}); !slices.Contains(f.warnings, w) {
		f.warnings = append(f.warnings, w)
	}
}

// lint adds warnings of what a compiled format can't tell or leaves to trust.
func (f *Format) lint(s *Spec) {
	f.lintCustomer(s)
	if f.names[fieldPath] != "" {
		f.warn(f.kind, f.names[fieldPath]+" is the path that was finally served: rewrite, try_files, error_page and X-Accel-Redirect change it", "$request_uri is what was asked for")
	}
	f.lintEnd()
	if f.kind == "nginx" && f.escape == escapeNone {
		f.warn("escape", "escape=none writes line ends as they are: a request can write lines of its own into the log", "use escape=json or escape=default")
	}
	switch f.wrap {
	case "docker":
		f.warn("wrap", "Docker replaces bytes that aren't UTF-8, so two customers whose names hold such bytes become one", "")
	case "syslog":
		f.warn("wrap", "syslog over UDP loses lines without a trace", "for billing let nginx write a file")
	}
	if b := builtinOf(s); b != nil && b.warning.Text != "" {
		f.warnings = slices.DeleteFunc(f.warnings, func(w Warning) bool { return w.Key == f.kind })
		f.warn(f.kind, b.warning.Text, b.warning.Hint)
	}
}

// lintEnd warns of a format that doesn't end in something of its own.
func (f *Format) lintEnd() {
	if f.tmpl == nil {
		return
	}
	last := len(f.tmpl.vars) - 1
	if v := &f.tmpl.vars[last]; f.tmpl.lits[last+1] == "" && v.open {
		f.warn(f.kind, "the format ends in "+v.name+", so a line that a full disk cut off can't be told from a whole one", "put it in quotes or move it forward")
	}
}

// lintCustomer warns when a caller could choose who is billed.
func (f *Format) lintCustomer(s *Spec) {
	name := f.names[fieldCustomer]
	if name == "" || s.CustomerVerified {
		return
	}
	// For lines of JSON who is billed is one of its keys, or stands beside them.
	key := "customer"
	if s.Customer == "" {
		key = f.kind
	}
	switch {
	case f.anyKey:
		f.warn(key, name+" is a key of a line of JSON, which doesn't tell who wrote its value: if a caller can, anyone can have his usage billed to someone else",
			"if it is what your API or its edge found out about the caller, say customer_verified = true; else log that")
	case f.kind == "nginx" && writtenByCaller(name), f.kind != "nginx" && slices.ContainsFunc(f.customer, func(o operator) bool { return o.writtenByCaller() }):
		f.warn(key, name+" is what the caller sends: anyone can have his usage billed to someone else", trust(f.kind))
	}
}

// writtenByCaller reports whether a caller can write the nginx variable.
func writtenByCaller(name string) bool {
	for _, prefix := range []string{"$http_", "$arg_", "$cookie_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "$remote_user", // free text unless auth_basic checks it
		"$host", "$args", "$query_string", "$request", "$request_uri", "$uri", "$document_uri", "$request_filename", "$request_method", "$request_body",
		"$ssl_server_name", "$proxy_add_x_forwarded_for", "$content_type":
		return true
	}
	return false
}

// writtenByCaller reports whether a caller can write what the operator prints.
func (o *operator) writtenByCaller() bool {
	switch o.name {
	case "REQ", "REQUEST_HEADER", "REQ_WITHOUT_QUERY", "PATH", "QUERY_PARAM", "QUERY_PARAMS", "TRAILER", "STREAM_ID", "REQUESTED_SERVER_NAME":
		return true
	case "COALESCE":
		return strings.Contains(o.args, `"REQ`) || strings.Contains(o.args, `"QUERY_PARAM`)
	case "CEL", "TYPED_CEL":
		return strings.Contains(o.args, "request.")
	}
	return false
}

// trust says, for a kind of format, what helps against callers who write
// somebody else's name.
func trust(kind string) string {
	const begin = "if your edge sets or checks it, say customer_verified = true; else bill on what a caller can't write: "
	if kind == "nginx" {
		return begin + "$upstream_http_NAME (a header of the API's response), " +
			"a map of the API key (map $http_x_api_key $billing_customer), or $ssl_client_s_dn (a client certificate)"
	}
	return begin + "%RESP(NAME)% (a header of the API's response), " +
		"%DYNAMIC_METADATA(…)% (what a filter such as jwt_authn found out), or %DOWNSTREAM_PEER_SUBJECT% (a client certificate)"
}

// lintOperator warns of an operator that may not print what it is wanted for,
// at the key that wants it.
func (f *Format) lintOperator(key string, o *operator) {
	if o.size != "" {
		f.warn(key, fmt.Sprintf("%s is cut to %s bytes, so two values that begin alike become one", o.text, o.size), "leave out the :"+o.size)
	}
}

// lintPath warns when all that the format says of the path is a header that
// callers could send.
func (f *Format) lintPath(ops []operator) {
	original := false
	for i := range ops {
		switch o := &ops[i]; {
		case strings.HasPrefix(o.header(), "X-ENVOY-ORIGINAL-PATH"):
			original = true
		case o.header() == ":PATH", o.name == "PATH":
			return
		}
	}
	if original {
		f.warn(f.kind, "the path is taken from x-envoy-original-path, which a caller could send himself before Envoy 1.26.0, 1.25.3, 1.24.4, 1.23.6 and 1.22.9",
			"if no route rewrites paths, log %REQ(:PATH)% in its place; else log both, so that they can be compared")
	}
}
