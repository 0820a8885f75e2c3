package parsers

import (
	"fmt"
	"strings"
)

// lint adds warnings of what a compiled format can't tell or leaves to trust.
func (f *Format) lint(s *Spec) {
	if who := f.writtenByCaller(); who != "" && !s.CustomerVerified {
		f.warn("%s is what the caller sends: anyone can have his usage billed to someone else; let the edge set or check it and say customer_verified = true, or log what the back end found out, such as $upstream_http_x_customer_id", who)
	}
	if f.names[fieldPath] != "" {
		f.warn("%s is the path that was finally served: rewrite, try_files, error_page and X-Accel-Redirect change it; $request_uri is what was asked for", f.names[fieldPath])
	}
	if f.tmpl != nil {
		last := len(f.tmpl.vars) - 1
		if v := &f.tmpl.vars[last]; f.tmpl.lits[last+1] == "" && v.open {
			f.warn("the format ends in %s, so a line that a full disk cut off can't be told from a whole one; put it in quotes or move it forward", v.name)
		}
	}
	if f.tmpl != nil && !f.envoy && f.escape == escapeNone {
		f.warn("escape=none writes line ends as they are: a request can write lines of its own into the log; use escape=json or escape=default")
	}
	switch f.wrap {
	case "docker":
		f.warn("Docker replaces bytes that aren't UTF-8, so two customers whose names hold such bytes become one")
	case "syslog":
		f.warn("syslog over UDP loses lines without a trace; for billing let nginx write a file")
	}
}

func (f *Format) warn(format string, args ...any) {
	f.warnings = append(f.warnings, fmt.Sprintf(format, args...))
}

// writtenByCaller returns the name of the customer's variable when a caller
// can write it, else "".
func (f *Format) writtenByCaller() string {
	name := f.names[fieldCustomer]
	if f.envoy {
		switch f.customer.name {
		case "REQ", "REQUEST_HEADER", "QUERY_PARAM", "TRAILER", "REQUESTED_SERVER_NAME":
			return name
		}
		return ""
	}
	for _, prefix := range []string{"$http_", "$arg_", "$cookie_"} {
		if strings.HasPrefix(name, prefix) {
			return name
		}
	}
	switch name {
	case "$remote_user", // free text unless auth_basic checks it
		"$host", "$args", "$query_string", "$request", "$request_uri", "$uri", "$document_uri", "$request_method", "$ssl_server_name":
		return name
	}
	return ""
}
