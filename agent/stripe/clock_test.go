package stripe

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

func TestClock(t *testing.T) {
	t.Parallel()
	start := time.Now()
	local := start
	var logs bytes.Buffer
	c := newClock(func() time.Time { return local }, slog.New(slog.NewTextHandler(&logs, nil)))
	if _, ok := c.read(); ok {
		t.Error("the time is known before any answer")
	}
	stripe := start.Add(-10 * time.Second).Truncate(time.Second).UTC()
	if got := c.observe(stripe.Format(http.TimeFormat)); !got.Equal(stripe) {
		t.Errorf("got %v, want the Date's %v", got, stripe)
	}
	read := func(want time.Duration, known bool) {
		t.Helper()
		got, ok := c.read()
		if ok != known || ok && got.Sub(stripe) != want {
			t.Errorf("got %v, %v; want %v later than the answer, %v", got, ok, want, known)
		}
	}
	read(0, true)
	local = start.Add(59 * time.Minute)
	read(59*time.Minute, true)
	local = start.Add(61 * time.Minute)
	read(0, false) // too long ago

	if logs.Len() > 0 {
		t.Errorf("logged %s", logs.String())
	}
	local = start
	c.observe(start.Add(-2 * time.Minute).UTC().Format(http.TimeFormat))
	c.observe(start.Add(-2 * time.Minute).UTC().Format(http.TimeFormat))
	if n := strings.Count(logs.String(), "differs from Stripe"); n != 1 {
		t.Errorf("the skew was said %d times: %s", n, logs.String())
	}
	if got := c.skew().Round(time.Minute); got != 2*time.Minute {
		t.Errorf("got the skew %v, want 2m", got)
	}
}

func TestClockTrusted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		monotonic, wall time.Duration
		want            bool
	}{
		{0, 0, true},
		{time.Minute, time.Minute + time.Second, true},
		{timeKept, timeKept, true},
		{timeKept + 1, timeKept + 1, false},
		{time.Minute, time.Hour, false},    // was suspended
		{time.Minute, -time.Minute, false}, // the clock was set back
		{-1, -1, false},                    // no monotonic reading, and set back
	} {
		if got := trusted(tt.monotonic, tt.wall); got != tt.want {
			t.Errorf("%v by the monotonic clock, %v by the wall's: got %v", tt.monotonic, tt.wall, got)
		}
	}
}

func TestClockWithoutDate(t *testing.T) {
	t.Parallel()
	var logs bytes.Buffer
	s := stripetest.NewServer(t, stripetest.Config{NoDate: true}, event)
	b := biller(t, Options{APIBase: s.URL, Key: Secret(s.Key), Log: slog.New(slog.NewTextHandler(&logs, nil))})
	for range 3 {
		b.catalogue.read = time.Time{}
		now, err := b.Now(t.Context())
		if err != nil || time.Since(now).Abs() > time.Minute {
			t.Fatalf("got %v, %v; want the local time", now, err)
		}
	}
	if n := strings.Count(logs.String(), "no Date"); n != 1 {
		t.Errorf("warned %d times: %s", n, logs.String())
	}
}

func TestNow(t *testing.T) {
	t.Parallel()
	s := stripetest.New(t, event)
	s.Advance(-5 * time.Hour)
	b := biller(t, Options{APIBase: s.URL, Key: Secret(s.Key)})
	check := func(requests int) {
		t.Helper()
		now, err := b.Now(t.Context())
		if err != nil || s.Now().Sub(now).Abs() > 10*time.Second {
			t.Errorf("got %v, %v; want Stripe's %v", now, err, s.Now())
		}
		if got := s.Stats().Requests; got != requests {
			t.Errorf("%d requests so far, want %d", got, requests)
		}
	}
	check(1)
	check(1) // the time is known, and so are the meters
	b.Send(t.Context(), entry(b, t))
	check(2)
	s.LoseReply(1)
	b.Send(t.Context(), entry(b, t))
	check(4) // the last call had no answer: asks
	b.catalogue.read = b.catalogue.read.Add(-2 * metersKept)
	check(5)
	s.FailReads(stripetest.Error500)
	b.catalogue.read = b.catalogue.read.Add(-2 * metersKept)
	check(6) // the old meters do, and the answer told the time
}

