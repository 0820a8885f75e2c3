package parsers

import (
	"errors"
	"strings"
	"testing"

	"github.com/logmeter/logmeter/agent"
)

func TestJSONFormat(t *testing.T) {
	p := compile(t, Spec{JSON: map[string]string{
		"time": "ts", "status": "http.status", "method": "http.method", "path": "http.url", "customer": "who",
	}}).NewParser()
	for _, tt := range []struct{ line, want string }{
		{`{"ts":1795543580.917,"http":{"method":"GET","url":"/free/../v1?x","status":200},"who":"acme"}`, "2026-11-24T18:06:20.917Z GET /v1 2xx acme"},
		{`{"ts":"2026-11-24T19:06:20+01:00","http":{"method":"GET","url":"http://h/v1","status":"200"},"who":" acme\t"}`, "2026-11-24T18:06:20.000Z GET /v1 2xx acme"},
		{`{"ts":1795543580917,"http":{"method":"GET","url":"/v1","status":200}}`, "2026-11-24T18:06:20.917Z GET /v1 2xx "},
		{`{"ts":1795543580,"http":{"method":"get","url":"/v1","status":400}}`, "2026-11-24T18:06:20.000Z   4xx "},
		{`{"ts":"24/Nov/2026:18:06:20 +0000","http":{"method":"GET","url":"/v1","status":200}}`, "2026-11-24T18:06:20.000Z GET /v1 2xx "},
		{`{"ts":1795543580917,"http":{"method":"GET","url":"/v1"}}`, "bad_status"},
		{`{"http":{"method":"GET","url":"/v1","status":200}}`, "bad_time"},
		{`{"ts":"yesterday","http":{"method":"GET","url":"/v1","status":200}}`, "bad_time"},
		{`{"message":"started"}`, "bad_time"},
		{`started`, "bad_json"},
	} {
		if got := parsed(t, p, tt.line); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.line, got, tt.want)
		}
	}
	p = compile(t, Spec{JSON: map[string]string{"request": "req", "status": "s"}, Customer: "c"}).NewParser()
	if got, want := parsed(t, p, `{"req":"GET  /v1 HTTP/1.1","s":200,"c":"a"}`), "- GET /v1 2xx a"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestJSONFormatErrors(t *testing.T) {
	for _, tt := range []struct {
		spec      Spec
		key, want string
	}{
		{Spec{JSON: map[string]string{"url": "u"}}, "json", "want customer, host, method, path, request, status, time"},
		{Spec{JSON: map[string]string{"status": ""}}, "json", "status has no key"},
		{Spec{JSON: map[string]string{}}, "json", "no key of the lines is named"},
		{Spec{JSON: map[string]string{"path": "p", "request": "r"}}, "json", "both given"},
		{Spec{JSON: map[string]string{"customer": "a"}, Customer: "b"}, "customer", "leave one of them out"},
		{Spec{JSON: map[string]string{"status": "a"}, Nginx: "combined"}, "json", "only one of nginx and json"},
		{Spec{JSON: map[string]string{"status": "a"}, Escape: "json"}, "escape", "only an nginx format"},
		{Spec{JSON: map[string]string{"status": "a"}, Charset: map[string]string{"a": "b"}}, "charset", "leave charset out"},
		{Spec{Nginx: "combined", Wrap: "k8s"}, "wrap", "want cri, docker or syslog"},
	} {
		_, err := Compile(tt.spec)
		var e *SpecError
		if !errors.As(err, &e) || e.Key != tt.key || !strings.Contains(e.Error(), tt.want) {
			t.Errorf("%v: got %v, want %s: … %s …", tt.spec, err, tt.key, tt.want)
		}
	}
}

