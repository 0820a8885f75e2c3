package stripe

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

func TestCheck(t *testing.T) {
	tests := map[string]struct {
		prepare func(*stripetest.Server, *Options)
		worst   Severity
		account string
		reads   []string // each a part of some finding, with its severity in front
	}{
		"all is well": {
			nil, OK, "acct_logmeter",
			[]string{"ok the key works, in test mode, for account acct_logmeter \"Logmeter Test\"", "ok the key may send usage", "ok meter.calls: goes to mtr_1", "ok the key may read event summaries"},
		},
		"restricted key that may what is needed": {
			func(s *stripetest.Server, o *Options) {
				o.Key = "rk_test_some"
				s.AddRestrictedKey("rk_test_some", "billing_meter_event_write", "billing_meter_read")
			}, OK, "",
			[]string{"ok the key works, in test mode; it may not read the account", "ok meter.calls"},
		},
		"may not send": {
			func(s *stripetest.Server, _ *Options) {
				s.AddRestrictedKey(s.Key, "account_read", "billing_meter_read")
			}, Problem, "acct_logmeter",
			[]string{"problem try to send: the API key lacks the permission rak_billing_meter_event_write (Billing meter events: Write)"},
		},
		"may not read meters": {
			func(s *stripetest.Server, _ *Options) {
				s.AddRestrictedKey(s.Key, "account_read", "billing_meter_event_write")
			}, Warning, "acct_logmeter",
			[]string{"warning the API key lacks the permission rak_billing_meter_read (Billing meters: Read)"},
		},
		"revoked key": {
			func(s *stripetest.Server, _ *Options) { s.RevokeKey(s.Key) }, Problem, "",
			[]string{"problem read the account: Stripe doesn't know the API key (HTTP 401)"},
		},
		"no connection": {
			func(s *stripetest.Server, _ *Options) { s.Stop() }, Problem, "",
			[]string{"problem read the account: no connection to Stripe"},
		},
		"Stripe is down": {
			func(s *stripetest.Server, _ *Options) { s.FailReads(stripetest.Unavailable) }, Problem, "",
			[]string{"problem read the account: Stripe had an error of its own (HTTP 503)"},
		},
		"answers that aren't Stripe's": {
			func(s *stripetest.Server, _ *Options) { s.FailReads(stripetest.HTMLSuccess) }, Problem, "",
			[]string{"proxy in between"},
		},
		"local clock": {
			func(s *stripetest.Server, _ *Options) { s.Advance(-10 * time.Minute) }, Warning, "acct_logmeter",
			[]string{"warning the local clock is 10m"},
		},
		"a name mistyped": {
			func(_ *stripetest.Server, o *Options) { o.Meters["calls"] = Meter{EventName: "api_cals"} }, Problem, "acct_logmeter",
			[]string{`problem meter.calls: Stripe has no meter with the event_name "api_cals"`, `those that fit are "api_calls"`},
		},
		"no meter at all": {
			func(s *stripetest.Server, _ *Options) { s.Archive(event, true) }, Problem, "acct_logmeter",
			[]string{"problem meter.calls: Stripe's meter mtr_1 (\"api_calls\") is inactive"},
		},
		"pre-aggregated": {
			func(s *stripetest.Server, o *Options) {
				s.AddMeter(stripetest.Meter{EventName: "hourly", Window: "hour"})
				o.Meters["hourly"] = Meter{}
			}, Problem, "acct_logmeter",
			[]string{"problem meter.hourly: Stripe's meter mtr_2 (\"hourly\") keeps only the last event of each hour", "ok meter.calls"},
		},
		"counts events": {
			func(s *stripetest.Server, o *Options) {
				s.AddMeter(stripetest.Meter{EventName: "n", Formula: "count"})
				o.Meters["n"] = Meter{}
			}, Problem, "acct_logmeter",
			[]string{`problem meter.n: Stripe's meter mtr_2 ("n") aggregates by "count"`},
		},
		"own payload keys": {
			func(s *stripetest.Server, o *Options) {
				s.AddMeter(stripetest.Meter{EventName: "n", CustomerKey: "who", ValueKey: "how_many"})
				o.Meters["n"] = Meter{}
			}, OK, "acct_logmeter",
			[]string{"payload keys who and how_many"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stripetest.New(t, event)
			o := Options{APIBase: s.URL, Key: Secret(s.Key), Meters: map[string]Meter{"calls": {EventName: event}}}
			if tt.prepare != nil {
				tt.prepare(s, &o)
			}
			r := biller(t, o).Check(t.Context())
			var all strings.Builder
			for _, f := range r.Findings {
				fmt.Fprintf(&all, "%v %s\n", f.Severity, f.Text)
			}
			if known := r.Account != "" || r.AccountHidden; known != (tt.account != "" || strings.HasPrefix(name, "restricted")) {
				t.Errorf("account %q, hidden %v", r.Account, r.AccountHidden)
			}
			if r.Worst() != tt.worst || r.Account != tt.account {
				t.Errorf("got %v for account %q, want %v for %q", r.Worst(), r.Account, tt.worst, tt.account)
			}
			for _, want := range tt.reads {
				if !strings.Contains(all.String(), want) {
					t.Errorf("no finding says %q", want)
				}
			}
			if t.Failed() {
				t.Log(all.String())
			}
			if n := s.Stats().Accepted; n != 0 {
				t.Errorf("the check made %d events", n)
			}
		})
	}
}

