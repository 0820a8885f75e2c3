package stripe

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

func TestLiveTest(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		prepare func(*stripetest.Server)
		account string
		err     string // "" when the test must pass
		left    int64  // of the event at Stripe
	}{
		"all is well": {nil, "cus_1", "", 0},
		"with lag":    {func(s *stripetest.Server) { s.Configure(func(c *stripetest.Config) { c.Lag = 30 * time.Millisecond }) }, "cus_1", "", 0},
		"answer lost": {func(s *stripetest.Server) { s.LoseReply(1) }, "cus_1", "send the event: no answer from Stripe", 0},
		"never shown": {
			func(s *stripetest.Server) { s.Configure(func(c *stripetest.Config) { c.Lag = time.Hour }) },
			"cus_1", "the summaries don't show the event after", 0,
		},
		"no such customer": {func(s *stripetest.Server) { s.DeleteCustomer("cus_1") }, "cus_1", "the customer doesn't exist", 0},
		"not a customer":   {nil, "acme", "no Stripe customer", 0},
		"not sent":         {func(s *stripetest.Server) { s.Fail(stripetest.Limited) }, "cus_1", "nothing was left behind", 0},
		"may not cancel": {
			func(s *stripetest.Server) {
				s.AddRestrictedKey(s.Key, "billing_meter_event_write", "billing_meter_read")
			}, "cus_1", "Billing meter event adjustments: Write", 1,
		},
		"may not read": {func(s *stripetest.Server) { s.AddRestrictedKey(s.Key, "billing_meter_event_write") }, "cus_1", "Billing meters: Read", 0},
		"archived":     {func(s *stripetest.Server) { s.Archive(event, true) }, "cus_1", "is inactive", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stripetest.New(t, event)
			b := biller(t, Options{APIBase: s.URL, Key: Secret(s.Key)})
			if tt.prepare != nil {
				tt.prepare(s)
			}
			var told []string
			// Patience is compared in whole seconds.
			err := b.liveTest(t.Context(), tt.account, 20*time.Millisecond, 500*time.Millisecond, func(line string) { told = append(told, line) })
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, want %q; told %q", err, tt.err, told)
			}
			s.WantUsage("cus_1", event, tt.left)
			if tt.err == "" && (len(told) != 5 || !strings.Contains(told[4], "cancelled")) {
				t.Errorf("told %q", told)
			}
		})
	}
}

// A live key bills nobody for a test, and a test that is given up is cleared up.
func TestLiveTestIsForTestMode(t *testing.T) {
	t.Parallel()
	s := stripetest.NewServer(t, stripetest.Config{Live: true, Key: "sk_live_x"}, event)
	b := biller(t, Options{APIBase: s.URL, Key: "sk_live_x", Live: true})
	if err := b.LiveTest(t.Context(), "cus_1", func(string) {}); err == nil || s.Stats().Requests != 0 {
		t.Errorf("got %v after %d calls", err, s.Stats().Requests)
	}

	s = stripetest.NewServer(t, stripetest.Config{Lag: time.Hour}, event)
	b = biller(t, Options{APIBase: s.URL, Key: Secret(s.Key)})
	ctx, stop := context.WithCancel(t.Context())
	err := b.LiveTest(ctx, "cus_1", func(line string) {
		if strings.Contains(line, "waiting for the event summaries") {
			stop()
		}
	})
	if err == nil || s.Stats().Accepted != 1 {
		t.Errorf("got %v and %+v", err, s.Stats())
	}
	s.WantUsage("cus_1", event, 0)
}
