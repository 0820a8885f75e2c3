package config

import (
	"strings"
	"testing"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/parsers"
)

// Each kind of format, in each way to write its table, reads its lines.
func TestFormatKinds(t *testing.T) {
	const (
		sidecar = `{"start_time":"2026-11-24T18:42:53.917Z","duration":3,"method":"GET","path":"/v1/x","status":201,"caller":{"id":"cus_a"}}`
		keys    = "start_time = '%START_TIME%'\nduration = '%DURATION%'\nmethod = '%REQ(:METHOD)%'\npath = '%REQ(:PATH)%'\nstatus = '%RESPONSE_CODE%'\n"
		lines   = `{"ts":"2026-11-24T18:42:53Z","http":{"request":"GET /v1/x HTTP/1.1","status":201},"caller":"cus_a"}`
	)
	for _, tt := range []struct{ name, toml, line string }{
		{"nginx", "nginx = '$msec \"$request\" $status \"$http_x\"'\ncustomer = '$http_x'", `1795545773.917 "GET /v1/x HTTP/1.1" 201 "cus_a"`},
		{"nginx in braces", "nginx = '${msec} \"$request\" $status \"${http_x}\"'\ncustomer = '$http_x'", `1795545773.917 "GET /v1/x HTTP/1.1" 201 "cus_a"`},
		{"nginx in a pod", "nginx = '$msec \"$request\" $status \"$http_x\"'\ncustomer = '$http_x'\nwrap = 'cri'", `2026-11-24T18:42:53.917Z stdout F 1795545773.917 "GET /v1/x HTTP/1.1" 201 "cus_a"`},
		{"charset", "nginx = '$msec $http_x $status \"$request\"'\ncustomer = '$http_x'\ncharset = { '$http_x' = '[a-z_]+' }", `1795545773.917 cus_a 201 "GET /v1/x HTTP/1.1"`},
		{"charset as a table", "nginx = '$msec $http_x $status \"$request\"'\ncustomer = '$http_x'\n[format.f.charset]\n'$http_x' = '[a-z_]+'", `1795545773.917 cus_a 201 "GET /v1/x HTTP/1.1"`},
		{"ambiguous", "nginx = '$msec $http_x $status \"$request\"'\ncustomer = '$http_x'\naccept_ambiguous = true", `1795545773.917 cus_a 201 "GET /v1/x HTTP/1.1"`},
		{"envoy_text", "envoy_text = '[%START_TIME%] %RESPONSE_CODE% %REQ(:METHOD)% %REQ(:PATH)% \"%RESP(X-ID)%\"'\ncustomer = '%RESP(X-ID)%'\ncharset = { '%RESP(X-ID)%' = '[a-z_]+' }", `[2026-11-24T18:42:53.917Z] 201 GET /v1/x "cus_a"`},
		{"envoy_json as text", "envoy_json = '''{\"start_time\": \"%START_TIME%\", \"duration\": \"%DURATION%\", \"method\": \"%REQ(:METHOD)%\", \"path\": \"%REQ(:PATH)%\", \"status\": \"%RESPONSE_CODE%\", \"caller\": {\"id\": \"%RESP(X-ID)%\"}}'''\ncustomer = 'caller.id'", sidecar},
		{"envoy_json as a table", "customer = 'caller.id'\n[format.f.envoy_json]\n" + keys + "caller = { id = '%RESP(X-ID)%' }", sidecar},
		{"envoy_json with a table", "customer = 'caller.id'\n[format.f.envoy_json]\n" + keys + "[format.f.envoy_json.caller]\nid = '%RESP(X-ID)%'", sidecar},
		{"envoy_json with a dot", "customer = 'caller.id'\n[format.f.envoy_json]\n" + keys + "caller.id = '%RESP(X-ID)%'", sidecar},
		{"envoy_json inline", "customer = 'caller.id'\nenvoy_json = { " + strings.ReplaceAll(keys, "\n", ", ") + "caller.id = '%RESP(X-ID)%', more = [1, { x = true }, 2.5] }", sidecar},
		{"json", "json = { time = 'ts', request = 'http.request', status = 'http.status', customer = 'caller' }", lines},
		{"json as a table", "customer = 'caller'\n[format.f.json]\ntime = 'ts'\nrequest = 'http.request'\nstatus = 'http.status'", lines},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := parseOK(t, "[format.f]\n"+tt.toml, nil)
			var rec agent.Record
			if err := c.Format["f"].Compiled.NewParser().Parse([]byte(tt.line), &rec); err != nil {
				t.Fatal(err)
			}
			if string(rec.Customer) != "cus_a" || string(rec.Method) != "GET" || string(rec.Path) != "/v1/x" || rec.Status != 201 || rec.Time/1000 != 1795545773 {
				t.Errorf("got %d %q %q %d %q", rec.Time, rec.Method, rec.Path, rec.Status, rec.Customer)
			}
		})
	}
}

func TestBuiltinFormats(t *testing.T) {
	for _, name := range parsers.Builtins() {
		c := parseOK(t, "[source.a]\npath = '/var/log/a.log'\nformat = '"+name+"'\n", nil)
		if f := c.Format[name]; f.Compiled == nil || !f.Compiled.HasTime() || f.Name != name {
			t.Errorf("%s isn't whole: %+v", name, f)
		}
		// A table takes it too, under the key of its kind.
		spec, _ := parsers.Builtin(name)
		kind := Format{Spec: spec}.kind()
		c = parseOK(t, "[format.mine]\n"+kind+" = '"+name+"'\n", nil)
		if c.Format["mine"].Compiled == nil {
			t.Errorf("%s = %s isn't taken", kind, name)
		}
	}
}

// A promise about a variable reaches whoever reads the assumptions.
func TestAssumptions(t *testing.T) {
	c := parseOK(t, "[format.f]\nnginx = '$msec $http_x $status \"$request\"'\ncustomer = '$http_x'\ncharset = { '$http_x' = '[a-z]{3}' }", nil)
	got := c.Format["f"].Compiled.Assumptions()
	if len(got) != 1 || !strings.Contains(got[0], "$http_x is absent or matches [a-z]{3}") {
		t.Errorf("assumptions = %q", got)
	}
}

// The names that json takes are those of the parsers.
func TestJSONFields(t *testing.T) {
	for _, name := range jsonFields {
		if _, err := parsers.Compile(parsers.Spec{JSON: map[string]string{name: "key"}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := parsers.Compile(parsers.Spec{JSON: map[string]string{"x": "key"}})
	if err == nil {
		t.Fatal("the parsers take any name")
	}
	_, known, _ := strings.Cut(err.Error(), "want ")
	if got := len(strings.Split(known, ", ")); got != len(jsonFields) {
		t.Errorf("the parsers know %d names: %v; want %d", got, err, len(jsonFields))
	}
}
