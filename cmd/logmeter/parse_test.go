package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A line that is too long to be read shows where it stood and why it counts as
// refused; those around it are read.
func TestParseShowsLinesThatAreTooLong(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "agent.toml")
	err := os.WriteFile(conf, []byte(`
instance = "edge-1"
state_dir = "state"
[source.edge]
path = "access.log"
format = "api"
[format.api]
nginx = '$msec "$request_method" "$request_uri" $status'
[meter.all]
match = { status = "200" }
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	const line = "1795543580.917 \"GET\" \"/v1\" 200\n"
	in := line + strings.Repeat("x", 1<<20+1) + "\n" + line
	var out, stderr bytes.Buffer
	if code := run(t.Context(), []string{"parse", "-c", conf}, strings.NewReader(in), &out, &stderr); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	const want = `{"source":"edge","offset":31,"refused":"the line is longer than 1 MiB","reason":"too_long","line":null}`
	if len(lines) != 3 || lines[1] != want || !strings.Contains(lines[2], `"offset":1048609,`) {
		t.Errorf("got %s, want in the middle %s", out.String(), want)
	}
}
