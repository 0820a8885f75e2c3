package parsers

import "strings"

// What Envoy's operators print in a text format, which escapes nothing: an
// expression for those that a client can't write into, which print a dash, or
// nothing under omit_empty_values, when there is no value. One that isn't
// listed can print anything on one line.
var operatorExprs = map[string]string{
	"PROTOCOL":           `HTTP/[0-9.]+`,
	"UPSTREAM_PROTOCOL":  `HTTP/[0-9.]+`,
	"ACCESS_LOG_TYPE":    `[A-Za-z]+`,
	"GRPC_STATUS":        `[A-Za-z0-9_-]+`,
	"GRPC_STATUS_NUMBER": `-?[0-9]+`,
	// A comma stands between several; extensions have flags of their own.
	"RESPONSE_FLAGS":      `[A-Za-z0-9_,]+`,
	"RESPONSE_FLAGS_LONG": `[A-Za-z0-9_,]+`,
	// Envoy writes its blanks as underscores.
	"RESPONSE_CODE_DETAILS":                   `[^ \n]+`,
	"RESPONSE_CODE":                           numberExpr,
	"DURATION":                                numberExpr,
	"REQUEST_DURATION":                        numberExpr,
	"REQUEST_TX_DURATION":                     numberExpr,
	"RESPONSE_DURATION":                       numberExpr,
	"RESPONSE_TX_DURATION":                    numberExpr,
	"COMMON_DURATION":                         numberExpr,
	"ROUNDTRIP_DURATION":                      numberExpr,
	"DOWNSTREAM_HANDSHAKE_DURATION":           numberExpr,
	"UPSTREAM_REQUEST_ATTEMPT_COUNT":          numberExpr,
	"CONNECTION_ID":                           numberExpr,
	"UPSTREAM_CONNECTION_ID":                  numberExpr,
	"UPSTREAM_CONNECTION_POOL_READY_DURATION": numberExpr,
	"UNIQUE_ID":                               `[0-9a-f-]+`,
	"TRACE_ID":                                `[0-9a-f]+`,
	"SPAN_ID":                                 `[0-9a-f]+`,
	"DOWNSTREAM_TLS_VERSION":                  `[A-Za-z0-9._-]+`,
	"UPSTREAM_TLS_VERSION":                    `[A-Za-z0-9._-]+`,
	"DOWNSTREAM_TLS_CIPHER":                   `[A-Za-z0-9._-]+`,
	"UPSTREAM_TLS_CIPHER":                     `[A-Za-z0-9._-]+`,
	"DOWNSTREAM_PEER_FINGERPRINT_256":         `[0-9a-f]+`,
	"DOWNSTREAM_PEER_FINGERPRINT_1":           `[0-9a-f]+`,
	"DOWNSTREAM_PEER_SERIAL":                  `[0-9A-Fa-f]+`,
}

// plainAddress is an address with its port, or the path of a socket.
const plainAddress = `[^ "\n]+`

// expr returns the expression of what the operator prints in a text format;
// open says that it is text from outside. What the codecs promise of a method
// and a path is an assumption.
func (o *operator) expr() (expr string, open bool) {
	switch o.name {
	case "START_TIME", "START_TIME_LOCAL", "EMIT_TIME", "EMIT_TIME_LOCAL":
		l, err := parseLayout(o.args)
		if err != nil {
			return `[^\n]*`, false
		}
		return l.expr, false
	}
	if e := operatorExprs[o.name]; e != "" {
		return `(?:` + e + `|-)?`, false
	}
	switch {
	case strings.HasSuffix(o.name, "_BYTES_SENT"), strings.HasSuffix(o.name, "_BYTES_RECEIVED"), o.name == "BYTES_SENT", o.name == "BYTES_RECEIVED",
		strings.HasSuffix(o.name, "_PORT") && !strings.HasSuffix(o.name, "_WITHOUT_PORT"):
		return `(?:` + numberExpr + `|-)?`, false
	case o.name == "UPSTREAM_HOST", strings.HasSuffix(o.name, "_ADDRESS"), strings.HasSuffix(o.name, "_ADDRESS_WITHOUT_PORT"):
		return `(?:` + plainAddress + `|-)?`, false
	}
	switch f, _ := o.field(); f {
	case fieldMethod:
		return "[!#-'*+.0-9A-Z^_`a-z|~-]*", true
	case fieldTarget:
		return `[^ \n]*`, true
	}
	return `[^\n]*`, true
}
