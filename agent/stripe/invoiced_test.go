package stripe

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

// create makes an object at the fake and returns its id.
func create(t *testing.T, s *stripetest.Server, path string, params ...string) string {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.Key)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var o struct{ ID string }
	if err := json.NewDecoder(resp.Body).Decode(&o); err != nil || o.ID == "" {
		t.Fatalf("%s: %s, %v", path, resp.Status, err)
	}
	return o.ID
}

// Usage of a period belongs to its invoice: while that is a draft it can still
// come, once it is final nobody pays it.
func TestInvoiced(t *testing.T) {
	clock := &virtual{start: time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)}
	s := stripetest.NewServer(t, stripetest.Config{Now: clock.now})
	meter := create(t, s, "/v1/billing/meters", "display_name", "Calls", "event_name", event, "default_aggregation[formula]", "sum")
	price := create(t, s, "/v1/prices", "currency", "usd", "product", create(t, s, "/v1/products", "name", "Calls"),
		"unit_amount", "5", "recurring[interval]", "month", "recurring[usage_type]", "metered", "recurring[meter]", meter)
	s.AddCustomer("cus_a", nil)
	create(t, s, "/v1/subscriptions", "customer", "cus_a", "items[0][price]", price)
	b := biller(t, Options{APIBase: s.URL, Key: Secret(s.Key), Now: clock.now, Meters: map[string]Meter{"calls": {EventName: event}}})

	used := clock.now().Add(10 * 24 * time.Hour) // in the first period
	e := &agent.Entry{EventName: event, Account: "cus_a", Window: agent.WindowOf(used), Timestamp: used.Unix(), Value: 1}
	invoiced := func() string {
		t.Helper()
		if _, err := b.Now(t.Context()); err != nil {
			t.Fatal(err)
		}
		invoice, err := b.Invoiced(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		return invoice
	}
	advance := func(d time.Duration) { clock.advance(d); s.Advance(0) }

	advance(11 * 24 * time.Hour)
	if in := invoiced(); in != "" {
		t.Errorf("in its period: %s", in)
	}
	advance(20*24*time.Hour + 30*time.Minute)
	if in := invoiced(); in != "" {
		t.Errorf("while the invoice is a draft: %s", in)
	}
	advance(3 * time.Hour)
	if in := invoiced(); !strings.HasPrefix(in, "in_") {
		t.Errorf("got %q, want the final invoice", in)
	}
	reads, _ := b.Reads()
	if invoiced(); invoiced() == "" {
		t.Error("forgotten at once")
	}
	if again, _ := b.Reads(); again != reads {
		t.Errorf("%d reads for what is known", again-reads)
	}
	e.Account = "cus_other"
	if in := invoiced(); in != "" {
		t.Errorf("another customer: %s", in)
	}
	e.Account, e.Timestamp = "cus_a", clock.now().Unix()
	if in := invoiced(); in != "" {
		t.Errorf("the period that runs: %s", in)
	}
}

// A key that may not read invoices keeps no usage back.
func TestInvoicedWithoutPermission(t *testing.T) {
	s := stripetest.NewServer(t, stripetest.Config{}, event)
	s.AddRestrictedKey(s.Key, "account_read", "billing_meter_event_write", "billing_meter_read")
	b := billerOf(t, s)
	if _, err := b.Now(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if in, err := b.Invoiced(t.Context(), entryOf(t, b, "cus_1", 1, 1)); in != "" || err != nil {
			t.Errorf("got %q, %v", in, err)
		}
	}
}
