package admin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/logmeter/logmeter/agent"
)

// A command prints the same whether an agent runs or not: the answers are the
// same through the socket and in one process.
func TestTheSocketAnswersAsTheProcessDoes(t *testing.T) {
	b := &shelf{
		usage:  []agent.Usage{{Meter: "calls", Customer: "a/b?c d\xff", Window: thisHour - 1, Total: 3, Reported: 3}},
		lines:  []agent.SourceLines{{Source: "edge", Window: thisHour - 1, Accounting: agent.Accounting{Lines: 3, Billed: 3}}},
		outbox: []agent.Entry{entry(thisHour-1, 1, 3, agent.Parked)},
		ledger: []agent.Entry{entry(thisHour-2, 1, 5, agent.Accepted)},
	}
	s := newServer(b)
	inside, socket := directly(s), listening(t, t.TempDir(), s.Local())
	ctx := context.Background()
	for name, ask := range map[string]func(*Client) any{
		"status":     func(c *Client) any { st, err := c.Status(ctx); must(t, err); return st },
		"usage":      func(c *Client) any { return collect(t, c.Usage(ctx, UsageQuery{Range: AllWindows})) },
		"accounting": func(c *Client) any { return collect(t, c.Accounting(ctx, AllWindows)) },
		"outbox":     func(c *Client) any { return collect(t, c.Entries(ctx, EntryQuery{Range: AllWindows})) },
		"ledger":     func(c *Client) any { return collect(t, c.Entries(ctx, EntryQuery{Range: AllWindows, Settled: true})) },
		"entry":      func(c *Client) any { e, err := c.Entry(ctx, b.ledger[0].Identifier); must(t, err); return e },
		"backup":     func(c *Client) any { var w strings.Builder; must(t, c.Backup(ctx, &w)); return w.String() },
	} {
		if got, want := ask(socket), ask(inside); !reflect.DeepEqual(got, want) || reflect.ValueOf(got).IsZero() {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	for _, c := range []*Client{inside, socket} {
		if _, err := c.Entry(ctx, "lm1-gonegone"); err == nil || !strings.Contains(err.Error(), "lm1-gonegone") {
			t.Errorf("an entry that isn't there: %v", err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A backup that ends early is an error, and never taken for a whole one.
func TestACutAnswerIsAnError(t *testing.T) {
	s := newServer(&shelf{})
	s.WriteBackup = func(w io.Writer) error {
		_, _ = io.WriteString(w, strings.Repeat("half ", 10_000))
		return errBroken
	}
	rows := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		st := newStream[Entry](w)
		_ = st.row(&Entry{})
		_ = st.flush()
		panic(http.ErrAbortHandler)
	})
	for name, c := range map[string]*Client{"process": directly(s), "socket": listening(t, t.TempDir(), s.Local())} {
		if err := c.Backup(context.Background(), io.Discard); err == nil {
			t.Errorf("%s: half a backup passes for a whole one", name)
		}
	}
	for name, c := range map[string]*Client{"process": Direct(rows, ""), "socket": listening(t, t.TempDir(), rows)} {
		var last error
		for _, err := range c.Entries(context.Background(), EntryQuery{Range: AllWindows}) {
			last = err
		}
		if !errors.Is(last, errCut) {
			t.Errorf("%s: got %v, want %v", name, last, errCut)
		}
	}
}

// The kernel says who calls.
func TestTheSocketKnowsItsUser(t *testing.T) {
	me, err := user.Current()
	must(t, err)
	by := make(chan string, 1)
	c := listening(t, t.TempDir(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		by <- userOf(r)
		writeJSON(w, Status{})
	}))
	t.Setenv("SUDO_USER", "")
	if _, err := c.Status(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := <-by; got != me.Username {
		t.Errorf("called by %q, want %q", got, me.Username)
	}
	t.Setenv("SUDO_USER", "alice")
	_, err = c.Status(context.Background())
	must(t, err)
	want := me.Username // of others than root no other name is believed
	if me.Uid == "0" {
		want = "alice (as root)"
	}
	if got := <-by; got != want {
		t.Errorf("called by %q, want %q", got, want)
	}
}

// A state directory may have a longer path than a socket can.
func TestSocketInADeepDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 100))
	must(t, os.Mkdir(dir, 0o700))
	left, err := os.Create(filepath.Join(dir, SocketName)) // as of a killed process
	must(t, err)
	must(t, left.Close())
	c := listening(t, dir, newServer(&shelf{}).Local())
	_, err = c.Status(context.Background())
	must(t, err)
	info, err := os.Stat(filepath.Join(dir, SocketName))
	must(t, err)
	if info.Mode().Perm()&0o007 != 0 {
		t.Errorf("the socket has mode %v: others can reach it", info.Mode())
	}
}

// Somebody who stops reading doesn't keep the agent from stopping.
func TestServeEndsCallsThatHang(t *testing.T) {
	dir := t.TempDir()
	l, err := Listen(dir)
	must(t, err)
	inside := make(chan struct{})
	s := newServer(&shelf{})
	s.WriteBackup = func(w io.Writer) error {
		close(inside)
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return err
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- Serve(ctx, l, s.Local(), quiet()) }()
	stuck, out := io.Pipe() // never read
	defer stuck.Close()
	read := make(chan error)
	go func() { read <- Dial(dir).Backup(context.Background(), out) }()
	<-inside
	cancel()
	must(t, <-done)
	stuck.Close()
	if <-read == nil {
		t.Error("an endless backup passes for a whole one")
	}
	if _, err := os.Stat(filepath.Join(dir, SocketName)); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}
