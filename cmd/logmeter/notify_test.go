package main

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// notifySocket is a systemd that listens. What it was told comes, a datagram a
// time, from the returned function.
func notifySocket(t *testing.T) (path string, next func() string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return path, func() string {
		t.Helper()
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 4096)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatalf("nothing more was told: %v", err)
		}
		return string(b[:n])
	}
}

// TestSupervisorIsTold runs the daemon under a supervisor, from ready to
// stopping.
func TestSupervisorIsTold(t *testing.T) {
	path, next := notifySocket(t)
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "3000000")
	dir := t.TempDir()
	config := filepath.Join(dir, "agent.toml")
	text := `
state_dir = "state"
instance = "test"
[source.edge]
path = "access.log"
format = "api"
[format.api]
nginx = '''$msec $status "$request" "$upstream_http_x_customer_id"'''
customer = "$upstream_http_x_customer_id"
[meter.calls]
match = { path = "/*" }
`
	for name, content := range map[string]string{config: text, filepath.Join(dir, "access.log"): ""} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan int, 1)
	go func() { done <- run(ctx, []string{"run", "-c", config}, strings.NewReader(""), io.Discard, io.Discard) }()
	if got, want := next(), "READY=1\nSTATUS=counting 1 source; there is no Stripe key: usage is kept"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for range 2 { // the second one needs a step of every loop
		if got := next(); got != "WATCHDOG=1" {
			t.Errorf("got %q, want a sign of life", got)
		}
	}
	stop()
	got := next()
	for got == "WATCHDOG=1" {
		got = next()
	}
	if !strings.HasPrefix(got, "STOPPING=1\nSTATUS=") {
		t.Errorf("got %q, want STOPPING=1 with a status", got)
	}
	if code := <-done; code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestNoSignOfLifeWhileALoopHangs(t *testing.T) {
	t.Parallel()
	seen := map[string]uint64{}
	for i, tt := range []struct {
		edge, report uint64
		want         bool
	}{
		{0, 0, true}, // new
		{1, 1, true},
		{1, 2, false}, // edge hangs
		{1, 9, false},
		{2, 9, true}, // both are beyond the last sign
		{3, 9, false},
		{9, 9, false}, // report hangs
	} {
		loops := []agent.Progress{{Loop: "ingest edge", Steps: tt.edge}, {Loop: "report", Steps: tt.report}}
		if got := moved(seen, loops); got != tt.want {
			t.Errorf("look %d at %v: got %v, want %v", i, loops, got, tt.want)
		}
	}
	if !moved(seen, nil) {
		t.Error("an agent that doesn't run yet hangs")
	}
}

func TestSignsOfLifeAreForTheProcessThatWasAsked(t *testing.T) {
	t.Parallel()
	path, _ := notifySocket(t)
	for _, tt := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"300000000", "", 100 * time.Second},
		{"300000000", "1", 0}, // inherited from a parent
		{"", "", 0},
		{"soon", "", 0},
		{"-1", "", 0},
	} {
		env := map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": tt.usec, "WATCHDOG_PID": tt.pid}
		s := newSupervisor(func(k string) string { return env[k] })
		defer s.close()
		if s.every != tt.want {
			t.Errorf("%+v: got a sign every %v, want %v", tt, s.every, tt.want)
		}
	}
	s := newSupervisor(func(k string) string { return map[string]string{"NOTIFY_SOCKET": "/nowhere/at/all"}[k] })
	s.tell("READY=1")
	s.close()
}
