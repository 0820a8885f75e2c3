package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/checkpoint"
)

const reloadConfig = `instance = "edge-1"
state_dir = "state"
[source.edge]
path = "edge.log"
format = "api"
start = "beginning"
[format.api]
nginx = '''$remote_addr [$time_local] "$request" $status "$upstream_http_x_customer"'''
customer = "$upstream_http_x_customer"
[meter.all]
match = { path = "/a", status = "200" }
`

// said is a log that a test waits for.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// wait waits until a message was logged n times.
func (s *said) wait(t *testing.T, message string, n int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		found := strings.Count(s.text.String(), message) >= n
		s.mu.Unlock()
		if found {
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Fatalf("%q wasn't said %d times:\n%s", message, n, s.text.String())
}

// The configuration changes again and again while lines are written: sources
// and meters come and go, some configurations are wrong. Every line counts once.
func TestReloadUnderLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "agent.toml")
	t.Setenv("LOGMETER_INSTANCE", "test")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(reloadConfig)
	o := &options{streams: &streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}, config: path}
	log := &said{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	c, err := o.load()
	if err != nil {
		t.Fatal(err)
	}
	store, err := openState(c.StateDir, c, logger)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()

	var wg sync.WaitGroup
	written := map[string]int{}
	wg.Go(func() {
		if err := writeLines(ctx, dir, written); err != nil {
			t.Error(err)
		}
	})
	hup := make(chan os.Signal, 1)
	done := make(chan error, 1)
	start := func(ctx context.Context) (*agent.Agent, *setup) {
		s, err := o.setUp(ctx, c, store, runFlags{}, logger)
		if err != nil {
			t.Fatal(err)
		}
		feeds, err := openFeeds(s.c, s.cs, store, time.Now, logger)
		if err != nil {
			t.Fatal(err)
		}
		a := &agent.Agent{Store: store, Now: time.Now, Log: logger}
		s.take(a, feeds)
		return a, s
	}
	a, s := start(ctx)
	go func() { done <- o.lives(ctx, a, s, store, runFlags{}, hup, logger, a.Run) }()

	const second = "[source.second]\npath = \"second.log\"\nformat = \"api\"\nstart = \"beginning\"\n"
	const more = "[meter.more]\nmatch = { path = \"/a\" }\n"
	for i := range 8 {
		write(reloadConfig + []string{second, second + more}[i%2])
		hup <- syscall.SIGHUP
		log.wait(t, "the configuration is in force", i+1)
		write([]string{"instance = 7\n", strings.Replace(reloadConfig, `"state"`, `"other"`, 1)}[i%2])
		hup <- syscall.SIGHUP
		log.wait(t, "the configuration can't be taken over", i+1)
	}
	log.wait(t, "state_dir can't change while the agent runs", 1)
	stop()
	wg.Wait()
	if err := <-done; err != nil {
		t.Fatal(err)
	}

	write(reloadConfig + second)
	if c, err = o.load(); err != nil {
		t.Fatal(err)
	}
	last, _ := start(t.Context())
	defer closeFeeds(last.Feeds)
	if _, err := last.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantUsage(t, store, written)
}

// writeLines appends to both logs until ctx ends and says how many lines.
func writeLines(ctx context.Context, dir string, written map[string]int) error {
	for n := 0; ctx.Err() == nil; n++ {
		for _, name := range []string{"edge", "second"} {
			f, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			if err != nil {
				return err
			}
			var lines bytes.Buffer
			for range 20 {
				fmt.Fprintf(&lines, "10.0.0.1 [%s] \"GET /a HTTP/1.1\" 200 \"%s\"\n", time.Now().UTC().Format("02/Jan/2006:15:04:05 +0000"), name)
			}
			_, err = f.Write(lines.Bytes())
			if err := f.Close(); err != nil {
				return err
			}
			if err != nil {
				return err
			}
			written[name] += 20
		}
	}
	return nil
}

func wantUsage(t *testing.T, store *checkpoint.Store, written map[string]int) {
	t.Helper()
	got := map[string]int{}
	for u, err := range store.Usage(agent.FirstWindow, agent.LastWindow) {
		if err != nil {
			t.Fatal(err)
		}
		if u.Meter == "all" {
			got[u.Customer] += int(u.Total)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(written) {
		t.Errorf("counted %v, written %v", got, written)
	}
	t.Logf("written and counted: %v", written)
}
