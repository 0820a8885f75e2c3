package parsers

import (
	"fmt"
	"regexp"
	"strings"
)

// The formats that Envoy and Istio have built in.
const (
	envoyText = `[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ` +
		`%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ` +
		`"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"`
	istioText = `[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ` +
		`%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" ` +
		`%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ` +
		`"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% ` +
		`%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%`
	istioJSON = `{"start_time":"%START_TIME%","route_name":"%ROUTE_NAME%","method":"%REQ(:METHOD)%","path":"%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",` +
		`"protocol":"%PROTOCOL%","response_code":"%RESPONSE_CODE%","response_flags":"%RESPONSE_FLAGS%","response_code_details":"%RESPONSE_CODE_DETAILS%",` +
		`"connection_termination_details":"%CONNECTION_TERMINATION_DETAILS%","bytes_received":"%BYTES_RECEIVED%","bytes_sent":"%BYTES_SENT%",` +
		`"duration":"%DURATION%","upstream_service_time":"%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%","x_forwarded_for":"%REQ(X-FORWARDED-FOR)%",` +
		`"user_agent":"%REQ(USER-AGENT)%","request_id":"%REQ(X-REQUEST-ID)%","authority":"%REQ(:AUTHORITY)%","upstream_host":"%UPSTREAM_HOST%",` +
		`"upstream_cluster":"%UPSTREAM_CLUSTER_RAW%","upstream_local_address":"%UPSTREAM_LOCAL_ADDRESS%","downstream_local_address":"%DOWNSTREAM_LOCAL_ADDRESS%",` +
		`"downstream_remote_address":"%DOWNSTREAM_REMOTE_ADDRESS%","requested_server_name":"%REQUESTED_SERVER_NAME%",` +
		`"upstream_transport_failure_reason":"%UPSTREAM_TRANSPORT_FAILURE_REASON%"}`
)

// operator is one command of an Envoy format: %NAME(args):size%.
type operator struct {
	text string // as the format has it
	name string
	args string
	size string // the most bytes that Envoy writes of it; empty means all
}

var operatorExpr = regexp.MustCompile(`^%([A-Z0-9_]+)(?:\((.*?)\))?(?::([0-9]+))?%`)

// parseOperator reads the operator at the start of s.
func parseOperator(s string) (operator, bool) {
	m := operatorExpr.FindStringSubmatch(s)
	if m == nil {
		return operator{}, false
	}
	return operator{text: m[0], name: m[1], args: m[2], size: m[3]}, true
}

// header returns the request headers that the operator prints the first of,
// in upper case.
func (o *operator) header() string {
	if o.name == "REQ" || o.name == "REQUEST_HEADER" {
		return strings.ToUpper(o.args)
	}
	return ""
}

// field returns the field that the operator fills, and how much it is to be
// preferred among those that fill the same; fieldCount when it fills none.
func (o *operator) field() (field, int) {
	switch o.name {
	case "EMIT_TIME":
		return fieldTime, 2 // the end of the request, as billing wants it
	case "START_TIME":
		return fieldTime, 1
	case "EMIT_TIME_LOCAL", "START_TIME_LOCAL":
		// Local time is of use only with its distance from UTC.
		if l, err := parseLayout(o.args); err == nil && l.zoned && o.args != "" {
			if o.name == "EMIT_TIME_LOCAL" {
				return fieldTime, 2
			}
			return fieldTime, 1
		}
	case "DURATION":
		return fieldDuration, 1
	case "RESPONSE_CODE":
		return fieldStatus, 1
	case "ACCESS_LOG_TYPE":
		return fieldLogType, 1
	case "PATH":
		return fieldTarget, 2
	case "REQ", "REQUEST_HEADER":
		switch o.header() {
		case ":AUTHORITY", ":AUTHORITY?HOST", "HOST?:AUTHORITY":
			return fieldHost, 2
		case "HOST":
			return fieldHost, 1
		case ":METHOD":
			return fieldMethod, 1
		case "X-ENVOY-ORIGINAL-PATH?:PATH":
			return fieldTarget, 3 // what was asked for, before a rewrite
		case ":PATH":
			return fieldTarget, 1
		}
	}
	return fieldCount, 0
}

