package stripe

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

var verdicts = map[agent.Verdict]string{
	agent.VerdictAccepted: "accepted", agent.VerdictDuplicate: "duplicate", agent.VerdictRefused: "refused",
	agent.VerdictBusy: "busy", agent.VerdictPaused: "paused", agent.VerdictUnknown: "unknown",
}

func wantVerdict(t *testing.T, o agent.Outcome, want agent.Verdict) {
	t.Helper()
	if o.Verdict != want {
		t.Errorf("got %s (%s), want %s", verdicts[o.Verdict], o.Reason, verdicts[want])
	}
	if (o.Reason == "") != (o.Verdict == agent.VerdictAccepted) {
		t.Errorf("%s has the reason %q", verdicts[o.Verdict], o.Reason)
	}
}

// Each fault, what the first attempt says, and what a second one with the same
// bytes says: together they bill the entry once.
func TestFaultAndResend(t *testing.T) {
	const (
		accepted, duplicate = agent.VerdictAccepted, agent.VerdictDuplicate
		busy, unknown       = agent.VerdictBusy, agent.VerdictUnknown
	)
	tests := []struct {
		fault         stripetest.Fault
		first, second agent.Verdict
		usage         int64 // after both
	}{
		{stripetest.None, accepted, accepted, 7},
		{stripetest.DropRequest, unknown, accepted, 7},
		{stripetest.LoseAnswer, unknown, accepted, 7}, // the key repeats the success
		{stripetest.Limited, busy, accepted, 7},
		{stripetest.Locked, busy, accepted, 7},
		{stripetest.Conflict, busy, accepted, 7},
		{stripetest.Error500, unknown, unknown, 0}, // the key repeats the 500
		{stripetest.Error500Applied, unknown, unknown, 7},
		{stripetest.Unavailable, unknown, accepted, 7},
		{stripetest.HTML, unknown, accepted, 7},
		{stripetest.HTMLSuccess, unknown, accepted, 7},
		{stripetest.Truncate, unknown, accepted, 7},
		{stripetest.Slow, accepted, accepted, 7},
		{stripetest.Empty, unknown, accepted, 7},
	}
	for _, tt := range tests {
		t.Run(tt.fault.String(), func(t *testing.T) {
			t.Parallel()
			s := stripetest.New(t, event)
			b := billerOf(t, s)
			e := entry(b, t)
			s.Fail(tt.fault)
			o := b.Send(t.Context(), e)
			wantVerdict(t, o, tt.first)
			if tt.fault == stripetest.Limited && o.RetryAfter != 2*time.Second {
				t.Errorf("got to retry after %v, want 2s", o.RetryAfter)
			}
			o = b.Send(t.Context(), e)
			wantVerdict(t, o, tt.second)
			s.WantUsage("cus_1", event, tt.usage)
			if o.Verdict != unknown {
				return
			}
			if !o.Replayed {
				t.Fatalf("got %+v, want it known as a repeated error", o)
			}
			e.KeyEpoch++
			o = b.Send(t.Context(), e)
			want := accepted
			if tt.usage > 0 {
				want = duplicate
			}
			wantVerdict(t, o, want)
			s.WantUsage("cus_1", event, 7)
		})
	}
}

// A broken connection must not make net/http send the request once more by
// itself, which it does for requests with an Idempotency-Key.
func TestOneSendIsOneTransmission(t *testing.T) {
	t.Parallel()
	s := stripetest.New(t, event)
	b := billerOf(t, s)
	wantVerdict(t, b.Send(t.Context(), entryOf(t, b, "cus_1", 1, 1)), agent.VerdictAccepted)
	s.LoseReply(1) // on the connection that is open now
	wantVerdict(t, b.Send(t.Context(), entryOf(t, b, "cus_1", 2, 1)), agent.VerdictUnknown)
	if got := s.Stats().Events; got != 2 {
		t.Errorf("got %d POSTs for two sends", got)
	}
}

