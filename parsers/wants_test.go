package parsers

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/logmeter/logmeter/agent"
)

// asked renders the host and the fields that a parser finds in a line, or the
// reason of its refusal.
func asked(t *testing.T, p agent.Parser, line string) string {
	t.Helper()
	var rec agent.Record
	var refused *agent.Refused
	if err := p.Parse([]byte(line), &rec); errors.As(err, &refused) {
		return refused.Reason
	} else if err != nil {
		return err.Error()
	}
	out := []string{"-"}
	if rec.Host != nil {
		out[0] = string(rec.Host)
	}
	for _, f := range rec.Fields {
		if f == nil {
			out = append(out, "nil")
		} else {
			out = append(out, fmt.Sprintf("%q", f))
		}
	}
	return strings.Join(out, " ")
}

func TestFieldsAndHost(t *testing.T) {
	nginx := Spec{
		Nginx: `$msec "$host" $status $bytes_sent "$request_method" "$http_x" "$request_uri"`, Customer: "$http_x", Host: true,
		Fields: []string{"$http_x", "", "$status", "$bytes_sent", "$request_method", "${http_x}", "$msec", "$host", "$request_uri"},
	}
	inJSON := nginx
	inJSON.Escape = "json"
	envoy := Spec{
		EnvoyText: `%START_TIME(%s)% %RESPONSE_CODE% %DURATION% %UPSTREAM_HOST% "%REQ(:AUTHORITY)%"`, Host: true,
		Fields: []string{"%DURATION%", "%RESPONSE_CODE%", "%UPSTREAM_HOST%", "", "%REQ(:AUTHORITY)%"},
	}
	envoyJSON := Spec{
		EnvoyJSON: `{"code":"%RESPONSE_CODE%","to":{"host":"%REQ(host)%"},"size":"%BYTES_SENT%","two":"%PROTOCOL% %DURATION%"}`, Host: true,
		Fields: []string{"size", "code", "two", "to.host", ""},
	}
	lines := Spec{
		JSON: map[string]string{"status": "s", "host": "h"}, Host: true,
		Fields: []string{"bytes", "a.b", "s", "", "missing", "hit"},
	}
	for _, tt := range []struct {
		spec       Spec
		line, want string
	}{
		{nginx, `1795543580.917 "Api.example" 200 512 "GET" "acme" "/v1"`, `api.example "acme" nil "200" "512" "GET" "acme" "1795543580.917" "Api.example" "/v1"`},
		{nginx, `1795543580.917 "-" 400 0 "-" "-" "-"`, `- nil nil "400" "0" nil nil "1795543580.917" nil nil`},
		{nginx, `1795543580.917 "h" 200 0 "PUT" "" "/\x22\xC3\xBC"`, `h nil nil "200" "0" "PUT" nil "1795543580.917" "h" "/\"ü"`},
		{nginx, `1795543580.917 "h" 200 0 "PUT" "a\qb" "/"`, `bad_escape`},
		{inJSON, `1795543580.917 "h" 200 512 "GET" "ac\u001Fme\\" "/\""`, `h "ac\x1fme\\" nil "200" "512" "GET" "ac\x1fme\\" "1795543580.917" "h" "/\""`},
		{envoy, `1795543580 200 17 10.0.0.1:80 "[2001:DB8::1]:8443"`, `[2001:db8::1] "17" "200" "10.0.0.1:80" nil "[2001:DB8::1]:8443"`},
		{envoy, `1795543580 0 - - "-"`, `- nil "0" nil nil nil`},
		{envoyJSON, `{"code":200,"size":512,"to":{"host":"API.example:443"},"two":"HTTP/2 5"}`, `api.example "512" "200" "HTTP/2 5" "API.example:443" nil`},
		{envoyJSON, `{"code":200,"size":null,"two":"-"}`, `- nil "200" nil nil nil`},
		{envoyJSON, `{"code":200,"size":[1],"two":"-"}`, `bad_type`},
		{lines, `{"s":200,"bytes":1.5e3,"a":{"b":"x\u00fc\n"},"h":"EXAMPLE.\u0043om","hit":true}`, `example.com "1.5e3" "xü\n" "200" nil nil "true"`},
		{lines, `{"s":200,"bytes":"","bytes":1}`, `duplicate_key`},
	} {
		f := compile(t, tt.spec)
		p := f.NewParser()
		if got := asked(t, p, tt.line); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.line, got, tt.want)
		}
		var rec agent.Record
		line := []byte(tt.line)
		if n := testing.AllocsPerRun(100, func() { _ = p.Parse(line, &rec) }); n != 0 {
			t.Errorf("%s: got %v allocations per line, want 0", tt.line, n)
		}
	}
}

