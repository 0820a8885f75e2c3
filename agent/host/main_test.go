package host

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logmeter/logmeter/agent"
)

// tree writes files below a new folder and returns it. A %DIR% in them is that
// folder.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "%DIR%", dir)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// wantFindings compares findings with what they should say: "problem: words",
// one for each but those that are ok, in their order.
func wantFindings(t *testing.T, got []agent.Finding, want ...string) {
	t.Helper()
	var bad []agent.Finding
	for _, f := range got {
		if f.Severity != agent.OK {
			bad = append(bad, f)
		}
		if f.Severity > agent.Info && f.Hint == "" {
			t.Errorf("no hint: %s", f.Text)
		}
	}
	for i, f := range bad {
		if i >= len(want) {
			t.Errorf("not wanted: %v: %s\n  hint: %s", f.Severity, f.Text, f.Hint)
			continue
		}
		severity, words, _ := strings.Cut(want[i], ": ")
		if f.Severity.String() != severity || !strings.Contains(f.Text+"\n"+f.Hint, words) {
			t.Errorf("got  %v: %s\n  hint: %s\nwant %s", f.Severity, f.Text, f.Hint, want[i])
		}
	}
	for _, w := range want[min(len(bad), len(want)):] {
		t.Errorf("missing: %s", w)
	}
}

// needs skips a test whose program isn't there.
func needs(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("NOT TESTED: %s isn't installed", program)
	}
	return path
}
