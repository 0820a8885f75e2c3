package config

import "github.com/logmeter/logmeter/agent"

// wants is how each part of a record is asked for in a kind of format.
type wants struct{ customer, time, path, method, status, host string }

var wanted = map[string]wants{
	"nginx": {
		customer: `customer = "$variable", the variable of the log that says who called, such as $upstream_http_x_customer_id`,
		time:     "$time_local, $time_iso8601 or $msec in it",
		path:     "$request, or $request_method and $request_uri in it",
		method:   "$request or $request_method in it",
		status:   "$status in it",
		host:     "$host or $http_host in it",
	},
	"envoy_text": {
		customer: `customer = "%OPERATOR%", the operator of the log that says who called, such as %RESP(X-CUSTOMER-ID)%`,
		time:     "%START_TIME% and %DURATION% in it",
		path:     "%REQ(:PATH)% in it",
		method:   "%REQ(:METHOD)% in it",
		status:   "%RESPONSE_CODE% in it",
		host:     "%REQ(:AUTHORITY)% in it",
	},
	"envoy_json": {
		customer: `customer = "KEY", the key of the log that says who called; one in another has a dot between them`,
		time:     "a key with %START_TIME% alone in it",
		path:     "a key with %REQ(:PATH)% alone in it",
		method:   "a key with %REQ(:METHOD)% alone in it",
		status:   "a key with %RESPONSE_CODE% alone in it",
		host:     "a key with %REQ(:AUTHORITY)% alone in it",
	},
	"json": {
		customer: `customer = "KEY", the key of the log that says who called; one in another has a dot between them`,
		time:     `time = "KEY" in its json`,
		path:     `path = "KEY" or request = "KEY" in its json`,
		method:   `method = "KEY" or request = "KEY" in its json`,
		status:   `status = "KEY" in its json`,
		host:     `host = "KEY" in its json`,
	},
}

// lacking returns what a record of the format hasn't and a daemon needs: a
// customer to bill, a time for the hour, a path to be routed, and what the
// meters ask for.
func (f Format) lacking(meters map[string]Meter) []string {
	var lacks []string
	fields, want := f.Compiled.Fields(), wanted[f.kind()]
	if fields.Customer == "" && len(meters) > 0 {
		lacks = append(lacks, "customer, so there is nobody to bill; want a table [format.NAME] with "+want.customer)
	}
	if !f.Compiled.HasTime() {
		lacks = append(lacks, "time, so usage can't be put in an hour; want "+want.time)
	}
	if fields.Path == "" {
		lacks = append(lacks, "path, so no line fits a meter; want "+want.path)
	}
	method, status, host := false, false, false
	for _, m := range meters {
		for _, asks := range append([]agent.Match{m.Match}, m.Exclude...) {
			method = method || len(asks.Methods) > 0
			status = status || !asks.Status.Empty()
			host = host || len(asks.Hosts) > 0
		}
	}
	if method && fields.Method == "" && fields.Path != "" {
		lacks = append(lacks, "method, which a meter asks for; want "+want.method)
	}
	if status && fields.Status == "" {
		lacks = append(lacks, "status, which a meter asks for; want "+want.status)
	}
	if host && fields.Host == "" {
		lacks = append(lacks, "host, which a meter asks for; want "+want.host)
	}
	return lacks
}
