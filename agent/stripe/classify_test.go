package stripe

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/logmeter/logmeter/agent"
)

func serve(t testing.TB, h http.HandlerFunc) (url string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// Hand-made answers, and what each proves. ID stands for the identifier, TS for
// the timestamp.
func TestClassifyAnswers(t *testing.T) {
	const (
		accepted, duplicate, refused = agent.VerdictAccepted, agent.VerdictDuplicate, agent.VerdictRefused
		busy, paused, unknown        = agent.VerdictBusy, agent.VerdictPaused, agent.VerdictUnknown
	)
	ok := `{"object":"billing.meter_event","event_name":"api_calls","identifier":"ID","timestamp":TS,"livemode":false,"payload":{}}`
	problem := func(kind, code, msg string) string {
		return fmt.Sprintf(`{"error":{"type":%q,"code":%q,"message":%q}}`, kind, code, msg)
	}
	const bad = "invalid_request_error"
	tests := []struct {
		name   string
		status int
		body   string
		header string
		want   agent.Verdict
		reason string
	}{
		{"success", 200, ok, "", accepted, ""},
		{"success 201", 201, ok, "", accepted, ""},
		{"success without object", 200, `{}`, "", unknown, "object"},
		{"success for another identifier", 200, strings.ReplaceAll(ok, "ID", "other"), "", unknown, "identifier"},
		{"success for another event", 200, strings.ReplaceAll(ok, "api_calls", "x"), "", unknown, "event_name"},
		{"success at another time", 200, strings.ReplaceAll(ok, "TS", "1"), "", unknown, "timestamp"},
		{"success in the other mode", 200, strings.ReplaceAll(ok, "false", "true"), "", unknown, "livemode"},
		{"success in HTML", 200, "<html>", "", unknown, "proxy"},
		{"success without body", 200, "", "", unknown, "proxy"},
		{"no content", 204, "", "", unknown, "proxy"},
		{"redirect with a body that fits", 302, ok, "", unknown, "302"},

		{"duplicate", 400, problem(bad, "", "An event already exists with identifier ID."), "", duplicate, "already"},
		{"duplicate, other words", 400, problem(bad, "x", "Meter event `ID` already exists"), "", duplicate, "already"},
		{"duplicate of a longer one", 400, problem(bad, "", "An event already exists with identifier ID2."), "", refused, ""},
		{"duplicate of another", 400, problem(bad, "", "An event already exists with identifier lm1-x."), "", refused, ""},
		{"duplicate in a 500", 500, problem("api_error", "", "An event already exists with identifier ID."), "", unknown, "500"},
		{"idempotency", 400, problem("idempotency_error", "", "Keys for idempotent requests …"), "", unknown, "instance name"},
		{"parameter", 400, problem(bad, "parameter_unknown", "Received unknown parameter: x."), "", refused, "unknown parameter"},
		{"no meter", 400, problem(bad, "", `No active meter found for event name "api_calls".`), "", refused, "create a meter"},
		{"archived", 400, problem(bad, "archived_meter", "The meter is archived."), "", refused, "reactivate"},
		{"no customer", 400, problem(bad, "resource_missing", "No such customer: 'cus_1'"), "", refused, "customers.map"},
		{"no customer, 404", 404, problem(bad, "resource_missing", "No such customer: 'cus_1'"), "", refused, "customers.map"},
		{"customer of the other mode", 400, problem(bad, "resource_missing", "No such customer: 'cus_1'; a similar object exists in live mode, but a test mode key was used to make this request."), "", refused, "other mode"},
		{"400 that isn't Stripe's", 400, "<html>", "", unknown, "proxy"},
		{"400 without error", 400, `{}`, "", unknown, "proxy"},

		{"unknown key", 401, problem(bad, "", "Invalid API Key provided: sk_test_****Fake"), "", paused, "401"},
		{"expired key", 401, problem(bad, "api_key_expired", "Expired API Key provided: sk_test_****Fake"), "", paused, "expired"},
		{"login page", 401, "<html>", "", unknown, "proxy"},
		{"mode", 400, problem(bad, "livemode_mismatch", "…"), "", paused, "mode"},
		{"permission", 403, problem(bad, "", "Having the 'rak_billing_meter_event_write' permission would allow this request to continue."), "", paused, "Billing meter events: Write"},
		{"permissions", 403, problem(bad, "", "Having the 'rak_a' or 'rak_b' permission"), "", paused, "rak_a or rak_b"},
		{"forbidden", 403, problem(bad, "", "This account can't."), "", paused, "This account can't"},
		{"address", 404, problem(bad, "", "Unrecognized request URL (POST: /v1/billing/meter_events)."), "", paused, "API base"},

		{"in progress", 409, problem("idempotency_error", "idempotency_key_in_use", "…"), "", busy, "under way"},
		{"rate", 429, problem(bad, "rate_limit", "…"), "Retry-After: 3", busy, "fewer calls"},
		{"lock", 429, problem(bad, "lock_timeout", "…"), "", busy, "another call"},
		{"rate by a proxy", 429, "slow down", "", unknown, "proxy"},
		{"payment required", 402, problem("card_error", "", "…"), "", unknown, "402"},

		{"500", 500, problem("api_error", "", "…"), "", unknown, "500"},
		{"500 again", 500, problem("api_error", "", "…"), "Idempotent-Replayed: true", unknown, "earlier"},
		{"502 HTML", 502, "<html>", "", unknown, "502"},
		{"503 without error", 503, "{}", "Retry-After: 7", unknown, "503"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var e *agent.Entry
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if k, v, ok := strings.Cut(tt.header, ": "); ok {
					w.Header().Set(k, v)
				}
				w.Header().Set("Request-Id", "req_1")
				w.WriteHeader(tt.status)
				body := strings.ReplaceAll(tt.body, "TS", fmt.Sprint(e.Timestamp))
				_, _ = w.Write([]byte(strings.ReplaceAll(body, "ID", e.Identifier)))
			})
			b := biller(t, Options{APIBase: url})
			e = entry(b, t)
			o := b.Send(t.Context(), e)
			wantVerdict(t, o, tt.want)
			if !strings.Contains(o.Reason, tt.reason) {
				t.Errorf("the reason is %q, want %q in it", o.Reason, tt.reason)
			}
			if strings.Contains(o.Reason, "Fake") {
				t.Errorf("the reason shows a part of the key: %q", o.Reason)
			}
			if o.RequestID != "req_1" || o.Time.IsZero() {
				t.Errorf("request id %q at %v, want both of the answer", o.RequestID, o.Time)
			}
			if (o.RetryAfter > 0) != strings.HasPrefix(tt.header, "Retry-After") {
				t.Errorf("retry after %v with the header %q", o.RetryAfter, tt.header)
			}
			if o.Replayed != (strings.HasPrefix(tt.header, "Idempotent") || tt.name == "idempotency") {
				t.Errorf("replayed is %v with the header %q", o.Replayed, tt.header)
			}
		})
	}
}

