package stripe

import (
	"errors"
	"strings"
	"testing"

	"github.com/stripe/stripe-go/v76"

	"github.com/logmeter/logmeter/agent"
)

// meterOf returns a meter as Stripe describes it.
func meterOf(eventName, formula string) *stripe.BillingMeter {
	return &stripe.BillingMeter{
		ID: "mtr_1", EventName: eventName, DisplayName: "Calls", Status: "active",
		DefaultAggregation: &stripe.BillingMeterDefaultAggregation{Formula: stripe.BillingMeterDefaultAggregationFormula(formula)},
		CustomerMapping:    &stripe.BillingMeterCustomerMapping{Type: "by_id", EventPayloadKey: "stripe_customer_id"},
		ValueSettings:      &stripe.BillingMeterValueSettings{EventPayloadKey: "value"},
	}
}

func TestBuildCustomers(t *testing.T) {
	t.Parallel()
	b := biller(t, Options{Customers: Customers{Lookup: LookupID, Map: map[string]string{
		"acme": "cus_ACME", "cus_old": "cus_new", "a, b": "cus_both",
	}}})
	b.catalogue.refused, b.catalogue.read = true, b.now()
	tests := []struct{ logged, account, reason string }{
		{"acme", "cus_ACME", ""},
		{"cus_old", "cus_new", ""}, // the map comes first
		{"a, b", "cus_both", ""},
		{"cus_NffrFeUfNV2Hib", "cus_NffrFeUfNV2Hib", ""},
		{"cus_a_b", "cus_a_b", ""},
		{"Acme", "", `add "Acme" = "cus_…" to [customers.map]`},
		{"", "", "customers.max"},
		{"cus_", "", "[customers.map]"},
		{"CUS_1", "", "[customers.map]"},
		{" cus_1", "", "[customers.map]"},
		{"cus_1 ", "", "more than one"},
		{"cus_1, cus_2", "", "more than one value"},
		{"cus_1;cus_2", "", "more than one value"},
		{"cus_1\x00", "", `"cus_1\x00"`},
		{"cus_1\ncus_2", "", `\n`},
		{"cus_\xff", "", `\xff`},
		{"cus_é", "", "[customers.map]"},
		{"sk_test_123", "", `"***"`},
		{"Bearer sk_live_123", "", `"Bearer ***"`},
		{"cus_" + strings.Repeat("x", 300), "", "…"},
	}
	for _, tt := range tests {
		e := &agent.Entry{Meter: "calls", Customer: tt.logged, Value: 1}
		err := b.Build(e)
		var r *agent.Rejected
		switch {
		case tt.reason == "" && (err != nil || e.Account != tt.account || e.EventName != event):
			t.Errorf("%q: got %q, %v; want %q", tt.logged, e.Account, err, tt.account)
		case tt.reason != "" && (!errors.As(err, &r) || !strings.Contains(r.Reason, tt.reason) || e.Account != ""):
			t.Errorf("%q: got %q, %v; want a rejection with %q", tt.logged, e.Account, err, tt.reason)
		}
		if err != nil && len(err.Error()) > 600 {
			t.Errorf("%q: a reason of %d bytes", tt.logged[:10], len(err.Error()))
		}
	}
}

func TestBuildMeters(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*stripe.BillingMeter)
		reason string
	}{
		"fits": {func(*stripe.BillingMeter) {}, ""},
		"own keys": {func(m *stripe.BillingMeter) {
			m.CustomerMapping.EventPayloadKey, m.ValueSettings.EventPayloadKey = "who", "n"
		}, ""},
		"old shape":    {func(m *stripe.BillingMeter) { m.ValueSettings = nil }, ""},
		"archived":     {func(m *stripe.BillingMeter) { m.Status = "inactive" }, "reactivate"},
		"count":        {func(m *stripe.BillingMeter) { m.DefaultAggregation.Formula = "count" }, `formula "sum"`},
		"last":         {func(m *stripe.BillingMeter) { m.DefaultAggregation.Formula = "last" }, `formula "sum"`},
		"pre-summed":   {func(m *stripe.BillingMeter) { m.EventTimeWindow = "hour" }, "keeps only the last event of each hour"},
		"mapping":      {func(m *stripe.BillingMeter) { m.CustomerMapping.Type = "by_email" }, "by_id"},
		"one key":      {func(m *stripe.BillingMeter) { m.CustomerMapping.EventPayloadKey = "value" }, "two keys"},
		"another name": {func(m *stripe.BillingMeter) { m.EventName = "x" }, "no meter with the event_name"},
	}
	for name, tt := range tests {
		b := biller(t, Options{})
		m := meterOf(event, "sum")
		tt.change(m)
		b.catalogue.meters, b.catalogue.read = []settings{settingsOf(m)}, b.now()
		e := &agent.Entry{Meter: "calls", Customer: "cus_1", Value: 1}
		err := b.Build(e)
		if tt.reason == "" {
			customerKey, valueKey := "stripe_customer_id", "value"
			if name == "own keys" {
				customerKey, valueKey = "who", "n"
			}
			if err != nil || e.CustomerKey != customerKey || e.ValueKey != valueKey {
				t.Errorf("%s: got keys %q and %q, %v", name, e.CustomerKey, e.ValueKey, err)
			}
			continue
		}
		var r *agent.Rejected
		if !errors.As(err, &r) || !strings.Contains(r.Reason, tt.reason) {
			t.Errorf("%s: got %v, want a rejection with %q", name, err, tt.reason)
		}
	}
}