func TestWraps(t *testing.T) {
	const line = `::1 - - [24/Nov/2026:18:42:53 +0000] "GET /v1 HTTP/1.1" 200 5 "-" "curl"`
	const read = "2026-11-24T18:42:53.000Z GET /v1 2xx "
	escaped := strings.ReplaceAll(line, `"`, `\"`)
	for _, tt := range []struct {
		wrap  string
		lines []string
		want  []string
	}{
		{"cri", []string{"2026-11-24T18:42:53.917123456+01:00 stdout F " + line}, []string{read}},
		{"cri", []string{"2026-11-24T18:42:53Z stdout P " + line[:40], "2026-11-24T18:42:53Z stderr F x", "2026-11-24T18:42:53Z stdout F " + line[40:]}, []string{"skipped", "no_match", read}},
		{"cri", []string{"2026-11-24T18:42:53Z stdout F " + line[40:], "2026-11-24T18:42:53Z stdout F " + line}, []string{"no_match", read}},
		{"cri", []string{line, "x stdout F " + line, "2026-11-24T18:42:53Z stdin F " + line, "2026-11-24T18:42:53Z stdout G " + line, "2026-11-24T18:42:53Z stdout"}, []string{"bad_wrap", "bad_wrap", "bad_wrap", "bad_wrap", "bad_wrap"}},
		// Between the pieces comes a line of another file; only the pieces are lost.
		{"cri", []string{"2026-11-24T18:42:53Z stdout P " + line[:40], "2026-11-24T18:42:53Z stdout F " + line, "2026-11-24T18:42:53Z stdout F " + line[40:]}, []string{"skipped", read, "no_match"}},
		{"docker", []string{`{"log":"` + escaped + `\n","stream":"stdout","time":"2026-11-24T18:42:53Z"}`}, []string{read}},
		{"docker", []string{`{"log":"` + escaped[:30] + `","stream":"stdout"}`, `{"log":"` + escaped[30:] + `\n","stream":"stdout"}`}, []string{"skipped", read}},
		{"docker", []string{`{"log":"x\n"}`, `{"stream":"stdout"}`, line}, []string{"bad_wrap", "bad_wrap", "bad_wrap"}},
		{"syslog", []string{"<190>Nov 24 18:42:53 edge nginx: " + line, "<190>Nov  4 18:42:53 nginx: " + line, "2026-11-24T18:42:53.917+00:00 edge nginx: " + line}, []string{read, read, read}},
		{"syslog", []string{line, "<190>" + line, "<x>Nov 24 18:42:53 nginx: " + line, "Nov 24 18:42:53 a b nginx: " + line, ""}, []string{"bad_wrap", "bad_wrap", "bad_wrap", "bad_wrap", "bad_wrap"}},
	} {
		p := compile(t, Spec{Nginx: "combined", Wrap: tt.wrap}).NewParser()
		for i, l := range tt.lines {
			if got := parsed(t, p, l); got != tt.want[i] {
				t.Errorf("%s: %s: got %s, want %s", tt.wrap, l, got, tt.want[i])
			}
		}
	}
}

func TestPiecesAreBounded(t *testing.T) {
	p := compile(t, Spec{Nginx: "combined", Wrap: "cri"}).NewParser()
	piece := []byte("2026-11-24T18:42:53Z stdout P " + strings.Repeat("x", 16<<10))
	var rec agent.Record
	for range 100 {
		if err := p.Parse(piece, &rec); err != agent.ErrSkip {
			t.Fatal(err)
		}
	}
	if err := p.Parse([]byte("2026-11-24T18:42:53Z stdout F x"), &rec); err != agent.RefusedTooLong {
		t.Errorf("got %v, want too_long", err)
	}
	if n := len(p.(*criParser).pieces.stdout.joined); n != 0 {
		t.Errorf("%d bytes are kept", n)
	}
}

// FuzzWraps: no line makes a parser panic.
func FuzzWraps(f *testing.F) {
	f.Add("2026-11-24T18:42:53Z stdout P x", 0)
	f.Add(`{"log":"x","stream":"stderr"}`, 1)
	f.Add("<1>Nov 24 18:42:53 a b: x", 2)
	f.Add(`[2026-11-24T18:00:00.000Z] "- - -" 0 - 0 0 0 - "-" "-" "-" "-" "127.0.0.1:80"`, 3)
	f.Add(`{"start_time":"2026-11-24T18:00:00.000Z","duration":39,"method":"GET","path":"/p","response_code":200}`, 4)
	var ps []agent.Parser
	for _, s := range []Spec{
		{Nginx: "combined", Wrap: "cri"},
		{Nginx: "combined", Wrap: "docker"},
		{Nginx: "combined", Wrap: "syslog"},
		{EnvoyText: "envoy"},
		{EnvoyJSON: "istio-json"},
		{Nginx: corpusFormats["unquoted"].Nginx, AcceptAmbiguous: true},
	} {
		ps = append(ps, compile(f, s).NewParser())
	}
	f.Fuzz(func(t *testing.T, line string, which int) {
		var rec agent.Record
		err := ps[uint(which)%uint(len(ps))].Parse([]byte(line), &rec)
		var refused *agent.Refused
		if err != nil && err != agent.ErrSkip && !errors.As(err, &refused) {
			t.Errorf("got %v", err)
		}
	})
}