// envoyFields picks the operators that a record is made of. It returns the
// index in ops of the one for each field, or -1.
func (f *Format) envoyFields(ops []operator) (wants, error) {
	w := nothingWanted()
	vars := &w.record
	var best [fieldCount]int
	for i := range ops {
		if k, rank := ops[i].field(); k < fieldCount && rank > best[k] {
			vars[k], best[k] = i, rank
		}
	}
	f.envoy = true
	if i := vars[fieldTime]; i >= 0 {
		l, err := parseLayout(ops[i].args)
		if err != nil {
			return w, fmt.Errorf("%s: %w", ops[i].text, err)
		}
		f.time, f.clock = timeLayout, l
		if ops[i].args == "" {
			f.time = timeAny
		}
		if strings.HasPrefix(ops[i].name, "EMIT_TIME") {
			vars[fieldDuration] = -1
		} else if vars[fieldDuration] < 0 {
			f.warn(f.kind, "the format logs when a request began, not when it ended", "add %DURATION%, so that a long one is put in the hour in which it ended")
		}
	} else {
		vars[fieldDuration] = -1
	}
	return w, nil
}

// lintOperators warns of the operators that are wanted. w has indices of ops.
func (f *Format) lintOperators(w *wants, ops []operator) {
	for k, i := range w.record {
		switch {
		case i < 0 || field(k) == fieldHost && f.slots.record[k] < 0:
		case field(k) == fieldCustomer:
			f.lintOperator("customer", &ops[i])
		default:
			f.lintOperator(f.kind, &ops[i])
		}
	}
	for _, i := range w.fields {
		if i >= 0 {
			f.lintOperator(f.kind, &ops[i])
		}
	}
	f.lintPath(ops)
}

// compileEnvoyText compiles a text_format.
func compileEnvoyText(f *Format, s *Spec) error {
	text := s.EnvoyText
	switch strings.TrimSpace(text) {
	case "envoy":
		text = envoyText
	case "istio":
		text = istioText
	}
	if p, ok := readPaste(text); ok {
		var err error
		if text, err = p.text(); err != nil {
			return specError("envoy_text", err)
		}
	}
	t, ops, err := parseEnvoyText(text)
	if err != nil {
		return specError("envoy_text", err)
	}
	f.escape = escapeNone
	f.setText(t)
	w, err := f.envoyFields(ops)
	if err != nil {
		return specError("envoy_text", err)
	}
	if err := f.askText(&w, "operator", s); err != nil {
		return err
	}
	if i := w.record[fieldTime]; i >= 0 {
		t.vars[i].parsed = true
	}
	if w.record[fieldMethod] >= 0 || w.record[fieldTarget] >= 0 {
		f.assumptions = append(f.assumptions, "a request's method is a token and its path holds no blank, which Envoy's codecs see to")
	}
	if err := f.compileText(w, s); err != nil {
		return err
	}
	if i := w.record[fieldCustomer]; i >= 0 {
		f.customer = ops[i : i+1]
	}
	f.lintOperators(&w, ops)
	return nil
}

// parseEnvoyText cuts a text_format into literals and operators.
func parseEnvoyText(text string) (*template, []operator, error) {
	text = strings.TrimRight(strings.TrimLeft(text, "\r\n"), "\r\n")
	text = strings.TrimSuffix(text, `\n`)
	if strings.Contains(text, "\n") {
		return nil, nil, errorAt(0, "the format holds a line end, so one request fills several lines of the log; join them in Envoy's text_format")
	}
	t := &template{}
	var ops []operator
	known := map[string]*language{}
	for text != "" {
		before, rest, found := strings.Cut(text, "%")
		t.literal(before)
		if !found {
			break
		}
		if after, ok := strings.CutPrefix(rest, "%"); ok {
			t.literal("%")
			text = after
			continue
		}
		op, ok := parseOperator("%" + rest)
		if !ok {
			return nil, nil, errorAt(0, "the text from %q on is no operator; want %%NAME%%, %%NAME(ARGUMENTS)%% or %%NAME(ARGUMENTS):LENGTH%%, and %%%% for a %%", truncated("%"+rest))
		}
		expr, open := op.expr()
		if known[expr] == nil {
			l, err := newLanguage(expr)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", op.text, err)
			}
			known[expr] = l
		}
		t.variable(variable{name: op.text, lang: known[expr], escape: escapeNone, open: open && expr == `[^\n]*`})
		ops = append(ops, op)
		text = rest[len(op.text)-1:]
	}
	t.literal("")
	if len(ops) == 0 {
		return nil, nil, errorAt(0, "the format has no operator, such as %%RESPONSE_CODE%%; paste Envoy's text_format, or use a built-in name: envoy, istio")
	}
	return t, ops, nil
}

func truncated(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