// An archived meter beside an active one of the same event name is no matter.
func TestBuildPrefersTheActiveMeter(t *testing.T) {
	t.Parallel()
	for _, order := range [][]string{{"active", "inactive"}, {"inactive", "active"}} {
		b := biller(t, Options{})
		for _, status := range order {
			m := meterOf(event, "sum")
			m.Status, m.ID = stripe.BillingMeterStatus(status), "mtr_"+status
			b.catalogue.meters = append(b.catalogue.meters, settingsOf(m))
		}
		b.catalogue.read = b.now()
		if m, err := b.catalogue.settings(event); err != nil || m.id != "mtr_active" {
			t.Errorf("%v: got %v, %v", order, m, err)
		}
	}
}

func TestBuildRejectsEntries(t *testing.T) {
	t.Parallel()
	b := biller(t, Options{})
	if err := b.Build(&agent.Entry{Meter: "calls", Customer: "cus_1", Value: 1}); err == nil || errors.As(err, new(*agent.Rejected)) {
		t.Errorf("meters not read: got %v, want an error that is no rejection", err)
	}
	b.catalogue.refused, b.catalogue.read = true, b.now()
	for _, e := range []agent.Entry{
		{Meter: "gone", Customer: "cus_1", Value: 1},
		{Meter: "calls", Customer: "cus_1"},
		{Meter: "calls", Customer: "cus_1", Value: maxValue + 1},
	} {
		if err := b.Build(&e); !errors.As(err, new(*agent.Rejected)) {
			t.Errorf("%+v: got %v, want a rejection", e, err)
		}
	}
	frozen := agent.Entry{Meter: "gone", Timestamp: 60, Account: "cus_kept"}
	if err := b.Build(&frozen); err != nil || frozen.Account != "cus_kept" {
		t.Errorf("a frozen entry was changed: %+v, %v", frozen, err)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	const test, live = "sk_test_abc", "rk_live_abc"
	tests := []struct {
		o      Options
		reason string // "" is fine
	}{
		{Options{Key: test}, ""},
		{Options{Key: live, Live: true}, ""},
		{Options{Key: "rk_test_abc", APIBase: "https://example.com/"}, ""},
		{Options{Key: test, APIBase: "http://127.0.0.1:80"}, ""},
		{Options{Key: test, APIBase: "http://[::1]:80"}, ""},
		{Options{Key: test, APIBase: "http://localhost:80"}, ""},
		{Options{}, "no API key"},
		{Options{Key: "pk_test_abc"}, "publishable"},
		{Options{Key: "whsec_abc"}, "begins with sk_test_"},
		{Options{Key: "sk_test_"}, "ends after its prefix"},
		{Options{Key: "sk_test_ab c"}, "byte 11"},
		{Options{Key: "sk_test_abc\n"}, "byte 12"},
		{Options{Key: live}, "live = true isn't set"},
		{Options{Key: test, Live: true}, "test one"},
		{Options{Key: test, APIBase: "http://example.com"}, "in clear"},
		{Options{Key: test, APIBase: "http://localhost.example.com"}, "in clear"},
		{Options{Key: test, APIBase: "ftp://example.com"}, "scheme"},
		{Options{Key: test, APIBase: "api.stripe.com"}, "https://HOST"},
		{Options{Key: test, APIBase: "https://u:secret@example.com"}, "https://HOST"},
		{Options{Key: test, APIBase: "https://example.com/v1/x"}, "https://HOST"},
		{Options{Key: test, APIBase: "https://%zz"}, "URL"},
		{Options{Key: test, Customers: Customers{Lookup: "metadata"}}, `want "id"`},
		{Options{Key: test, Customers: Customers{Map: map[string]string{"acme": "acct_1"}}}, `"acme" is mapped to "acct_1"`},
	}
	for i, tt := range tests {
		_, err := New(tt.o)
		if tt.reason == "" && err != nil || tt.reason != "" && (err == nil || !strings.Contains(err.Error(), tt.reason)) {
			t.Errorf("%d %+v: got %v, want %q", i, tt.o, err, tt.reason)
		}
		if err != nil && strings.Contains(err.Error(), "secret@") {
			t.Errorf("%d: the error shows a password: %v", i, err)
		}
	}
	_, err := New(Options{APIBase: "ftp://x", Customers: Customers{Lookup: "y"}})
	for _, want := range []string{"API key", "scheme", "lookup"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v says nothing of the %s", err, want)
		}
	}
}