func TestHostIsOnlyCutWhenAskedFor(t *testing.T) {
	for _, tt := range []struct {
		spec Spec
		want string
	}{
		{Spec{Nginx: `"$http_host" "$host" "$server_name" $status`}, "$host"},
		{Spec{Nginx: `"$server_name" "$http_host" $status`}, "$http_host"},
		{Spec{Nginx: `"$server_name" $status`}, "$server_name"},
		{Spec{Nginx: `$status`}, ""},
		{Spec{EnvoyText: "envoy"}, "%REQ(:AUTHORITY)%"},
		{Spec{EnvoyJSON: `{"c":"%RESPONSE_CODE%","h":"%REQ(HOST)%","a":"%REQ(:authority)%"}`}, "a"},
	} {
		f := compile(t, tt.spec)
		if got := f.Fields().Host; got != tt.want {
			t.Errorf("%+v: got host from %q, want %q", tt.spec, got, tt.want)
		}
	}
	// Behind the path's neighbours a client moves the host about; that matters
	// to those only who bill by it.
	if _, err := Compile(Spec{EnvoyText: "envoy", Host: true}); err == nil {
		t.Error("a host that clients can move was taken")
	}
	if got := asked(t, compile(t, Spec{Nginx: `"$host" $status`}).NewParser(), `"a" 200`); got != "-" {
		t.Errorf("got host %s, want none", got)
	}
}

func TestHostOf(t *testing.T) {
	for _, tt := range []struct{ host, want string }{
		{"api.example", "api.example"},
		{"API.Example:8080", "api.example"},
		{"api.example.", "api.example"},
		{"api.example.:80", "api.example"},
		{"api.example:", "api.example"},
		{"api.example:http", "api.example:http"},
		{"[::1]", "[::1]"},
		{"[::1]:80", "[::1]"},
		{"[2001:DB8::A]:80", "[2001:db8::a]"},
		{"::1", "::1"},
		{":80", ""},
		{"-", ""},
		{"", ""},
		{".", ""},
		{"_", "_"},
	} {
		got, _ := hostOf([]byte(tt.host), nil)
		if string(got) != tt.want || (got == nil) != (tt.want == "") {
			t.Errorf("%q: got %q, want %q", tt.host, got, tt.want)
		}
	}
}

func TestHas(t *testing.T) {
	for _, tt := range []struct {
		spec Spec
		name string
		want bool
	}{
		{Spec{Nginx: "combined"}, "$status", true},
		{Spec{Nginx: "combined"}, "${status}", true},
		{Spec{Nginx: "combined"}, "status", false},
		{Spec{Nginx: "combined"}, "$http_x", false},
		{Spec{Nginx: "combined"}, "", false},
		{Spec{EnvoyText: "envoy"}, "%DURATION%", true},
		{Spec{EnvoyText: "envoy"}, "DURATION", false},
		{Spec{EnvoyJSON: "istio-json"}, "duration", true},
		{Spec{EnvoyJSON: "istio-json"}, "customer", false},
		{Spec{JSON: map[string]string{"status": "s"}}, "any.key", true},
		{Spec{JSON: map[string]string{"status": "s"}}, "", false},
	} {
		if got := compile(t, tt.spec).Has(tt.name); got != tt.want {
			t.Errorf("%+v has %q: got %v, want %v", tt.spec, tt.name, got, tt.want)
		}
	}
}

func TestUnknownFields(t *testing.T) {
	var many []string
	for i := range maxKeys + 1 {
		many = append(many, fmt.Sprintf("key%d", i))
	}
	for _, tt := range []struct {
		spec      Spec
		key, want string
	}{
		{Spec{Nginx: "combined", Fields: []string{"$status", "$nope"}}, "fields", `no variable "$nope"; it has $remote_addr`},
		{Spec{Nginx: "combined", Fields: []string{"status"}}, "fields", `write "$status"`},
		{Spec{EnvoyText: "envoy", Fields: []string{"%NOPE%"}}, "fields", `no operator "%NOPE%"`},
		{Spec{EnvoyJSON: "istio-json", Fields: []string{"nope"}}, "fields", `no key "nope"`},
		{Spec{JSON: map[string]string{"status": "s"}, Fields: many}, "json", "want 64 at most"},
		// What a field holds is billed, so it takes part in the proof.
		{Spec{Nginx: `$http_a $http_b $status`, Fields: []string{"$http_a"}}, "nginx", "$http_a can't be told"},
		{Spec{EnvoyText: "istio", Fields: []string{"%DURATION%"}}, "envoy_text", "%DURATION% can't be told"},
	} {
		_, err := Compile(tt.spec)
		var e *SpecError
		if !errors.As(err, &e) || e.Key != tt.key || !strings.Contains(e.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %s: … %s …", tt.spec, err, tt.key, tt.want)
		}
	}
}