func TestCheckLive(t *testing.T) {
	t.Parallel()
	s := stripetest.NewServer(t, stripetest.Config{Live: true, Key: "sk_live_x"}, event)
	r := biller(t, Options{APIBase: s.URL, Key: "sk_live_x", Live: true}).Check(t.Context())
	if !r.Live || r.Worst() != Warning || !strings.Contains(fmt.Sprint(r), "restricted key") {
		t.Errorf("got %+v, want a warning to use a restricted key", r)
	}
}

// The meters' ids are a part of what a state is bound to.
func TestMeterIDs(t *testing.T) {
	t.Parallel()
	s := stripetest.New(t, event, "other", "archived")
	s.Archive("archived", true)
	s.AddRestrictedKey("rk_test_blind", "account_read", "billing_meter_event_write")
	o := Options{APIBase: s.URL, Key: Secret(s.Key), Meters: map[string]Meter{
		"calls": {EventName: event}, "archived": {}, "nowhere": {},
	}}
	b := biller(t, o)
	for name, r := range map[string]Report{"Start": b.Start(t.Context()), "Check": b.Check(t.Context())} {
		if want := map[string]string{event: "mtr_1", "archived": "mtr_3"}; !maps.Equal(r.MeterIDs, want) {
			t.Errorf("%s: got %v, want %v", name, r.MeterIDs, want)
		}
	}
	o.Key = "rk_test_blind"
	if r := biller(t, o).Start(t.Context()); r.MeterIDs != nil || r.Account != "acct_logmeter" {
		t.Errorf("got %+v for a key that may not list meters", r)
	}
}

// A permission that a key loses after the start is found, named, and said once.
func TestPermissionLostLater(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	clock := &virtual{start: november}
	s := stripetest.NewServer(t, stripetest.Config{Now: clock.now}, event)
	b := biller(t, Options{APIBase: s.URL, Now: clock.now, Log: slog.New(slog.NewTextHandler(&logged, nil))})
	if r := b.Check(t.Context()); r.Worst() != OK {
		t.Fatalf("got %+v", r)
	}
	for name, want := range map[string]string{
		"billing_meter_read":        "warning the API key lacks the permission rak_billing_meter_read (Billing meters: Read)",
		"billing_meter_event_write": "problem try to send: the API key lacks the permission rak_billing_meter_event_write (Billing meter events: Write)",
	} {
		s.Play(1, stripetest.Act{Kind: stripetest.NoPermission, Name: name, For: stripetest.Duration(24 * time.Hour)})
		var all strings.Builder
		for _, f := range b.Check(t.Context()).Findings {
			fmt.Fprintf(&all, "%v %s\n", f.Severity, f.Text)
		}
		if !strings.Contains(all.String(), want) {
			t.Errorf("got %s, want %q", all.String(), want)
		}
		for range 2 {
			clock.advance(2 * time.Hour)
			if _, err := b.Now(t.Context()); err != nil { // it goes on with what it knows
				t.Error(err)
			}
		}
		clock.advance(24 * time.Hour)
	}
	if n := strings.Count(logged.String(), "can't be read any more"); n != 1 {
		t.Errorf("said %d times: %s", n, logged.String())
	}
	e := entry(b, t)
	if err := b.Build(e); err != nil {
		t.Error(err)
	}
}

// Meters beyond the first page are found.
func TestManyMeters(t *testing.T) {
	t.Parallel()
	s := stripetest.New(t)
	for i := range 250 {
		s.AddMeter(stripetest.Meter{EventName: fmt.Sprintf("m%d", i)})
	}
	b := biller(t, Options{APIBase: s.URL, Key: Secret(s.Key), Meters: map[string]Meter{"m249": {}}})
	if _, err := b.Now(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m, err := b.catalogue.settings("m249"); err != nil || m.id != "mtr_250" {
		t.Errorf("got %+v, %v", m, err)
	}
}
