package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestPromiseBillingIsNoOutage: an agent leaves the log alone, byte for byte,
// mode and time, also one that it may only read, and needs nothing in its
// folder. That it can't slow the API follows: it only ever reads.
func TestPromiseBillingIsNoOutage(t *testing.T) {
	dir := t.TempDir()
	logs := filepath.Join(dir, "log")
	if err := os.Mkdir(logs, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(logs, "access.log")
	conf := bytes.ReplaceAll(demoConfig, []byte(`"access.log"`), []byte(`"log/access.log"`))
	for name, text := range map[string][]byte{path: demoLog, filepath.Join(dir, "agent.toml"): conf} {
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{path: 0o444, logs: 0o555} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.Chmod(logs, 0o755) })
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"run", "--dry-run", "--once", "-c", filepath.Join(dir, "agent.toml")}, nil, &out, io.Discard); code != 0 || out.Len() == 0 {
		t.Fatalf("exit code %d, output %q", code, out.String())
	}
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, demoLog) || !after.ModTime().Equal(before.ModTime()) || after.Mode() != before.Mode() {
		t.Error("the agent changed the log")
	}
	if list, _ := os.ReadDir(logs); len(list) != 1 {
		t.Errorf("the agent left something beside the log: %v", list)
	}
}