func TestSendGivenUp(t *testing.T) {
	t.Parallel()
	s := stripetest.New(t, event)
	b := billerOf(t, s)
	s.Fail(stripetest.Hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	wantVerdict(t, b.Send(ctx, entry(b, t)), agent.VerdictUnknown)
	s.WantUsage("cus_1", event, 7)

	// What ends before it leaves is known not to be with Stripe.
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	wantVerdict(t, b.Send(ctx, entryOf(t, b, "cus_2", 1, 7)), agent.VerdictBusy)
	s.WantUsage("cus_2", event, 0)
}

func TestSendWithoutConnection(t *testing.T) {
	t.Parallel()
	s := stripetest.New(t, event)
	b := billerOf(t, s)
	s.Stop()
	e := entry(b, t)
	// The first may find the old connection, which proves nothing.
	b.Send(t.Context(), e)
	for range downAfter + 2 {
		wantVerdict(t, b.Send(t.Context(), e), agent.VerdictBusy)
	}
	if !b.reach.down() {
		t.Error("after failures in a row, calls still dial")
	}
	if _, err := b.Now(t.Context()); err == nil {
		t.Error("Stripe's time is known while Stripe can't be reached")
	}
}

func TestSendRefused(t *testing.T) {
	tests := map[string]struct {
		prepare func(*stripetest.Server, *agent.Entry)
		want    agent.Verdict
		reason  string
	}{
		"no such meter": {
			func(_ *stripetest.Server, e *agent.Entry) { e.EventName = "other" },
			agent.VerdictRefused, "create a meter with this event_name",
		},
		"archived meter": {
			func(s *stripetest.Server, _ *agent.Entry) { s.Archive(event, true) },
			agent.VerdictRefused, "reactivate",
		},
		"too old": {
			func(s *stripetest.Server, _ *agent.Entry) { s.Advance(36 * 24 * time.Hour) },
			agent.VerdictRefused, "35 days",
		},
		"another content": {
			func(s *stripetest.Server, e *agent.Entry) {
				b := billerOfServer(s)
				b.Send(context.Background(), e)
				e.Value++
			},
			agent.VerdictUnknown, "Idempotency-Key",
		},
		"known from before": {
			func(s *stripetest.Server, e *agent.Entry) {
				b := billerOfServer(s)
				b.Send(context.Background(), e)
				e.KeyEpoch++
			},
			agent.VerdictDuplicate, "already",
		},
		"revoked key": {
			func(s *stripetest.Server, _ *agent.Entry) { s.RevokeKey(s.Key) },
			agent.VerdictPaused, "401",
		},
		"restricted key": {
			func(s *stripetest.Server, _ *agent.Entry) { s.AddRestrictedKey(s.Key, "billing_meter_read") },
			agent.VerdictPaused, "rak_billing_meter_event_write (Billing meter events: Write)",
		},
		"not frozen": {
			func(_ *stripetest.Server, e *agent.Entry) { e.Timestamp = 0 },
			agent.VerdictRefused, "frozen",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stripetest.New(t, event)
			b := billerOf(t, s)
			e := entry(b, t)
			tt.prepare(s, e)
			o := b.Send(t.Context(), e)
			wantVerdict(t, o, tt.want)
			if !strings.Contains(o.Reason, tt.reason) {
				t.Errorf("the reason is %q, want %q in it", o.Reason, tt.reason)
			}
		})
	}
}

func billerOfServer(s *stripetest.Server) *Biller {
	b, err := New(Options{APIBase: s.URL, Key: Secret(s.Key), Meters: map[string]Meter{"calls": {EventName: event}}})
	if err != nil {
		panic(err)
	}
	return b
}

// Many goroutines, few customers: Stripe allows one call at a time for each
// customer and meter, so a 429 would show a fault of ours.
func TestConcurrentSends(t *testing.T) {
	t.Parallel()
	s := stripetest.NewServer(t, stripetest.Config{Latency: time.Millisecond}, event)
	b := billerOf(t, s)
	const customers, each = 5, 12
	var wg sync.WaitGroup
	for seq := range uint32(each) {
		for c := range customers {
			e := entryOf(t, b, "cus_"+string(rune('a'+c)), seq+1, 3)
			wg.Go(func() {
				if o := b.Send(t.Context(), e); o.Verdict != agent.VerdictAccepted {
					t.Errorf("got %s (%s)", verdicts[o.Verdict], o.Reason)
				}
			})
		}
	}
	wg.Wait()
	for c := range customers {
		s.WantUsage("cus_"+string(rune('a'+c)), event, 3*each)
	}
	if len(b.lanes.busy) != 0 {
		t.Errorf("%d lanes are left behind", len(b.lanes.busy))
	}
}

