package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/config"
)

// TestStateDiskFull fills the file system of a running agent's state. It stops
// reading and says so, the log grows and is rotated meanwhile, and when there is
// space again it goes on by itself: every line is counted once, also across a
// start.
func TestStateDiskFull(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a few seconds")
	}
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", state, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("NOT TESTED: a small tmpfs can't be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(state, syscall.MNT_DETACH) })
	conf := bytes.ReplaceAll(demoConfig, []byte(`"state"`), []byte(`"state/db"`))
	c, err := config.Parse(filepath.Join(dir, "agent.toml"), conf, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(dir, "access.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	written := 0
	write := func(n int) {
		t.Helper()
		for range n {
			written++
			if _, err := fmt.Fprintf(log, `10.0.0.1 - - [24/Nov/2026:08:00:00 +0000] "POST /RetrieveCreditScore HTTP/1.1" 200 %d "-" "curl/8" "cus_%d"`+"\n", written, written%50); err != nil {
				t.Fatal(err)
			}
		}
	}
	var messages bytes.Buffer
	live := func(during func(*agent.Agent)) {
		t.Helper()
		logger := slog.New(slog.NewTextHandler(&messages, nil))
		store, err := openState(c.StateDir, c, logger)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		meters, err := compileMeters(c)
		if err != nil {
			t.Fatal(err)
		}
		feeds, err := openFeeds(c, &customers{}, store, time.Now, logger)
		if err != nil {
			t.Fatal(err)
		}
		defer closeFeeds(feeds)
		a := &agent.Agent{Feeds: feeds, Meters: meters, Store: store, Settle: time.Minute, Now: time.Now, Log: logger}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.Run(ctx) }()
		during(a)
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		var counted uint64
		for u, err := range store.Usage(agent.WindowOf(time.Time{}), agent.WindowOf(time.Now())) {
			if err != nil {
				t.Fatal(err)
			}
			counted += u.Total
		}
		if counted != uint64(written) {
			t.Fatalf("%d of %d lines counted", counted, written)
		}
	}
	until := func(a *agent.Agent, what string, so func(agent.FeedStats) bool) {
		t.Helper()
		for range 2000 {
			if so(a.Stats().Feeds[0]) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("not %s within 20 s: %+v", what, a.Stats().Feeds[0])
	}
	live(func(a *agent.Agent) {
		write(1000)
		until(a, "counted", func(f agent.FeedStats) bool { return f.Lines.Lines == 1000 })
		ballast := filepath.Join(state, "ballast")
		fill(t, ballast)
		write(500)
		until(a, "blocked", func(f agent.FeedStats) bool { return errors.Is(f.Blocked, agent.ErrFull) })
		blocked := a.Stats().Feeds[0]
		for i := range 3 {
			write(30_000)
			if err := os.Rename(log.Name(), fmt.Sprint(log.Name(), ".", 3-i)); err != nil {
				t.Fatal(err)
			}
			log.Close()
			if log, err = os.OpenFile(log.Name(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write(7)
		if st := a.Stats().Feeds[0]; st.Source.Bytes != blocked.Source.Bytes {
			t.Errorf("%d bytes were read on a full disk", st.Source.Bytes-blocked.Source.Bytes)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		until(a, "going on", func(f agent.FeedStats) bool { return f.Blocked == nil && f.Lines.Lines == uint64(written) })
	})
	if n := strings.Count(messages.String(), "counting has stopped"); n != 1 {
		t.Errorf("it was said %d times that counting has stopped; want once\n%s", n, messages.String())
	}
	live(func(a *agent.Agent) { // a new start has nothing to make up for
		write(5)
		until(a, "counted", func(f agent.FeedStats) bool { return f.Lines.Lines == 5 })
	})
	log.Close()
}

// fill writes a file until its file system has no byte left.
func fill(t *testing.T, path string) {
	t.Helper()
	ballast, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer ballast.Close()
	for block := make([]byte, 64<<10); err == nil; {
		_, err = ballast.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}