func TestLongAnswerIsUnknown(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := make([]byte, 1<<16)
		for range maxAnswer/len(chunk) + 16 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	b := biller(t, Options{APIBase: url})
	wantVerdict(t, b.Send(t.Context(), entry(b, t)), agent.VerdictUnknown)
}

// No answer, however strange, may panic or be taken for acceptance.
func FuzzAnswer(f *testing.F) {
	f.Add(uint16(200), []byte(`{"object":"billing.meter_event","identifier":1}`))
	f.Add(uint16(400), []byte(`{"error":{"message":"An event already exists with identifier "}}`))
	f.Add(uint16(500), []byte(`{"error":{"type":"api_error"}}`))
	f.Add(uint16(403), []byte(`{"error":{"message":"rak_ rak_x sk_test_ rak_"}}`))
	f.Add(uint16(429), []byte(`{"error":{"code":"lock_timeout"}}`))
	f.Add(uint16(200), []byte(`null`))
	f.Add(uint16(0), []byte(`{"object":"list","has_more":true,"data":[]}`))
	f.Add(uint16(0), []byte(`{"object":"list","has_more":false,"data":[null]}`))
	f.Add(uint16(0), []byte(`{"object":"list","has_more":true,"data":[null,{"id":"mtr_1","customer_mapping":null}]}`))
	f.Add(uint16(0), []byte(`{"object":"account","id":"acct_1","settings":null}`))
	var status int
	var body []byte
	url := serve(f, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write(body)
	})
	b := biller(f, Options{APIBase: url})
	e := entry(b, f)
	f.Fuzz(func(t *testing.T, s uint16, answer []byte) {
		status, body = 200+int(s%400), answer
		o := b.Send(t.Context(), e)
		if o.Verdict == agent.VerdictAccepted || o.Verdict == agent.VerdictDuplicate && !strings.Contains(string(answer), "already") {
			t.Errorf("HTTP %d %q is %s", status, answer, verdicts[o.Verdict])
		}
		if n, err := b.Summary(t.Context(), e, e.Time(), e.Time().Add(60e9)); err == nil && n != 0 {
			t.Errorf("HTTP %d %q sums to %d", status, answer, n)
		}
		b.Check(t.Context())
	})
}