// The answer's time is Stripe's, also when the local clock is wrong.
func TestSendTellsStripesTime(t *testing.T) {
	t.Parallel()
	s := stripetest.New(t, event)
	s.Advance(3 * time.Hour)
	b := billerOf(t, s)
	o := b.Send(t.Context(), entry(b, t))
	wantVerdict(t, o, agent.VerdictAccepted)
	if d := s.Now().Sub(o.Time); d < 0 || d > 10*time.Second {
		t.Errorf("the outcome's time is %v off Stripe's", d)
	}
	if o.RequestID == "" {
		t.Error("no request id")
	}
}

// Too many calls slow the sender down, contention for one object doesn't.
func TestRateFollowsStripe(t *testing.T) {
	t.Parallel()
	s := stripetest.New(t, event)
	b := billerOf(t, s)
	rate := b.writes.perSecond()
	s.Fail(stripetest.Locked, stripetest.Limited)
	wantVerdict(t, b.Send(t.Context(), entry(b, t)), agent.VerdictBusy)
	if got := b.writes.perSecond(); got != rate {
		t.Errorf("a lock changed the rate from %v to %v", rate, got)
	}
	wantVerdict(t, b.Send(t.Context(), entry(b, t)), agent.VerdictBusy)
	if got := b.writes.perSecond(); got != rate/2 {
		t.Errorf("got %v a second after a 429, want half of %v", got, rate)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	followed := false
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			followed = true
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	b := biller(t, Options{APIBase: s})
	wantVerdict(t, b.Send(t.Context(), entry(b, t)), agent.VerdictUnknown)
	if followed {
		t.Error("the key and the body went to another place")
	}
}

// A certificate that nobody signed ends the call before anything was said.
func TestUnknownCertificate(t *testing.T) {
	t.Parallel()
	reached := false
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	b := biller(t, Options{APIBase: s.URL})
	o := b.Send(t.Context(), entry(b, t))
	wantVerdict(t, o, agent.VerdictBusy)
	if reached || !strings.Contains(o.Reason, "certificate") {
		t.Errorf("reached is %v: %s", reached, o.Reason)
	}
}

// The clock of a proxy that answers in Stripe's place doesn't count.
func TestTimeOfAProxyDoesntCount(t *testing.T) {
	t.Parallel()
	s := stripetest.New(t, event)
	proxied := false
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !proxied {
			s.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Date", time.Now().Add(-30*time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusBadGateway)
	})
	b := biller(t, Options{APIBase: url, Key: Secret(s.Key)})
	if _, err := b.Now(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := entry(b, t)
	proxied = true
	o := b.Send(t.Context(), e)
	wantVerdict(t, o, agent.VerdictUnknown)
	if !o.Time.IsZero() {
		t.Errorf("the outcome has the proxy's time %v", o.Time)
	}
	if now, err := b.Now(t.Context()); err == nil {
		t.Errorf("got %v while Stripe can't be reached", now)
	}
	proxied = false
	if now, err := b.Now(t.Context()); err != nil || time.Since(now).Abs() > time.Minute {
		t.Errorf("got %v, %v", now, err)
	}
}

func BenchmarkSend(b *testing.B) {
	s := stripetest.New(b, event)
	bl := billerOf(b, s)
	b.ReportAllocs()
	seq := uint32(0)
	for b.Loop() {
		seq++
		if o := bl.Send(b.Context(), entryOf(b, bl, "cus_1", seq, 1)); o.Verdict != agent.VerdictAccepted {
			b.Fatal(o.Reason)
		}
	}
}
