package stripetest_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

// api calls the fake: a GET without params, else a POST. It returns the object,
// or the error's message under "message".
func api(t *testing.T, s *stripetest.Server, method, path string, params ...string) map[string]any {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.Key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var o map[string]any
	d := json.NewDecoder(resp.Body)
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		t.Fatal(err)
	}
	if e, ok := o["error"].(map[string]any); ok {
		return e
	}
	return o
}

func create(t *testing.T, s *stripetest.Server, path string, params ...string) string {
	t.Helper()
	o := api(t, s, http.MethodPost, path, params...)
	id, ok := o["id"].(string)
	if !ok {
		t.Fatalf("%s: %v", path, o["message"])
	}
	return id
}

func data(o map[string]any) []any { d, _ := o["data"].([]any); return d }

// creditScore makes the product of the seller who bills three tiers.
func creditScore(t *testing.T, s *stripetest.Server, mode string) (price string) {
	t.Helper()
	meter := create(t, s, "/v1/billing/meters", "display_name", "Scores", "event_name", "scores", "default_aggregation[formula]", "sum")
	product := create(t, s, "/v1/products", "name", "Credit score")
	return create(t, s, "/v1/prices", "currency", "usd", "product", product, "billing_scheme", "tiered", "tiers_mode", mode,
		"recurring[interval]", "month", "recurring[usage_type]", "metered", "recurring[meter]", meter, "lookup_key", "credit-score",
		"tiers[0][up_to]", "100", "tiers[0][unit_amount]", "500", "tiers[1][up_to]", "1000", "tiers[1][unit_amount_decimal]", "300",
		"tiers[2][up_to]", "inf", "tiers[2][unit_amount]", "200")
}

// From a catalogue to the invoice of a month, and to its payment.
func TestAMonthIsBilled(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mode  string
		calls int
		cents string
	}{
		{"graduated", 100, "50000"},
		{"graduated", 101, "50300"},
		{"graduated", 1001, "320200"},
		{"volume", 100, "50000"},
		{"volume", 101, "30300"},
		{"volume", 1001, "200200"},
		{"volume", 0, "0"},
	} {
		t.Run(fmt.Sprint(tt.mode, tt.calls), func(t *testing.T) {
			t.Parallel()
			s := newServer(t, stripetest.Config{Lag: time.Minute})
			price := creditScore(t, s, tt.mode)
			s.AddPayer("cus_a", "a@example.com", map[string]string{"tenant": "acme"})
			s.FailPayments("cus_a", true)
			sub := create(t, s, "/v1/subscriptions", "customer", "cus_a", "items[0][price]", price)
			s.Advance(20 * 24 * time.Hour)
			send := func(id string, n int) {
				t.Helper()
				status, msg, _ := post(t, s, "", "event_name", "scores", "identifier", id, "payload[stripe_customer_id]", "cus_a",
					"payload[value]", fmt.Sprint(n), "timestamp", fmt.Sprint(start.Add(20*24*time.Hour).Unix()))
				want(t, status, msg, 200, "")
			}
			if tt.calls > 0 {
				send("first", tt.calls-1)
			}
			s.Advance(time.Hour)
			if up := api(t, s, "GET", "/v1/invoices/upcoming?subscription="+sub); up["status"] != "draft" || up["id"] != nil {
				t.Errorf("upcoming: %v", up)
			}
			// The period ends at the minute it began; the invoice is a draft for an hour.
			s.Advance(10*24*time.Hour - time.Hour)
			in := data(api(t, s, "GET", "/v1/invoices?customer=cus_a&status=draft"))
			if len(in) != 1 {
				t.Fatalf("got the drafts %v, want one", in)
			}
			if tt.calls > 0 {
				send("late", 1) // within the ended period, before it is final
			}
			s.Advance(2 * time.Hour)
			if tt.calls > 0 {
				send("too late", 7)
			}
			open := "open"
			if tt.calls == 0 {
				open = "paid"
			}
			in = data(api(t, s, "GET", "/v1/invoices?customer=cus_a&status="+open))
			inv := in[0].(map[string]any)
			lines := data(inv["lines"].(map[string]any))
			if got := fmt.Sprint(inv["total"]); got != tt.cents || fmt.Sprint(lines[0].(map[string]any)["quantity"]) != fmt.Sprint(tt.calls) {
				t.Errorf("got %s for %v, want %s", got, lines, tt.cents)
			}
			if tt.calls == 0 {
				return
			}
			if got := api(t, s, "GET", "/v1/subscriptions/"+sub)["status"]; got != "past_due" {
				t.Errorf("the subscription is %v, want past_due", got)
			}
			if paid := api(t, s, "POST", "/v1/invoices/"+inv["id"].(string)+"/pay"); paid["status"] != "paid" {
				t.Errorf("got %v, want it paid", paid)
			}
			if got := api(t, s, "GET", "/v1/subscriptions/"+sub)["status"]; got != "active" {
				t.Errorf("the subscription is %v, want active", got)
			}
			var kinds []string
			for _, e := range data(api(t, s, "GET", "/v1/events?limit=100&types[0]=invoice.created&types[1]=invoice.finalized&types[2]=invoice.payment_failed&types[3]=invoice.paid")) {
				kinds = append(kinds, e.(map[string]any)["type"].(string))
			}
			if got := strings.Join(kinds, " "); got != "invoice.paid invoice.payment_failed invoice.finalized invoice.created" {
				t.Errorf("got the events %s", got)
			}
		})
	}
}

