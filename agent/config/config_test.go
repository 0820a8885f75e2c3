package config

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// writeFile writes a file with exactly the given mode.
func writeFile(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// environ makes an environment of pairs NAME=value.
func environ(pairs []string) func(string) string {
	return func(name string) string {
		for _, p := range pairs {
			if k, v, _ := strings.Cut(p, "="); k == name {
				return v
			}
		}
		return ""
	}
}

// parseOK parses a text that must be right. Every test has an instance of its
// own in the environment: hosts have all sorts of names.
func parseOK(t *testing.T, text string, env []string) *Config {
	t.Helper()
	c, err := Parse("/etc/logmeter/agent.toml", []byte(text), environ(append(env, "LOGMETER_INSTANCE=test")))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const formatAPI = `
[format.api]
nginx = '$remote_addr [$time_local] "$request" $status "$upstream_http_x_customer"'
customer = "$upstream_http_x_customer"
`

func TestParseFull(t *testing.T) {
	c := parseOK(t, `
instance = "edge-1" # the environment's comes first
state_dir = "state"
[source.b]
path = "/var/log/nginx/*.log"
format = "api"
[source.a]
path = "logs/a.log"
format = "api"
start = "beginning"
`+formatAPI+`
[meter.search]
match.path = ["/v1/search", "/v2/search/{id}"]
match.method = "GET"
match.status = [200, "3xx", "204-206"]
[meter.all]
event_name = "all_calls"
aggregation = "count"
[meter.all.match]
status = 200
[customers]
lookup = "id"
map = { acme = "cus_A1", "b@c.d" = "cus_B2" }
[report]
window = "60m"
settle = "90s"
on_stop = "send"
`, nil)
	if c.Instance != "test" {
		t.Errorf("instance = %q, want the environment's", c.Instance)
	}
	if got, want := c.StateDir, "/etc/logmeter/state"; got != want {
		t.Errorf("state_dir = %q, want %q", got, want)
	}
	sources := c.Sources()
	if len(sources) != 2 || sources[0] != (Source{"a", "/etc/logmeter/logs/a.log", "api", true, ""}) ||
		sources[1] != (Source{"b", "/var/log/nginx/*.log", "api", false, ""}) {
		t.Errorf("sources = %+v", sources)
	}
	meters := c.Meters()
	if len(meters) != 2 || meters[0].Name != "all" || meters[1].Name != "search" {
		t.Fatalf("meters = %+v", meters)
	}
	m := meters[1]
	if !slices.Equal(m.Paths, []string{"/v1/search", "/v2/search/{id}"}) || !slices.Equal(m.Methods, []string{"GET"}) {
		t.Errorf("search = %+v", m)
	}
	for _, code := range []int{200, 204, 206, 300, 399} {
		if !m.Status.Has(code) {
			t.Errorf("search doesn't count status %d", code)
		}
	}
	for _, code := range []int{0, 201, 203, 207, 400} {
		if m.Status.Has(code) {
			t.Errorf("search counts status %d", code)
		}
	}
	if got := c.EventNames(); got["all"] != "all_calls" || got["search"] != "search" || len(got) != 2 {
		t.Errorf("event names = %v", got)
	}
	if m := c.Customers.Map; m["acme"] != "cus_A1" || m["b@c.d"] != "cus_B2" || len(m) != 2 {
		t.Errorf("customers = %v", m)
	}
	if c.Report != (Report{Settle: 90 * time.Second, SendOnStop: true}) {
		t.Errorf("report = %+v", c.Report)
	}
	if c.HasKey() || c.Stripe.KeyFrom != "" || c.Stripe.APIBase != "https://api.stripe.com" {
		t.Errorf("stripe = %+v", c.Stripe)
	}
	if w := c.Warnings(); len(w) != 0 {
		t.Errorf("warnings = %q", w)
	}
}

func TestParseEmpty(t *testing.T) {
	host, err := os.Hostname()
	if err != nil || !isName(host) {
		t.Skip("this host's name can't be an instance's")
	}
	c, err := Parse("agent.toml", nil, environ(nil))
	if err != nil {
		t.Fatal(err)
	}
	if c.Instance != host {
		t.Errorf("instance = %q, want the host name %q", c.Instance, host)
	}
	d := Default()
	if c.StateDir != d.StateDir || c.Report != d.Report || c.Stripe != d.Stripe {
		t.Errorf("an empty file gives %+v, want the defaults", c)
	}
	if err := c.CheckRun(); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("CheckRun = %v, want two problems", err)
	}
}

func TestRelativePathsBeginAtTheFile(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse("sub/agent.toml", []byte(`state_dir = "../state"`), environ([]string{"LOGMETER_INSTANCE=x"}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.StateDir, filepath.Join(wd, "state"); got != want {
		t.Errorf("state_dir = %q, want %q", got, want)
	}
}

func TestLoad(t *testing.T) {
	t.Setenv("LOGMETER_INSTANCE", "from-env")
	dir := t.TempDir()
	path := filepath.Join(dir, "agent.toml")
	writeFile(t, path, "\ufeffstate_dir = 'x'\r\n", 0o600)
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.Instance != "from-env" || c.StateDir != filepath.Join(dir, "x") || c.File != path {
		t.Errorf("loaded %+v", c)
	}
	_, err = Load(filepath.Join(dir, "absent.toml"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "absent.toml") {
		t.Errorf("an absent file gives %v", err)
	}
	_, err = Load(dir)
	if err == nil {
		t.Error("a directory can be loaded")
	}
	writeFile(t, path, strings.Repeat("# much\n", maxFile/7+1), 0o600)
	_, err = Load(path)
	if err == nil || !strings.Contains(err.Error(), ":1: the file is larger than 1 MiB") {
		t.Errorf("a large file gives %v", err)
	}
}

// The decoder recurses: the largest file of brackets must not end the process.
func TestDeepNesting(t *testing.T) {
	for _, open := range []string{"[", "{a="} {
		text := "\na = " + strings.Repeat(open, maxFile/len(open)-8)
		_, err := Parse("agent.toml", []byte(text), environ(nil))
		if err == nil || !strings.Contains(err.Error(), "agent.toml:2: lists or tables stand in one another more than 64 deep") {
			t.Errorf("%s: got %v", open, err)
		}
	}
	text := "instance = 'x'\na = " + strings.Repeat("[", maxNesting) + strings.Repeat("]", maxNesting)
	if _, err := Parse("agent.toml", []byte(text), environ(nil)); err == nil || !strings.Contains(err.Error(), "a: unknown key") {
		t.Errorf("%d brackets: %v", maxNesting, err)
	}
}

func TestInstance(t *testing.T) {
	for _, tt := range []struct{ text, env, want, says string }{
		{`instance = "edge-1"`, "", "edge-1", ""},
		{`instance = "edge-1"`, "pod-7f", "pod-7f", ""},
		{``, "pod_7.F", "pod_7.F", ""},
		{`instance = "` + strings.Repeat("x", 64) + `"`, "", strings.Repeat("x", 64), ""},
		{`instance = "` + strings.Repeat("x", 65) + `"`, "", "", "can't be a name; want 1 to 64 characters of A-Z a-z 0-9 . _ -"},
		{`instance = "edge 1"`, "", "", `agent.toml:1: instance: "edge 1" can't be a name`},
		{`instance = "edge 1"`, "pod", "", `"edge 1" can't be a name`},
		{`instance = ""`, "", "", "is empty"},
		{"\n\ninstance = 'x'", "känguru", "", `agent.toml:3: instance: LOGMETER_INSTANCE is "känguru", which can't be a name`},
	} {
		c, err := Parse("agent.toml", []byte(tt.text), environ([]string{"LOGMETER_INSTANCE=" + tt.env}))
		switch {
		case tt.want == "":
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%q with %q: %v, want %q", tt.text, tt.env, err, tt.says)
			}
		case err != nil:
			t.Errorf("%q with %q: %v", tt.text, tt.env, err)
		case c.Instance != tt.want:
			t.Errorf("%q with %q: %q, want %q", tt.text, tt.env, c.Instance, tt.want)
		}
	}
}
