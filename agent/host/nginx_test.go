package host

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// busy is a configuration with all that makes reading hard.
var busy = map[string]string{
	"nginx.conf": `
daemon off;
pid %DIR%/nginx.pid;
error_log %DIR%/error.log;
events {}
# a comment with { and ' in it
http {
  map $http_x_api_key $billing_customer {
    default   "";
    "k{1}"    cus_A;   # a quoted brace
    ~^abc     'cus_B;}';
    include   maps/*.map;
  }
  map $status $loggable { ~^[23] 1; default 0; }
  log_format api '$remote_addr [$time_local] "$request" $status '  # first
                 '"${billing_customer}s" \'q\' \\x';
  log_format js escape=json "{\"t\":\"$time_iso8601\",\"r\":\"$request\",\"s\":\"$status\"}";
  log_format odd '$msec $http_x_customer_id "$request" $status';
  access_log logs/access.log api;
  include sites/*;
  server {
    listen 127.0.0.1:18081;
    server_name plain.example.com;
    location /healthz { access_log off; return 200; }
  }
}
`,
	"maps/z.map": "z cus_Z;\n",
	"sites/a.conf": `
server {
  listen 127.0.0.1:18082;
  server_name api.example.com www.example.com;
  access_log %DIR%/logs/api.log api buffer=64k;
  access_log %DIR%/logs/api.json js if=$loggable;
  location ~ "^/x{2}" { return 204; }
  location /v1/ { proxy_pass http://127.0.0.1:9; }
  location ^~ /v2 { proxy_pass http://127.0.0.1:9; include logs.inc; }
  location /files { access_log %DIR%/logs/$host.log odd; }
  location /zip { access_log %DIR%/logs/zip odd gzip=3; }
}
`,
	"sites/b.conf": `
server {
  listen 127.0.0.1:18083;
  access_log "%DIR%/logs/api.json" api;
  access_log syslog:server=127.0.0.1 api;
  location / { if ($arg_x) { access_log %DIR%/logs/x.log; } }
}
`,
	"sites/.hidden": "this is not read { \n",
	"logs.inc":      "access_log %DIR%/logs/v2.log api buffer=32k flush=5s;\n",
	"logs/.keep":    "",
}

