package admin

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// running makes a server that of a running agent whose feed stands as f says.
func running(s *Server, f agent.FeedStats) *Server {
	f.Name = "edge"
	s.Stats = func() agent.Stats { return agent.Stats{Feeds: []agent.FeedStats{f}} }
	s.Started = at.Add(-time.Hour)
	return s
}

func TestStatusSaysWhatNeedsAPerson(t *testing.T) {
	well := agent.FeedStats{ReadTo: at}
	park := entry(thisHour-3, 1, 4, agent.Parked)
	park.Reason = `customer "acme" isn't mapped`
	old := park
	old.Window = thisHour - 33*24
	held := park
	held.State, held.Reason = agent.Held, "older than 20 hours"
	lines := func(a agent.Accounting) []agent.SourceLines {
		return []agent.SourceLines{{Source: "edge", Window: thisHour - 1, Accounting: a}}
	}
	for name, c := range map[string]struct {
		books shelf
		feed  agent.FeedStats
		mend  func(*Server)
		want  []string // each in a need, and no other needs
	}{
		"nothing": {feed: well, books: shelf{lines: lines(agent.Accounting{Lines: 5, Billed: 5})}},
		"a log that can't be read": {
			feed: agent.FeedStats{Blocked: errors.New("permission denied")},
			want: []string{"problem: source edge: not read now: permission denied"},
		},
		"a log that isn't read to its end": {
			feed: agent.FeedStats{ReadTo: at.Add(-time.Hour), Source: agent.SourceStats{Behind: 5 << 30}},
			want: []string{"warning: source edge: 5120 MiB behind; not read to the end since 2026-11-24 11:20 UTC"},
		},
		"something happened to a file": {
			feed: agent.FeedStats{ReadTo: at, Source: agent.SourceStats{Events: []agent.SourceEvent{
				{Kind: "truncated", Level: slog.LevelError, Last: at.Add(-time.Hour), Text: "the log was cut"},
				{Kind: "old", Level: slog.LevelError, Last: at.Add(-48 * time.Hour), Text: "long ago"},
				{Kind: "rotated", Level: slog.LevelInfo, Last: at, Text: "as it should"},
			}}},
			want: []string{"problem: source edge: the log was cut"},
		},
		"lines": {
			feed: well, books: shelf{lines: lines(agent.Accounting{Lines: 9, Billed: 2, NoCustomer: 3, Refused: 1})},
			want: []string{"problem: source edge: 3 lines of the past", "warning: source edge: 1 line of 9", "warning: source edge: 3 lines of 9"},
		},
		"parked": {
			feed: well, books: shelf{outbox: []agent.Entry{park}},
			want: []string{`warning: sending: parked: 1 entry, 4 units; customer "acme" isn't mapped`},
		},
		"parked for long": {
			feed: well, books: shelf{outbox: []agent.Entry{old}},
			want: []string{"problem: sending: parked: 1 entry"},
		},
		"held": {
			feed: well, books: shelf{outbox: []agent.Entry{held}},
			want: []string{"warning: sending: held: 1 entry, 4 units; older than 20 hours"},
		},
		"no key": {
			feed: well, mend: func(s *Server) {
				s.Use(Setup{Sources: []SourceName{{Name: "edge"}}, NotSending: "there is no Stripe key"})
			},
			want: []string{"warning: sending: nothing is sent: there is no Stripe key"},
		},
		"usage that doesn't go out": {
			feed: well, books: shelf{outbox: []agent.Entry{entry(thisHour-5, 1, 1, agent.Sealed)}},
			want: []string{"warning: sending: usage of 2026-11-24 07:00 UTC isn't delivered yet"},
		},
		"a full disk": {
			feed: well, mend: func(s *Server) { s.State = func() (State, error) { return State{Dir: "/state"}, nil } },
			want: []string{"problem: state: there is too little free space in /state"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := running(newServer(&c.books), c.feed)
			if c.mend != nil {
				c.mend(s)
			}
			st, err := s.Status()
			must(t, err)
			var got []string
			for _, n := range st.Needs {
				got = append(got, n.Severity+": "+n.Topic+": "+n.Text)
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			for _, want := range c.want {
				if !strings.Contains(strings.Join(got, "\n"), want) {
					t.Errorf("got %q, want %q", got, want)
				}
			}
		})
	}
}

func TestStatusAnswersInALine(t *testing.T) {
	b := &shelf{lines: []agent.SourceLines{{Source: "edge", Window: thisHour - 2, Accounting: agent.Accounting{Lines: 1, Billed: 1}}}}
	closed, err := newServer(b).Status()
	must(t, err)
	if got, want := closed.Counting(), "no: no agent runs on this state; the last lines counted are of 2026-11-24 10:00 UTC"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	st, err := running(newServer(b), agent.FeedStats{ReadTo: at}).Status()
	must(t, err)
	if got, want := st.Counting(), "yes: 1 source, read to the end"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := st.SendingText(), "yes: to Stripe, test mode; all that was sealed is settled"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Reasons that differ only in whom they name are one, and there is a bound to
// how many are told apart.
func TestDigestGroupsReasons(t *testing.T) {
	var b digester
	for i := range 500 {
		e := entry(thisHour-agent.Window(i%7), 1, 2, agent.Parked)
		e.Customer = strings.Repeat("x", i)
		e.Reason = `customer "` + e.Customer + `" isn't mapped; add "` + e.Customer + `" = "cus_…"`
		b.add(&e)
	}
	for i := range 100 {
		e := entry(thisHour, 1, 1, agent.Held)
		e.Reason = "reason " + strings.Repeat("y", i)
		b.add(&e)
	}
	o := b.outbox()
	first := o.Reasons[0]
	if first.Entries != 500 || first.Units != 1000 || first.Customers != 500 || !first.Oldest.Equal((thisHour - 6).Start()) {
		t.Errorf("got %+v, want one of 500 entries", first)
	}
	sum := 0
	for _, r := range o.Reasons {
		sum += r.Entries
	}
	if sum != 600 || len(o.Reasons) > manyReasons+1 {
		t.Errorf("%d entries in %d reasons, want 600 in at most %d", sum, len(o.Reasons), manyReasons+1)
	}
}

func FuzzAlike(f *testing.F) {
	f.Add(`customer "a\"b" has cus_123 and 42 "units`)
	f.Add(`"\`)
	f.Fuzz(func(t *testing.T, s string) {
		if a := alike(s); len(a) > len(s)+1 {
			t.Errorf("%q became %q", s, a)
		}
	})
}
