package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each file in testdata/problems is a configuration; the one beside it, with
// .want, is all that a person is told about it. Read them like code.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/problems/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".toml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(file, ".toml")+".want", told(text))
		})
	}
}

// told returns the problems of a configuration, else its warnings and what
// keeps it from running.
func told(text []byte) string {
	c, err := Parse("/etc/logmeter/agent.toml", text, environ([]string{"LOGMETER_INSTANCE=test"}))
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	for _, w := range c.Warnings() {
		b.WriteString("warning: " + w + "\n")
	}
	if err := c.CheckRun(); err != nil {
		b.WriteString("run: " + err.Error() + "\n")
	}
	return b.String()
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	got = strings.ReplaceAll(got, "/etc/logmeter/agent.toml:", "agent.toml:")
	if *update {
		writeFile(t, file, got, 0o644)
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// What isn't TOML stops the decoder, so each fault has a text of its own.
func TestSyntax(t *testing.T) {
	const file = "testdata/syntax.want"
	var b strings.Builder
	for _, text := range []string{
		"instance = edge-1\n",
		"[stripe]\napi_key_file = sk_live_51HqSecret\n",
		"[stripe]\nlive = True # yes\n",
		"[format.api]\ncustomer_verified = no\n",
		"instance =\nstate_dir = 'x'\n",
		"instance = \"edge\nstate_dir = 'x'\n",
		"[format.api]\nnginx = '''\n$status\n",
		"[meter.a]\nmatch = { path = [\"/a\" \"/b\"] }\n",
		"[meter.a]\nmatch = { path = [\"/a\",\n\"/b\"\nstatus = 200\n",
		"[meter.a]\nmatch = { path = \"/a\" status = 200 }\n",
		"state_dir = \"C:\\data\"\n",
		"[meter.a\nmatch = {}\n",
		"[meter.]\n",
		"[meter.a] event_name = 'x'\n",
		"just words\n",
		"word\n",
		"= 3\n",
		"instance = 'a' 'b'\n",
		"[source.a]\npath = 'x'\n\n[source.a]\npath = 'y'\n",
		"[source.a]\npath = 'x'\nformat = 'f'\npath = 'y'\n",
		"[customers.map]\n\"a b\" = 'cus_1'\n\"a b\" = 'cus_2'\n",
		"instance = 1_\n",
		"instance = 99999999999999999999\n",
		"instance = 1979-05-27T25:00:00Z\n",
		"instance = 'a\x01b'\n",
		"instance = 'caf\xe9'\n",
		"i\x00n\x00s\x00t\x00",
	} {
		_, err := Parse("agent.toml", []byte(text), environ(nil))
		var ps Problems
		if !errors.As(err, &ps) {
			t.Errorf("%q: %v, want problems", text, err)
			continue
		}
		b.WriteString("── " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n   ") + "\n" + err.Error() + "\n\n")
	}
	got := strings.Map(func(c rune) rune {
		if c < ' ' && c != '\n' || c == '\ufffd' {
			return '·'
		}
		return c
	}, b.String())
	if strings.Contains(strings.ReplaceAll(got, "api_key_file = sk_live_51HqSecret", ""), "Secret") {
		t.Error("a message shows a key")
	}
	golden(t, file, got)
}
