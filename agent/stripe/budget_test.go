package stripe

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

// november is a time far from both ends of its month.
var november = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func TestReadsAreCounted(t *testing.T) {
	t.Parallel()
	clock := &virtual{start: november}
	s := stripetest.NewServer(t, stripetest.Config{Now: clock.now}, event)
	b := biller(t, Options{APIBase: s.URL, Now: clock.now})
	b.Check(t.Context())
	e := entry(b, t)
	e.Timestamp = november.Unix()
	wantVerdict(t, b.Send(t.Context(), e), agent.VerdictAccepted)
	// net/http reads once more when a connection that it kept breaks.
	s.FailReads(stripetest.LoseAnswer, stripetest.LoseAnswer)
	if _, err := b.Summary(t.Context(), e, e.Time(), e.Time().Add(time.Minute)); err == nil {
		t.Error("a read without an answer has a value")
	}
	if used, budget := b.Reads(); used != s.ReadsIn("2026-11") || used != 5 || budget != DefaultReadBudget {
		t.Errorf("got %d of %d reads, Stripe counted %d", used, budget, s.ReadsIn("2026-11"))
	}
	if got, want := b.Budget(), (Budget{Month: "2026-11", Used: 5}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	clock.advance(30 * 24 * time.Hour)
	if _, err := b.Now(t.Context()); err != nil { // the first read of December
		t.Fatal(err)
	}
	if got := b.Budget(); got.Month != "2026-12" || got.Used > 1 {
		t.Errorf("got %+v, want December's", got)
	}
}

// The month is Stripe's, whatever the local clock says.
func TestReadsByStripesMonth(t *testing.T) {
	t.Parallel()
	s := stripetest.NewServer(t, stripetest.Config{Now: func() time.Time { return november }}, event)
	b := biller(t, Options{APIBase: s.URL, Now: func() time.Time { return november.AddDate(9, 0, 0) }})
	b.Start(t.Context())
	if got := b.Budget().Month; got != "2026-11" {
		t.Errorf("got %s, want Stripe's month", got)
	}
	b.SetBudget(Budget{Month: "2026-10", Used: 9000})
	if got := b.Budget(); got.Used != 0 {
		t.Errorf("got %+v of another month", got)
	}
}

// Audits leave a part of the month's reads to delivery, which always reads.
func TestBudgetIsKeptForDelivery(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	s := stripetest.NewServer(t, stripetest.Config{Now: func() time.Time { return november }}, event)
	b := biller(t, Options{
		APIBase: s.URL, ReadBudget: 100, Now: func() time.Time { return november },
		Log: slog.New(slog.NewTextHandler(&logged, nil)),
	})
	b.SetBudget(Budget{Month: "2026-11", Used: 76})
	b.Start(t.Context()) // two reads
	w := agent.WindowOf(november)
	for i := range 3 {
		_, err := b.Hours(t.Context(), event, "cus_1", w-3, w)
		switch {
		case i < 2 && err != nil:
			t.Errorf("audit %d: %v", i, err)
		case i == 2 && (!errors.Is(err, agent.ErrNoBudget) || !strings.Contains(err.Error(), "80 of the 100 reads of 2026-11 are used")):
			t.Errorf("audit %d: got %v, want no budget", i, err)
		}
	}
	e := entryOf(t, b, "cus_1", 1, 7)
	for range 30 {
		if _, err := b.Summary(t.Context(), e, e.Time(), e.Time().Add(time.Minute)); err != nil {
			t.Fatalf("a read that delivery needs: %v", err)
		}
	}
	if used, _ := b.Reads(); used != 110 {
		t.Errorf("got %d reads, want 110", used)
	}
	if n := strings.Count(logged.String(), "are used up"); n != 1 {
		t.Errorf("the log is told %d times: %s", n, logged.String())
	}
	if _, err := New(Options{Key: "sk_test_x", ReadBudget: -1}); err == nil {
		t.Error("a budget below 0 is taken")
	}
}
