package parsers

// What nginx's variables can print, as expressions over their text before it
// is escaped. None of them holds a byte that an escape would change. A
// variable that isn't listed can print anything: a header, an argument, the
// result of a map.

// logVariables are written by nginx's log module itself, never escaped and
// never absent (ngx_http_log_module.c).
var logVariables = map[string]string{
	"pipe":            `[p.]`,
	"time_local":      `[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}`,
	"time_iso8601":    `[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2}`,
	"msec":            `[0-9]+\.[0-9]{3}`,
	"request_time":    `[0-9]+\.[0-9]{3}`,
	"status":          `[0-9]{3}`,
	"bytes_sent":      `[0-9]+`,
	"body_bytes_sent": `[0-9]+`,
	"request_length":  `[0-9]+`,
}

const (
	addressExpr = `[0-9A-Fa-f.:]+|unix:`
	numberExpr  = `[0-9]+`
	nameExpr    = `[A-Za-z0-9_.-]*`

	// An upstream's list has an item for each attempt: ", " between servers
	// of a group, " : " between groups, "-" where there is nothing to say.
	peerExpr     = `(?:-|unix:[!#-+\--\[\]-~]*|[0-9A-Za-z_\[][0-9A-Za-z_.:\[\]%-]*)`
	secondsExpr  = `(?:-|[0-9]+\.[0-9]{3})`
	bytesExpr    = `(?:-|[0-9]+)`
	statusesExpr = `(?:-|[0-9]{3})`
)

func listExpr(item string) string { return item + `(?:(?:, | : )` + item + `)*` }

// coreVariables go through the escape; when there is no value, nginx prints a
// dash under escape=default and nothing under the others.
var coreVariables = map[string]string{
	"remote_addr":                addressExpr,
	"realip_remote_addr":         addressExpr,
	"server_addr":                addressExpr,
	"proxy_protocol_addr":        addressExpr,
	"proxy_protocol_server_addr": addressExpr,
	"remote_port":                numberExpr,
	"realip_remote_port":         numberExpr,
	"server_port":                numberExpr,
	"connection":                 numberExpr,
	"connection_requests":        numberExpr,
	"connections_active":         numberExpr,
	"connections_reading":        numberExpr,
	"connections_writing":        numberExpr,
	"connections_waiting":        numberExpr,
	"connection_time":            `[0-9]+\.[0-9]{3}`,
	"tcpinfo_rtt":                numberExpr,
	"tcpinfo_rttvar":             numberExpr,
	"tcpinfo_snd_cwnd":           numberExpr,
	"tcpinfo_rcv_space":          numberExpr,
	"pid":                        numberExpr,
	"hostname":                   nameExpr,
	"nginx_version":              nameExpr,
	"scheme":                     `https?`,
	"https":                      `(?:on)?`,
	"http2":                      `(?:h2c?)?`,
	"http3":                      `(?:h3|hq)?`,
	"server_protocol":            `HTTP/[0-9]+\.[0-9]+ *`, // with the blanks that end a request line
	"request_completion":         `(?:OK)?`,
	"request_id":                 `[0-9a-f]{32}`,
	"gzip_ratio":                 `[0-9]+\.[0-9]+`,
	"ssl_protocol":               nameExpr,
	"ssl_cipher":                 nameExpr,
	"ssl_session_reused":         `[.r]`,
	"ssl_client_verify":          `(?:NONE|SUCCESS|FAILED(?::[ !#-\[\]-~]*)?)`,
	"ssl_client_fingerprint":     `[0-9a-f]*`,
	"ssl_client_serial":          `[0-9A-F]*`,
	"limit_req_status":           `[A-Z_]*`,
	"limit_conn_status":          `[A-Z_]*`,

	"upstream_addr":            listExpr(peerExpr),
	"upstream_status":          listExpr(statusesExpr),
	"upstream_response_time":   listExpr(secondsExpr),
	"upstream_connect_time":    listExpr(secondsExpr),
	"upstream_header_time":     listExpr(secondsExpr),
	"upstream_queue_time":      listExpr(secondsExpr),
	"upstream_response_length": listExpr(bytesExpr),
	"upstream_bytes_received":  listExpr(bytesExpr),
	"upstream_bytes_sent":      listExpr(bytesExpr),
	"upstream_cache_status":    `[A-Z]+`,

	// Set by ingress-nginx from names of Kubernetes objects.
	"proxy_upstream_name":             nameExpr,
	"proxy_alternative_upstream_name": nameExpr,
	"namespace":                       nameExpr,
	"ingress_name":                    nameExpr,
	"service_name":                    nameExpr,
	"service_port":                    nameExpr,
}

// nginxExpr returns the expression of what a variable, named without its $,
// prints under the escape, and whether that is text from outside.
func nginxExpr(name string, esc escape) (expr string, open bool) {
	if expr, ok := logVariables[name]; ok {
		return expr, false
	}
	expr, ok := coreVariables[name]
	if !ok {
		return esc.anything(), true
	}
	if esc == escapeDefault {
		return expr + `|-`, false
	}
	return `(?:` + expr + `)?`, false
}