// The tiers' arithmetic beside one that goes call by call.
func TestTiersOneByOne(t *testing.T) {
	t.Parallel()
	s := newServer(t, stripetest.Config{})
	meter := create(t, s, "/v1/billing/meters", "display_name", "M", "event_name", "m", "default_aggregation[formula]", "sum")
	product := create(t, s, "/v1/products", "name", "P")
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 40 {
		mode := []string{"graduated", "volume"}[rng.IntN(2)]
		params := []string{
			"currency", "eur", "product", product, "billing_scheme", "tiered", "tiers_mode", mode,
			"recurring[interval]", "month", "recurring[usage_type]", "metered", "recurring[meter]", meter,
		}
		type tier struct{ upTo, unit, flat int } // unit in hundredths of a cent
		var tiers []tier
		for n, end := rng.IntN(4), 0; len(tiers) <= n; {
			end += 1 + rng.IntN(50)
			tr := tier{end, rng.IntN(100_000), rng.IntN(500)}
			key := fmt.Sprintf("tiers[%d]", len(tiers))
			upTo := fmt.Sprint(end)
			if len(tiers) == n {
				tr.upTo, upTo = 1<<30, "inf"
			}
			params = append(params, key+"[up_to]", upTo, key+"[unit_amount_decimal]", fmt.Sprintf("%d.%02d", tr.unit/100, tr.unit%100), key+"[flat_amount]", fmt.Sprint(tr.flat))
			tiers = append(tiers, tr)
		}
		price := create(t, s, "/v1/prices", params...)
		customer, calls := fmt.Sprintf("cus_%d", i), rng.IntN(160)
		s.AddCustomer(customer, nil)
		create(t, s, "/v1/subscriptions", "customer", customer, "items[0][price]", price)
		if calls > 0 {
			status, msg, _ := post(t, s, "", "event_name", "m", "payload[stripe_customer_id]", customer, "payload[value]", fmt.Sprint(calls))
			want(t, status, msg, 200, "")
		}
		hundredths, entered := 0, -1
		at := func(n int) int {
			k := 0
			for n > tiers[k].upTo {
				k++
			}
			return k
		}
		switch mode {
		case "volume":
			k := at(calls)
			hundredths = calls*tiers[k].unit + 100*tiers[k].flat
		default:
			for n := range calls {
				hundredths += tiers[at(n+1)].unit
			}
			entered = at(calls)
			for k := 0; k <= entered; k++ {
				hundredths += 100 * tiers[k].flat
			}
		}
		up := api(t, s, "GET", "/v1/invoices/upcoming?customer="+customer)
		if got, want := fmt.Sprint(up["total"]), fmt.Sprint((hundredths+50)/100); got != want {
			t.Errorf("%s of %v, %d calls: got %s, want %s", mode, tiers, calls, got, want)
		}
	}
}

