package admin

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// at is the time of all tests: twenty minutes into an hour.
var at = time.Date(2026, 11, 24, 12, 20, 0, 0, time.UTC)

var thisHour = agent.WindowOf(at)

// shelf is books whose rows stand in lists, in the order of agent.Books.
type shelf struct {
	usage  []agent.Usage
	lines  []agent.SourceLines
	outbox []agent.Entry
	ledger []agent.Entry
	// broken, when it isn't nil, ends every reading of the outbox.
	broken error
	// onUsage is called when usage is read.
	onUsage func(*shelf)
}

func within[T any](rows []T, window func(T) agent.Window, from, to agent.Window) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, row := range rows {
			if w := window(row); w >= from && w < to && !yield(row, nil) {
				return
			}
		}
	}
}

func (s *shelf) Usage(from, to agent.Window) iter.Seq2[agent.Usage, error] {
	return func(yield func(agent.Usage, error) bool) {
		if s.onUsage != nil {
			s.onUsage(s)
		}
		within(s.usage, func(u agent.Usage) agent.Window { return u.Window }, from, to)(yield)
	}
}

func (s *shelf) Accounting(from, to agent.Window) iter.Seq2[agent.SourceLines, error] {
	return within(s.lines, func(l agent.SourceLines) agent.Window { return l.Window }, from, to)
}

func (s *shelf) Outbox() iter.Seq2[agent.Entry, error] {
	if s.broken != nil {
		return func(yield func(agent.Entry, error) bool) { yield(agent.Entry{}, s.broken) }
	}
	return within(s.outbox, entryWindow, agent.FirstWindow, agent.LastWindow)
}

func (s *shelf) Ledger(from, to agent.Window) iter.Seq2[agent.Entry, error] {
	return within(s.ledger, entryWindow, from, to)
}

func (s *shelf) Decisions() iter.Seq2[agent.Decision, error] {
	return func(func(agent.Decision, error) bool) {}
}

func (s *shelf) Refusals() iter.Seq2[agent.Refusal, error] {
	return func(func(agent.Refusal, error) bool) {}
}

// entry returns an entry of acme's calls.
func entry(w agent.Window, seq uint32, value int64, state agent.State) agent.Entry {
	e := agent.Entry{
		Meter: "calls", Customer: "acme", Window: w, Seq: seq, Value: value, State: state,
		From: uint64(seq) - 1,
	}
	e.Identifier = agent.Identify("edge-1", &e)
	if e.Final() {
		e.Settled, e.Account = at.Unix()-60, "cus_Acme"
	}
	return e
}

func newServer(b *shelf) *Server {
	return New(Options{
		Instance: "edge-1", Version: "test", Books: b,
		State: func() (State, error) { return State{Dir: "/state", FreeBytes: 1 << 40}, nil },
		Setup: Setup{
			Sending: "Stripe, test mode", Sources: []SourceName{{"edge", "/var/log/access.log"}},
			Map: func(e *agent.Entry) error {
				if e.Customer == "nobody" {
					return &agent.Rejected{Reason: `customer "nobody" isn't mapped`}
				}
				e.Account = "cus_" + strings.ToUpper(e.Customer)
				return nil
			},
		},
		WriteBackup: func(w io.Writer) error {
			_, err := io.WriteString(w, "backup")
			return err
		},
		Now: func() time.Time { return at },
	})
}

func directly(s *Server) *Client { return Direct(s.Local(), "tester") }

func collect[T any](t *testing.T, rows iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for row, err := range rows {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	return all
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// listening serves h on a socket and returns a client of it.
func listening(t *testing.T, dir string, h http.Handler) *Client {
	t.Helper()
	l, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- Serve(ctx, l, h, quiet()) }()
	c := Dial(dir)
	t.Cleanup(func() {
		c.Close()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return c
}

var errBroken = errors.New("the disk is gone")
