package parsers

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
)

func millis(t *testing.T, text string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}

// parsed renders what a parser makes of a line: the time, method, path, status
// and customer, or the reason of its refusal.
func parsed(t *testing.T, p agent.Parser, line string) string {
	t.Helper()
	var rec agent.Record
	err := p.Parse([]byte(line), &rec)
	var refused *agent.Refused
	switch {
	case err == agent.ErrSkip:
		return "skipped"
	case errors.As(err, &refused):
		return refused.Reason
	case err != nil:
		t.Fatal(err)
	}
	when := "-"
	if rec.Time != 0 {
		when = time.UnixMilli(rec.Time).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return strings.Join([]string{when, string(rec.Method), string(rec.Path), string(rune('0'+rec.Status/100)) + "xx", string(rec.Customer)}, " ")
}

func TestEnvoyText(t *testing.T) {
	f := compile(t, Spec{EnvoyText: "envoy"})
	if len(f.Assumptions()) == 0 || !f.HasTime() {
		t.Errorf("got assumptions %q and time %v", f.Assumptions(), f.HasTime())
	}
	p := f.NewParser()
	for _, tt := range []struct{ line, want string }{
		{
			`[2026-11-24T18:59:59.917Z] "POST /api/v1?x=1 HTTP/1.1" 201 - 154 0 226 100 "10.0.35.28" "nsq2http" "cc21d9b0" "locations" "tcp://10.0.2.1:80"`,
			"2026-11-24T19:00:00.143Z POST /api/v1 2xx ", // its duration carries it into the next hour
		},
		{`[2026-11-24T18:00:00.000Z] "GET /a"b HTTP/2" 0 DC 0 0 0 - "-" "x" "y" "z" "-"`, `2026-11-24T18:00:00.000Z GET /a"b 0xx `},
		{`[2026-11-24T18:00:00.000Z] "- - -" 0 - 0 0 0 - "-" "-" "-" "-" "127.0.0.1:80"`, "2026-11-24T18:00:00.000Z   0xx "},
		{`[2026-11-24T18:00:00.000Z] "- - HTTP/1.1" 400 DPE 0 11 0 - "-" "-" "-" "-" "-"`, "2026-11-24T18:00:00.000Z   4xx "},
		{`[2026-11-24T18:00:00.000Z] "get /v1 HTTP/1.1" 200 - 0 0 5 - "-" "a" b" "-" "-" "-"`, "2026-11-24T18:00:00.005Z get /v1 2xx "},
		{`[2026-11-24T18:00:00.000Z] "GET /v1#x HTTP/1.1" 400 - 0 0 5 - "-" "-" "-" "-" "-"`, "2026-11-24T18:00:00.005Z GET  4xx "},
		{`[2026-11-24T18:00:00.000Z] "GET /v1 x HTTP/1.1" 200 - 0 0 5 - "-" "-" "-" "-" "-"`, "no_match"},
		{`[2026-11-24T18:00:00.000Z] "GET /v1 HTTP/1.1" 20x - 0 0 5 - "-" "-" "-" "-" "-"`, "no_match"},
		{`[2026-31-24T18:00:00.000Z] "GET /v1 HTTP/1.1" 200 - 0 0 5 - "-" "-" "-" "-" "-"`, "bad_time"},
		{"", "no_match"},
	} {
		if got := parsed(t, p, tt.line); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.line, got, tt.want)
		}
	}
}

func TestEnvoyCustomerBehindAnOpenHeaderIsRefused(t *testing.T) {
	_, err := Compile(Spec{EnvoyText: strings.TrimSuffix(envoyText, `"`) + `" "%REQ(X-CUSTOMER)%"` + `\n`, Customer: "%REQ(X-CUSTOMER)%"})
	var e *SpecError
	if !errors.As(err, &e) || e.Key != "envoy_text" || !strings.Contains(e.Error(), "json_format") {
		t.Errorf("got %v, want an error that says to use json_format", err)
	}
	_, err = Compile(Spec{EnvoyText: `%START_TIME% %RESPONSE_CODE% "%REQ(:METHOD)%" %NOPE`})
	if !errors.As(err, &e) || !strings.Contains(e.Error(), `"%NOPE"`) {
		t.Errorf("got %v, want an error at %%NOPE", err)
	}
	_, err = Compile(Spec{EnvoyText: "envoy", Customer: "%REQ(X-CUSTOMER)%"})
	if !errors.As(err, &e) || e.Key != "customer" || !strings.Contains(e.Error(), "%START_TIME%") {
		t.Errorf("got %v, want an error of customer", err)
	}
}

func TestEnvoyTrustedCustomerInFront(t *testing.T) {
	p := compile(t, Spec{
		EnvoyText: "[%START_TIME(%s.%3f)%] %DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:sub)% \"%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL%\" %RESPONSE_CODE% %DURATION% \"%REQ(USER-AGENT)%\"\n",
		Customer:  "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:sub)%",
		Charset:   map[string]string{"%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:sub)%": "[a-z0-9_]+"},
	}).NewParser()
	if got, want := parsed(t, p, `[1795543580.917] cus_acme "GET /v1 HTTP/2" 200 83 "a" "b"`), "2026-11-24T18:06:21.000Z GET /v1 2xx cus_acme"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := parsed(t, p, `[1795543580.917] - "GET /v1 HTTP/2" 200 83 "a" "b"`), "2026-11-24T18:06:21.000Z GET /v1 2xx "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := parsed(t, p, `[1795543580.917] cus acme "GET /v1 HTTP/2" 200 83 "a"`); got != "no_match" {
		t.Errorf("got %s, want no_match", got)
	}
}

