package parsers

import (
	"errors"
	"strings"
	"testing"

	"github.com/logmeter/logmeter/agent"
)

func TestSkipAndPrefix(t *testing.T) {
	const line = `::1 - - [24/Nov/2026:18:42:53 +0000] "GET /v1 HTTP/1.1" 200 5 "-" "curl"`
	const read = "2026-11-24T18:42:53.000Z GET /v1 2xx "
	notices := []string{`^\d{4}/\d\d/\d\d [0-9:]+ \[`, `signal process`}
	const notice = `2026/11/24 18:42:53 [notice] 1#1: signal 1 (SIGHUP) received`
	const cri = "2026-11-24T18:42:53Z stdout "
	for _, tt := range []struct {
		spec        Spec
		lines, want []string
	}{
		{Spec{Skip: notices}, []string{line, notice, "1#1: signal process started", "hello", line[:50]}, []string{read, "skipped", "skipped", "no_match", "no_match"}},
		// A caller can't hide his call by what he sends in it.
		{Spec{Skip: notices}, []string{strings.Replace(line, "curl", "signal process", 1)}, []string{read}},
		{Spec{Skip: notices, Wrap: "cri"}, []string{cri + "F " + line, cri + "F " + notice, cri + "F hello", notice}, []string{read, "skipped", "no_match", "bad_wrap"}},
		{Spec{Skip: notices, Wrap: "cri"}, []string{cri + "P " + notice[:20], cri + "F " + notice[20:]}, []string{"skipped", "skipped"}},
		// The first piece is another file's; the record behind it is billed.
		{Spec{Skip: notices, Wrap: "cri"}, []string{cri + "P " + notice, cri + "F " + line}, []string{"skipped", read}},
		{Spec{Skip: notices, Wrap: "docker"}, []string{`{"log":"` + notice + `\n","stream":"stderr"}`}, []string{"skipped"}},
		{Spec{Skip: notices, Wrap: "syslog"}, []string{"Nov 24 18:42:53 edge nginx: " + line, "Nov 24 18:42:53 edge nginx: " + notice, "Nov 24 18:42:53 edge sshd: hello"}, []string{read, "skipped", "no_match"}},
		{Spec{Prefix: "ACCESS "}, []string{"ACCESS " + line, line, "", "ACCESS "}, []string{read, "bad_prefix", "bad_prefix", "no_match"}},
		{Spec{Prefix: "ACCESS ", Skip: notices}, []string{"ACCESS " + line, notice, "ACCESS signal process"}, []string{read, "skipped", "skipped"}},
		{Spec{Prefix: "ACCESS ", Wrap: "cri"}, []string{cri + "F ACCESS " + line, cri + "F " + line}, []string{read, "bad_prefix"}},
	} {
		tt.spec.Nginx = "combined"
		p := compile(t, tt.spec).NewParser()
		for i, l := range tt.lines {
			if got := parsed(t, p, l); got != tt.want[i] {
				t.Errorf("%+v: %s: got %s, want %s", tt.spec, l, got, tt.want[i])
			}
		}
		var rec agent.Record
		last := []byte(tt.lines[len(tt.lines)-1])
		if n := testing.AllocsPerRun(100, func() { _ = p.Parse(last, &rec) }); n != 0 && !raced {
			t.Errorf("%s: got %v allocations per line, want 0", last, n)
		}
	}
	for _, tt := range []struct {
		spec      Spec
		key, want string
	}{
		{Spec{Nginx: "combined", Skip: []string{"a", "(b"}}, "skip", "expression \"(b\" can't be read: missing closing )"},
		{Spec{Nginx: "combined", Skip: []string{".*"}}, "skip", "matches every line"},
		{Spec{Nginx: "combined", Skip: []string{""}}, "skip", "matches every line"},
		{Spec{Nginx: "combined", Prefix: "a\nb"}, "prefix", "line end"},
		{Spec{Nginx: "combined", PathMode: "apache"}, "path_mode", "want nginx, envoy, raw"},
	} {
		_, err := Compile(tt.spec)
		var e *SpecError
		if !errors.As(err, &e) || e.Key != tt.key || !strings.Contains(e.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %s: … %s …", tt.spec, err, tt.key, tt.want)
		}
	}
}

func TestPathModes(t *testing.T) {
	jsonLines := Spec{JSON: map[string]string{"status": "s", "method": "m", "path": "p"}}
	envoy := Spec{EnvoyJSON: `{"s":"%RESPONSE_CODE%","m":"%REQ(:METHOD)%","p":"%REQ(:PATH)%"}`}
	nginx := Spec{Nginx: `{"s":$status,"m":"$request_method","p":"$request_uri"}`}
	for _, tt := range []struct {
		spec                  Spec
		mode, target, m, path string
	}{
		{jsonLines, "", "/a/../b%2Fc?x#y", "GET", "/b/c"},
		{jsonLines, "nginx", "//a#y", "GET", "/a"},
		{jsonLines, "envoy", "/a/../b%2Fc?x#y", "GET", ""},
		{jsonLines, "envoy", "/a/../b%2Fc?x", "GET", "/a/../b%2Fc"},
		{jsonLines, "raw", "/a/../b%2Fc#z?x#y", "GET", "/a/../b%2Fc#z"},
		{jsonLines, "raw", "http://h/v1?x", "GET", "/v1"},
		{jsonLines, "raw", "http://h?x", "GET", "/"},
		{jsonLines, "raw", "*", "OPTIONS", ""},
		// nginx answers 400 to a method in lower case, the others route it.
		{jsonLines, "", "/a", "get", ""},
		{jsonLines, "raw", "/a", "get", "/a"},
		{envoy, "", "/a//b/./c%41?x", "get", "/a//b/./c%41"},
		{envoy, "nginx", "/a//b/./c%41?x", "get", "/a/b/cA"},
		{envoy, "raw", "/a#b", "GET", "/a#b"},
		{nginx, "", "/a//b", "GET", "/a/b"},
		{nginx, "raw", "/a//b", "GET", "/a//b"},
		{nginx, "envoy", "/a//b", "GET", "/a//b"},
		{nginx, "raw", "/a", "get", ""},
	} {
		tt.spec.PathMode = tt.mode
		p := compile(t, tt.spec).NewParser()
		line := `{"s":200,"m":"` + tt.m + `","p":"` + tt.target + `"}`
		var rec agent.Record
		if err := p.Parse([]byte(line), &rec); err != nil || string(rec.Path) != tt.path {
			t.Errorf("%s of %s, path_mode %q: got %q, %v; want %q", tt.target, tt.m, tt.mode, rec.Path, err, tt.path)
		}
	}
}

func TestConnect(t *testing.T) {
	p := compile(t, Spec{Nginx: `"$request" $status`}).NewParser()
	for line, want := range map[string]string{
		`"CONNECT h.example:443 HTTP/1.1" 405`: "- CONNECT / 4xx ",
		`"CONNECT h.example:443 HTTP/1.1" 400`: "- CONNECT  4xx ", // before nginx 1.29
		`"GET h.example:443 HTTP/1.1" 405`:     "- GET  4xx ",
		`"CONNECT /v1 HTTP/1.1" 405`:           "- CONNECT /v1 4xx ",
	} {
		if got := parsed(t, p, line); got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
}