func TestReadNginx(t *testing.T) {
	dir := tree(t, busy)
	file := filepath.Join(dir, "nginx.conf")
	n, err := ReadNginx(file, NginxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	type log struct{ place, context, path, format, buffer, flush, cond string }
	var got []log
	for _, l := range n.Logs {
		got = append(got, log{
			strings.TrimPrefix(l.Place.String(), dir+"/"), l.Context, strings.TrimPrefix(l.Path, dir+"/logs/"),
			l.Format, l.Buffer, l.Flush, l.If,
		})
	}
	want := []log{
		{"nginx.conf:19", "http", "access.log", "api", "", "", ""},
		{"sites/a.conf:5", "server api.example.com", "api.log", "api", "64k", "", ""},
		{"sites/a.conf:6", "server api.example.com", "api.json", "js", "", "", "$loggable"},
		{"logs.inc:1", "server api.example.com, location ^~ /v2", "v2.log", "api", "32k", "5s", ""},
		{"sites/a.conf:10", "server api.example.com, location /files", "$host.log", "odd", "", "", ""},
		{"sites/a.conf:11", "server api.example.com, location /zip", "zip", "odd", "", "", ""},
		{"sites/b.conf:4", "server at " + dir + "/sites/b.conf:2", "api.json", "api", "", "", ""},
		{"sites/b.conf:5", "server at " + dir + "/sites/b.conf:2", "", "api", "", "", ""},
		{"sites/b.conf:6", "server at " + dir + "/sites/b.conf:2, location /, if $arg_x", "x.log", "combined", "", "", ""},
	}
	if !slices.Equal(got, want) {
		t.Errorf("logs\ngot  %q\nwant %q", got, want)
	}
	if f := n.Formats["api"]; !slices.Equal(f.Strings, []string{`$remote_addr [$time_local] "$request" $status `, `"${billing_customer}s" 'q' \x`}) || f.Escape != "default" {
		t.Errorf("api is %q", f)
	}
	if f := n.Formats["js"]; !slices.Equal(f.Strings, []string{`{"t":"$time_iso8601","r":"$request","s":"$status"}`}) || f.Escape != "json" {
		t.Errorf("js is %q", f)
	}
	if want := []string{"$billing_customer", "$loggable"}; !slices.Equal(n.Custom, want) {
		t.Errorf("custom variables: got %q, want %q", n.Custom, want)
	}
	if want := []string{"/v1/", "/v2"}; !slices.Equal(n.Routes, want) {
		t.Errorf("routes: got %q, want %q", n.Routes, want)
	}
	wantFindings(t, n.Findings(),
		"warning: access_log is off at "+file+":24 (server plain.example.com, location /healthz)",
		"warning: the path logs/access.log begins at nginx's prefix; it is taken for "+dir+"/logs/access.log",
		"warning: keeps up to 64k of lines for "+dir+"/logs/api.log in memory",
		"warning: only if $loggable is neither empty nor 0",
		"warning: such as \""+dir+"/logs/*.log\"",
		"problem: compresses "+dir+"/logs/zip as it writes",
		"warning: logs to syslog:server=127.0.0.1, which is no file",
		"problem: api.json gets lines of different formats: js at "+dir+"/sites/a.conf:6, api at "+dir+"/sites/b.conf:4",
	)
}

// TestBusyIsValid: nginx itself takes the configuration that the tests read.
func TestBusyIsValid(t *testing.T) {
	nginx := needs(t, "nginx")
	dir := tree(t, busy)
	out, err := exec.Command(nginx, "-t", "-p", dir, "-c", filepath.Join(dir, "nginx.conf")).CombinedOutput()
	if err != nil {
		t.Errorf("nginx -t: %v\n%s", err, out)
	}
}

// TestInstalledNginx reads the configuration of the nginx that is installed
// here, and its default log where none is set.
func TestInstalledNginx(t *testing.T) {
	needs(t, "nginx")
	const file = "/etc/nginx/nginx.conf"
	if _, err := os.Stat(file); err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	n, err := ReadNginx(file, NginxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Logs) == 0 || n.Logs[0].Path == "" || n.User == "" {
		t.Errorf("got %+v", n)
	}
	if b := builtWith(file); b.prefix == "" || !filepath.IsAbs(b.log) {
		t.Errorf("built with %+v", b)
	}
	if b := builtWith("/nosuch/nginx.conf"); b != (built{}) {
		t.Errorf("another configuration is said to be built with %+v", b)
	}
}

func TestNginxCases(t *testing.T) {
	tests := []struct {
		name, http string
		want       []string // findings
		logs       string   // paths, and what they are
	}{
		{
			"every server has its own", `access_log /a.log; server { access_log /b.log; } server { access_log off; }`,
			[]string{"warning: access_log is off at"},
			"/a.log unused, /b.log",
		},
		{"one server has none", `access_log /a.log; server { access_log /b.log; } server {}`, nil, "/a.log, /b.log"},
		{"no access_log", `server {}`, nil, "/default.log implicit"},
		{"no access_log is needed", `server { access_log /b.log; }`, nil, "/b.log"},
		{"off for all", `access_log off; server {}`, []string{"warning: access_log is off at"}, ""},
		{"twice", `access_log /a.log; access_log /a.log; server {}`, []string{"problem: is written to /a.log twice"}, "/a.log, /a.log"},
		{"unknown format", `access_log /a.log nosuch; server {}`, []string{`problem: names the format "nosuch"`}, "/a.log"},
		{"standard output", `access_log /dev/stdout; server {}`, []string{"problem: leads to /dev/stdout"}, "/dev/stdout"},
		{"a missing include", `include /nosuch.conf; access_log /a.log; server {}`, []string{"warning: /nosuch.conf"}, "/a.log"},
		{"an empty glob", `include /nosuch/*.conf; access_log /a.log; server {}`, nil, "/a.log"},
		{
			"lua", "init_by_lua_block { local a = [[ } ]] -- don't {\n local b = #a .. '}' }\naccess_log /a.log; server { location / { content_by_lua_block { ngx.say(\"}\") } } access_log /b.log; }",
			nil, "/a.log unused, /b.log",
		},
		{"stream logs are none of ours", `server {} } stream { access_log /s.log basic; server {}`, nil, "/default.log implicit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := tree(t, map[string]string{"nginx.conf": "events {}\nhttp { " + tt.http + " }\n"})
			n, err := ReadNginx(filepath.Join(dir, "nginx.conf"), NginxOptions{Prefix: dir, DefaultLog: "/default.log"})
			if err != nil {
				t.Fatal(err)
			}
			var logs []string
			for _, l := range n.Logs {
				s := l.Path
				if l.Unused {
					s += " unused"
				}
				if l.Implicit {
					s += " implicit"
				}
				logs = append(logs, s)
			}
			if got := strings.Join(logs, ", "); got != tt.logs {
				t.Errorf("logs: got %s, want %s", got, tt.logs)
			}
			wantFindings(t, n.Findings(), tt.want...)
		})
	}
}