// As long as the meters were never read nothing can be built, so there is no
// time either.
func TestNowNeedsTheMeters(t *testing.T) {
	t.Parallel()
	s := stripetest.New(t, event)
	b := biller(t, Options{APIBase: s.URL, Key: Secret(s.Key)})
	s.FailReads(stripetest.Unavailable, stripetest.HTML, stripetest.Truncate, stripetest.Limited)
	for range 4 {
		if now, err := b.Now(t.Context()); err == nil {
			t.Errorf("got %v without the meters", now)
		}
	}
	if _, err := b.Now(t.Context()); err != nil {
		t.Error(err)
	}
	// A key that may not list meters does: the defaults are assumed.
	s.AddRestrictedKey(s.Key, "billing_meter_event_write")
	b = biller(t, Options{APIBase: s.URL, Key: Secret(s.Key)})
	if _, err := b.Now(t.Context()); err != nil {
		t.Error(err)
	}
	e := entry(b, t)
	if o := b.Send(t.Context(), e); e.ValueKey != "value" || o.Reason != "" {
		t.Errorf("got key %q, %s", e.ValueKey, o.Reason)
	}
	if _, err := b.Summary(t.Context(), e, e.Time(), e.Time().Add(time.Minute)); !errors.Is(err, agent.ErrNoSummaries) || !strings.Contains(err.Error(), "rak_billing_meter_read") {
		t.Errorf("got %v, want the permission named", err)
	}
}

// A meter that is mended at Stripe is seen after ten minutes.
func TestUnfitMetersAreReadAgain(t *testing.T) {
	t.Parallel()
	s := stripetest.New(t)
	now := time.Now()
	b := biller(t, Options{APIBase: s.URL, Key: Secret(s.Key), Now: func() time.Time { return now }})
	for _, step := range []struct {
		after time.Duration
		reads int
	}{{0, 1}, {9 * time.Minute, 1}, {2 * time.Minute, 2}, {11 * time.Minute, 3}, {11 * time.Minute, 3}} {
		now = now.Add(step.after)
		if step.reads == 3 {
			s.AddMeter(stripetest.Meter{EventName: event})
		}
		if _, err := b.Now(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := s.Stats().Requests; got != step.reads {
			t.Errorf("%d reads, want %d", got, step.reads)
		}
	}
}

// A key that loses the permission to read meters doesn't make their payload
// keys forgotten.
func TestMetersOutliveThePermission(t *testing.T) {
	t.Parallel()
	s := stripetest.New(t)
	s.AddMeter(stripetest.Meter{EventName: event, CustomerKey: "who", ValueKey: "how_many"})
	b := billerOf(t, s)
	s.AddRestrictedKey(s.Key, "billing_meter_event_write")
	b.catalogue.read = b.catalogue.read.Add(-2 * metersKept)
	if _, err := b.Now(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := entry(b, t)
	wantVerdict(t, b.Send(t.Context(), e), agent.VerdictAccepted)
	s.WantUsage("cus_1", event, 7)
	if _, err := b.Summary(t.Context(), e, e.Time(), e.Time().Add(time.Minute)); !errors.Is(err, agent.ErrNoSummaries) {
		t.Errorf("got %v, want it known that summaries can't be read", err)
	}
}

// Callers that give up say nothing of Stripe.
func TestGivingUpIsNoOutage(t *testing.T) {
	t.Parallel()
	s := stripetest.New(t, event)
	b := billerOf(t, s)
	requests := s.Stats().Requests
	for i := range downAfter + 1 {
		ctx, cancel := context.WithCancel(t.Context())
		s.Fail(stripetest.Hang)
		e := entryOf(t, b, "cus_1", uint32(i+1), 1)
		done := make(chan agent.Outcome)
		go func() { done <- b.Send(ctx, e) }()
		for s.Stats().Requests <= requests+i {
			runtime.Gosched()
		}
		cancel()
		wantVerdict(t, <-done, agent.VerdictUnknown)
	}
	if b.reach.down() || !b.reach.answering() {
		t.Error("Stripe counts as unreachable")
	}
}
