package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/admin"
)

// lineWriter passes each line of a log on.
type lineWriter chan string

func (w lineWriter) Write(p []byte) (int, error) {
	w <- string(bytes.TrimSpace(p))
	return len(p), nil
}

// The pages are shown at the address; one that is taken is told, and taken
// over when it is free, since counting mustn't wait for it.
func TestServePages(t *testing.T) {
	held, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lines := make(lineWriter, 10)
	server := admin.New(admin.Options{
		Books: agent.NewMemory("test"), Now: time.Now,
		State: func() (admin.State, error) { return admin.State{FreeBytes: 1}, nil },
		Stats: func() agent.Stats { return agent.Stats{} },
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		servePages(ctx, held.Addr().String(), 10*time.Millisecond, server, slog.New(slog.NewTextHandler(lines, nil)))
	}()
	defer func() { cancel(); <-done }()
	if first := <-lines; !regexp.MustCompile(`level=ERROR .*aren't there.*address already in use`).MatchString(first) {
		t.Errorf("got %s", first)
	}
	held.Close()
	said := regexp.MustCompile(`address=(http://127\.0\.0\.1:[0-9]+)$`).FindStringSubmatch(<-lines)
	if said == nil {
		t.Fatal("the log doesn't say where the pages are")
	}
	for _, path := range []string{"/", "/metrics", "/readyz", "/status.json"} {
		res, err := http.Get(said[1] + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
}