func TestNginxRefused(t *testing.T) {
	long := strings.Repeat("a{", maxDepth+1) + strings.Repeat("}", maxDepth+1)
	wide := map[string]string{"nginx.conf": "include f0;", "f30": "a;"}
	for i := range 30 { // 2^30 directives
		wide[fmt.Sprintf("f%d", i)] = fmt.Sprintf("include f%d; include f%d;", i+1, i+1)
	}
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"no file", map[string]string{}, "no such file"},
		{"a circle", map[string]string{"nginx.conf": "include a;", "a": "include b;", "b": "include a;"}, "circle"},
		{"itself", map[string]string{"nginx.conf": "include nginx.conf;"}, "circle"},
		{"too deep", map[string]string{"nginx.conf": long}, "deep"},
		{"too many", wide, "too many directives"},
		{"no end of a quote", map[string]string{"nginx.conf": "http {\n log_format x 'abc;\n}"}, "line 2: the text that begins with ' has no end"},
		{"no end of a block", map[string]string{"nginx.conf": "http {"}, "end of file"},
		{"no end of lua", map[string]string{"nginx.conf": "http { init_by_lua_block { '}' "}, "Lua"},
		{"one brace too many", map[string]string{"nginx.conf": "http { } }"}, "unexpected"},
		{"if without a condition", map[string]string{"nginx.conf": "http { server { if { } } }"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadNginx(filepath.Join(tree(t, tt.files), "nginx.conf"), NginxOptions{Prefix: "/", DefaultLog: "/x"})
			if err == nil && tt.want != "" || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestDirective: a format is written so that nginx reads it back.
func TestDirective(t *testing.T) {
	f := LogFormat{Name: "x", Escape: "json", Strings: []string{`it's`, `"both" it's \ `, "", `$a "b"`, "tab\there"}}
	dir := tree(t, map[string]string{"nginx.conf": "events {} http { " + f.Directive() + " }"})
	n, err := ReadNginx(filepath.Join(dir, "nginx.conf"), NginxOptions{Prefix: "/", DefaultLog: "/x"})
	if err != nil {
		t.Fatal(err)
	}
	if got := n.Formats["x"]; got.Escape != f.Escape || !slices.Equal(got.Strings, f.Strings) {
		t.Errorf("got %q, want %q", got, f)
	}
}

// FuzzReadNginx: no text ends the process or the reading, and what the blanking
// of Lua leaves has the same lines.
func FuzzReadNginx(f *testing.F) {
	for _, text := range busy {
		f.Add(text)
	}
	f.Add("http { content_by_lua_block { [==[ ]] ]==] --[[ } ]] } if { } }")
	f.Add(`map a $b { default 'x\'y'; } server { set $c "${d}"; }`)
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		file := filepath.Join(dir, "nginx.conf")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if n, err := ReadNginx(file, NginxOptions{Prefix: dir, DefaultLog: "/x"}); err == nil {
			n.Findings()
		}
		if blank, err := blankLua([]byte(text)); err == nil && strings.Count(string(blank), "\n") != strings.Count(text, "\n") {
			t.Errorf("%q became %q", text, blank)
		}
	})
}