func TestEnvoyBuiltins(t *testing.T) {
	istio := compile(t, Spec{EnvoyText: "istio"})
	line := `[2026-11-24T18:00:00.000Z] "GET /productpage HTTP/1.1" 200 - via_upstream - "-" 0 5183 39 38 "-" "curl/7.8" "a1b2" "app.example" "10.1.0.5:9080" ` +
		`inbound|9080|| 127.0.0.6:4 10.1.0.5:9080 10.1.0.9:5 outbound_.9080_._.p.default.svc default`
	// The duration stands behind what a client can move, so it isn't used.
	if got, want := parsed(t, istio.NewParser(), line), "2026-11-24T18:00:00.000Z GET /productpage 2xx "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	f := compile(t, Spec{EnvoyJSON: "istio-json"})
	if got, want := f.Fields(), (Fields{Time: "start_time", Method: "method", Path: "path", Status: "response_code", Host: "authority"}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	jsonLine := `{"start_time":"2026-11-24T18:00:00.000Z","duration":39,"method":"GET","path":"/productpage?u=1","response_code":200,"user_agent":"x\377"}`
	if got, want := parsed(t, f.NewParser(), jsonLine), "2026-11-24T18:00:00.039Z GET /productpage 2xx "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEnvoyJSON(t *testing.T) {
	f := compile(t, Spec{Customer: "who.id", EnvoyJSON: `{
		"time": "%EMIT_TIME%", "start": "%START_TIME%", "ms": "%DURATION%", "m": "%REQ(:METHOD)%", "p": "%REQ(:PATH)%", "code": "%RESPONSE_CODE%",
		"kind": "%ACCESS_LOG_TYPE%", "who": {"id": "%REQ(X-CUSTOMER)%"}, "both": "%PROTOCOL% %REQ(:METHOD)%"}`})
	p := f.NewParser()
	const line = `{"code":200,"kind":"DownstreamEnd","m":"GET","ms":900,"p":"/v1?x","start":"2026-11-24T18:00:00.000Z","time":"2026-11-24T18:00:00.901Z","who":{"id":"kund\351"}}`
	for _, tt := range []struct{ old, new, want string }{
		{"", "", "2026-11-24T18:00:00.901Z GET /v1 2xx kund\xe9"},
		{"DownstreamEnd", "DownstreamStart", "skipped"},
		{"DownstreamEnd", "DownstreamPeriodic", "skipped"},
		{`"kind":"DownstreamEnd",`, "", "2026-11-24T18:00:00.901Z GET /v1 2xx kund\xe9"},
		{`"code":200`, `"code":"200"`, "2026-11-24T18:00:00.901Z GET /v1 2xx kund\xe9"},
		{`"code":200`, `"code":200.0`, "2026-11-24T18:00:00.901Z GET /v1 2xx kund\xe9"},
		{`"code":200`, `"code":0`, "2026-11-24T18:00:00.901Z GET /v1 0xx kund\xe9"},
		{`"code":200`, `"code":true`, "bad_type"},
		{`"code":200`, `"code":2000`, "bad_status"},
		{`"who":{"id":"kund\351"}`, `"who":{"id":null}`, "2026-11-24T18:00:00.901Z GET /v1 2xx "},
		{`"who":{"id":"kund\351"}`, `"who":{"id":"-"}`, "2026-11-24T18:00:00.901Z GET /v1 2xx "},
		{`"who":{"id":"kund\351"}`, `"who":{"id":42}`, "2026-11-24T18:00:00.901Z GET /v1 2xx 42"},
		{`"who":{"id":"kund\351"}`, `"who":{"id":["a"]}`, "bad_type"},
		{`"who":{"id":"kund\351"}`, `"who":null`, "2026-11-24T18:00:00.901Z GET /v1 2xx "},
		{`"m":"GET"`, `"m":"GET","m":"PUT"`, "duplicate_key"},
		{`"time":"2026-11-24T18:00:00.901Z"`, `"time":null`, "bad_time"},
	} {
		if got := parsed(t, p, strings.Replace(line, tt.old, tt.new, 1)); got != tt.want {
			t.Errorf("%s → %s: got %s, want %s", tt.old, tt.new, got, tt.want)
		}
	}
	if want := []string{"both", "code", "kind", "m", "ms", "p", "start", "time", "who.id"}; !slices.Equal(f.Variables(), want) {
		t.Errorf("got %v, want %v", f.Variables(), want)
	}
	var rec agent.Record
	text := []byte(line)
	if n := testing.AllocsPerRun(100, func() { _ = p.Parse(text, &rec) }); n != 0 {
		t.Errorf("got %v allocations per line, want 0", n)
	}
	for text, want := range map[string]string{"[]": "isn't a table of keys", `{"a":"b"}`: "no key has", "start: x": "no key has"} {
		var e *SpecError
		if _, err := Compile(Spec{EnvoyJSON: text}); !errors.As(err, &e) || !strings.Contains(e.Error(), want) {
			t.Errorf("%s: got %v, want … %s …", text, err, want)
		}
	}
}