func TestCatalogueRefusals(t *testing.T) {
	t.Parallel()
	s := newServer(t, stripetest.Config{})
	price := creditScore(t, s, "volume")
	product := "prod_1"
	tiers := []string{"currency", "usd", "product", product, "billing_scheme", "tiered", "tiers_mode", "volume"}
	for _, tt := range []struct {
		path   string
		params []string
		says   string
	}{
		{"/v1/products", nil, "Missing required param: name"},
		{"/v1/products", []string{"name", "x", "colour", "red"}, "unknown parameter: colour"},
		{"/v1/prices", []string{"currency", "usd", "product", "prod_9", "unit_amount", "1"}, "No such product: 'prod_9'"},
		{"/v1/prices", []string{"currency", "usd", "product", product}, "unit_amount"},
		{"/v1/prices", []string{"currency", "usd", "product", product, "unit_amount_decimal", "0.0000000000001"}, "12 decimal places"},
		{"/v1/prices", []string{"currency", "usd", "product", product, "unit_amount", "1", "lookup_key", "credit-score"}, "already uses that lookup key"},
		{"/v1/prices", tiers, "last tier must have"},
		{"/v1/prices", append(tiers, "tiers[0][up_to]", "5", "tiers[0][unit_amount]", "1"), "last tier must have"},
		{"/v1/prices", append(tiers, "tiers[0][up_to]", "inf", "tiers[0][unit_amount]", "1", "tiers[1][up_to]", "inf", "tiers[1][unit_amount]", "1"), "Only the last tier"},
		{"/v1/prices", append(tiers, "tiers[0][up_to]", "5", "tiers[0][unit_amount]", "1", "tiers[1][up_to]", "5", "tiers[1][unit_amount]", "1"), "must rise"},
		{"/v1/prices/" + price, []string{"unit_amount", "7"}, "unknown parameter: unit_amount"},
		{"/v1/billing/meters", []string{"display_name", "x", "event_name", "scores", "default_aggregation[formula]", "sum"}, "exists already"},
		{"/v1/subscriptions", []string{"customer", "cus_9", "items[0][price]", price}, "No such customer: 'cus_9'"},
		{"/v1/invoices/in_9/pay", nil, "No such invoice"},
	} {
		if got := fmt.Sprint(api(t, s, "POST", tt.path, tt.params...)["message"]); !strings.Contains(got, tt.says) {
			t.Errorf("%s %v: got %q, want %q", tt.path, tt.params, got, tt.says)
		}
	}
	// A key can move to a new price; tiers are shown to those who ask.
	moved := create(t, s, "/v1/prices", "currency", "usd", "product", product, "unit_amount", "1", "lookup_key", "credit-score", "transfer_lookup_key", "true")
	if l := data(api(t, s, "GET", "/v1/prices?lookup_keys[0]=credit-score")); len(l) != 1 || l[0].(map[string]any)["id"] != moved {
		t.Errorf("got %v under the key, want %s", l, moved)
	}
	if got := api(t, s, "GET", "/v1/prices/"+price); got["tiers"] != nil {
		t.Errorf("tiers are shown: %v", got)
	}
	if got := api(t, s, "GET", "/v1/prices/"+price+"?expand[0]=tiers"); len(got["tiers"].([]any)) != 3 {
		t.Errorf("tiers aren't shown: %v", got)
	}
}

func TestCustomerSearch(t *testing.T) {
	t.Parallel()
	s := newServer(t, stripetest.Config{})
	s.AddPayer("cus_a", "a@example.com", map[string]string{"tenant": "acme"})
	s.AddPayer("cus_b", "b@example.com", map[string]string{"tenant": "it's"})
	for query, want := range map[string]string{
		`metadata['tenant']:'acme'`:                            "cus_a",
		`metadata["tenant"]:"it's"`:                            "cus_b",
		`metadata['tenant']:'it\'s'`:                           "cus_b",
		`email:'b@example.com' AND metadata['tenant']:'acme'`:  "",
		`email:'b@example.com' AND metadata['tenant']:'it\'s'`: "cus_b",
		`metadata['other']:'acme'`:                             "",
		`tenant=acme`:                                          "message",
	} {
		o := api(t, s, "GET", "/v1/customers/search?query="+url.QueryEscape(query))
		got := ""
		for _, c := range data(o) {
			got += c.(map[string]any)["id"].(string)
		}
		if o["message"] != nil {
			got = "message"
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}
