package admin

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// summaries is a billing system that has what it is told.
type summaries struct {
	now  time.Time
	sums map[agent.Window]int64
}

func (s *summaries) Build(e *agent.Entry) error {
	e.EventName, e.Account = "calls", "cus_Acme"
	return nil
}

func (s *summaries) Send(context.Context, *agent.Entry) agent.Outcome {
	return agent.Outcome{Verdict: agent.VerdictUnknown}
}

func (s *summaries) Summary(_ context.Context, e *agent.Entry, _, _ time.Time) (int64, error) {
	return s.sums[e.Window], nil
}

func (s *summaries) Now(context.Context) (time.Time, error) { return s.now, nil }

func (s *summaries) Hours(_ context.Context, _, _ string, from, to agent.Window) (hours []agent.HourSum, err error) {
	for w := from; w < to; w++ {
		if s.sums[w] != 0 {
			hours = append(hours, agent.HourSum{Window: w, Sum: s.sums[w]})
		}
	}
	return hours, nil
}

// deciding returns a client of a store with an adjustment of 7 that Stripe may
// have, as state says.
func deciding(t *testing.T, state agent.State) (*Client, *summaries, agent.Entry) {
	t.Helper()
	w := agent.WindowOf(at) - 30
	store, biller := agent.NewMemory("edge-1"), &summaries{now: at, sums: map[agent.Window]int64{}}
	e, err := store.Adjust(agent.Decision{}, agent.Entry{Meter: "calls", Customer: "acme", Window: w, Value: 7})
	must(t, err)
	e.EventName, e.Account, e.Attempts = "calls", "cus_Acme", 1
	list := []agent.Entry{e}
	must(t, store.Attempt(list))
	list[0].State, list[0].Settled = state, at.Add(-24*time.Hour).Unix()
	if state == agent.Held {
		list[0].Settled, list[0].Unknown = 0, true
	}
	must(t, store.Settle(list))
	s := New(Options{
		Instance: "edge-1", Books: store, Now: func() time.Time { return at },
		Operator: &agent.Operator{Store: store, Books: store, Corrections: store, Biller: biller, Now: func() time.Time { return at }},
	})
	return Direct(s.Local(), "ann"), biller, list[0]
}

func TestVerifySettlesWhatIsThere(t *testing.T) {
	c, biller, e := deciding(t, agent.Held)
	for has, want := range map[int64]string{0: "held", 7: "accepted"} {
		biller.sums[e.Window] = has
		for v, err := range c.Verify(t.Context(), []string{e.Identifier}) {
			if err != nil || v.State != want || v.Hour != has {
				t.Errorf("Stripe has %d: got %+v, %v; want it %s", has, v, err, want)
			}
		}
		if has == 7 {
			return
		}
	}
}

func TestDecisionsAreSignedAndRefused(t *testing.T) {
	c, _, e := deciding(t, agent.Held)
	if _, err := c.Decide(t.Context(), "confirm", DecideRequest{Entries: []string{e.Identifier}}); err == nil || !strings.Contains(err.Error(), "want a reason") {
		t.Errorf("without a reason: %v", err)
	}
	got, err := c.Decide(t.Context(), "confirm", DecideRequest{Entries: []string{e.Identifier}, Reason: "seen in the dashboard"})
	if err != nil || len(got) != 1 || got[0].State != "accepted" {
		t.Fatalf("got %+v, %v", got, err)
	}
	d, err := c.Entry(t.Context(), e.Identifier)
	if err != nil || len(d.Decisions) != 1 || d.Decisions[0].By != "ann" || d.Decisions[0].Action != "confirm" {
		t.Errorf("got %+v, %v; want a decision of ann's", d, err)
	}
	if _, err := c.Decide(t.Context(), "write-off", DecideRequest{Entries: []string{e.Identifier}, Reason: "late"}); err == nil || !strings.Contains(err.Error(), "is accepted") {
		t.Errorf("what is settled: %v", err)
	}
	if _, err := c.Decide(t.Context(), "burn", DecideRequest{}); err == nil {
		t.Error("an action that there isn't")
	}
}

func TestAdjustThroughTheClient(t *testing.T) {
	c, _, e := deciding(t, agent.Held)
	q := AdjustRequest{Meter: "calls", Customer: "acme", Window: e.Window.Start(), Delta: -7, Reason: "refund"}
	got, err := c.Adjust(t.Context(), q)
	if err != nil || got.Value != -7 || !got.Adjustment || got.Note != "refund" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := c.Adjust(t.Context(), q); err == nil || !strings.Contains(err.Error(), "can't be taken back") {
		t.Errorf("below nothing: %v", err)
	}
}

func TestReconcileThroughTheClient(t *testing.T) {
	for _, tt := range []struct {
		has  int64
		want string
	}{{7, ""}, {9, "foreign 7 9"}, {3, "dropped 7 3"}} {
		c, biller, e := deciding(t, agent.Accepted)
		biller.sums[e.Window] = tt.has
		var got string
		var whole *Whole
		for row, err := range c.Reconcile(t.Context(), Range{e.Window - 1, e.Window + 2}, nil) {
			must(t, err)
			if d := row.Difference; d != nil {
				got += fmt.Sprint(d.Kind, " ", d.Ours, " ", d.Theirs)
			}
			whole = row.Whole
		}
		if got != tt.want || whole == nil || whole.Accounts != 1 {
			t.Errorf("Stripe has %d: got %q, %+v; want %q", tt.has, got, whole, tt.want)
		}
	}
	c, _, _ := deciding(t, agent.Accepted)
	for _, err := range c.Reconcile(t.Context(), Range{5, 5}, nil) {
		if err == nil || !strings.Contains(err.Error(), "no span of hours") {
			t.Errorf("no hours: %v", err)
		}
	}
}
