package stripe

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/logmeter/logmeter/agent"
)

// TestPlainAPI: an API that takes events and answers in JSON, but has neither
// Stripe's headers nor anything to read, can be billed through: what can't be
// asked is left out.
func TestPlainAPI(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if r.Method != "POST" || r.URL.Path != "/v1/billing/meter_events" {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":{"type":"invalid_request_error","message":"Unrecognized request URL"}}`)
			return
		}
		fmt.Fprintf(w, `{"object":"billing.meter_event","identifier":%q,"event_name":%q,"timestamp":%s,"livemode":false}`,
			r.FormValue("identifier"), r.FormValue("event_name"), r.FormValue("timestamp"))
	}))
	defer srv.Close()
	b, err := New(Options{
		Key: "sk_test_plain4eC39HqLyjWDarjtT1zdp7dc", APIBase: srv.URL,
		Meters: map[string]Meter{"score": {EventName: "score_calls"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]Report{"Start": b.Start(t.Context()), "Check": b.Check(t.Context())} {
		if !r.Reached || !r.AccountHidden {
			t.Errorf("%s: got %+v, want it reached, the account hidden", name, r)
		}
	}
	if _, err := b.Now(t.Context()); err != nil {
		t.Errorf("Now: %v", err)
	}
	e := &agent.Entry{Meter: "score", Customer: "cus_1", Window: 490000, Seq: 1, Value: 3, Identifier: "lm1-x-1"}
	if err := b.Build(e); err != nil {
		t.Fatal(err)
	}
	e.Timestamp = e.Window.Start().Unix()
	if o := b.Send(t.Context(), e); o.Verdict != agent.VerdictAccepted {
		t.Errorf("Send: got %+v, want it accepted", o)
	}
	if _, err := b.Summary(t.Context(), e, e.Window.Start(), e.Window.End()); !errors.Is(err, agent.ErrNoSummaries) || !strings.Contains(err.Error(), "summary") {
		t.Errorf("Summary: got %v, want ErrNoSummaries", err)
	}
}
