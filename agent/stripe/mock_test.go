package stripe

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

// stripeMock starts Stripe's own stripe-mock, which checks requests against
// the published API but keeps nothing: $STRIPE_MOCK, or the one in PATH.
func stripeMock(t *testing.T) (url string) {
	t.Helper()
	bin := os.Getenv("STRIPE_MOCK")
	if bin == "" {
		var err error
		if bin, err = exec.LookPath("stripe-mock"); err != nil {
			t.Skip("SKIPPED: no stripe-mock; `go install github.com/stripe/stripe-mock@v0.190.0`, then put it in PATH or $STRIPE_MOCK")
		}
	}
	cmd := exec.CommandContext(t.Context(), bin, "-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	address := regexp.MustCompile(`HTTP at address: (127\.0\.0\.1:\d+)`)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if m := address.FindStringSubmatch(lines.Text()); m != nil {
			return "http://" + m[1]
		}
	}
	t.Fatal("stripe-mock says no address")
	return ""
}

// Every call that this package makes is one that the published API has, with
// parameters that it takes, and its answers decode.
func TestContractWithStripeMock(t *testing.T) {
	t.Parallel()
	b := biller(t, Options{APIBase: stripeMock(t), Key: "sk_test_123"})

	meters, err := b.listMeters(t.Context())
	if err != nil || len(meters) == 0 || meters[0].customerKey == "" || meters[0].valueKey == "" || meters[0].mapping != "by_id" {
		t.Fatalf("got %+v, %v; want a meter", meters, err)
	}
	acct := Report{}
	if !b.checkAccount(t.Context(), &acct) || !strings.HasPrefix(acct.Account, "acct_") {
		t.Errorf("got %+v, want an account", acct)
	}
	var r Report
	b.checkWrite(t.Context(), &r)
	if r.Worst() != OK {
		t.Errorf("the request without an event: %+v", r)
	}

	e := entry(b, t)
	wantVerdict(t, b.Send(t.Context(), e), agent.VerdictAccepted)

	if err := b.takeBack(t.Context(), e, func(string) {}); err != nil {
		t.Errorf("cancel: %v", err)
	}

	b.catalogue.meters, b.catalogue.refused = []settings{settingsOf(meterOf(event, "sum"))}, false
	// The answer is well-formed, but a canned one, of a time of its own.
	n, err := b.Summary(t.Context(), e, e.Time(), e.Time().Add(time.Minute))
	if err == nil || !strings.Contains(err.Error(), "another time or mode") {
		t.Errorf("got %d, %v", n, err)
	}
	if _, err := b.readInvoices(t.Context(), "cus_1"); err != nil {
		t.Errorf("invoices: %v", err)
	}
	hours, err := b.Hours(t.Context(), event, "cus_1", e.Window-100, e.Window)
	if err == nil || !strings.Contains(err.Error(), "another time or mode") {
		t.Errorf("got %v, %v", hours, err)
	}
}

// The fake describes its objects with all the fields that the published API
// says are there.
func TestFakeHasTheFieldsOfStripeMock(t *testing.T) {
	t.Parallel()
	mock := stripeMock(t)
	s := stripetest.New(t, event)
	b := billerOf(t, s)
	wantVerdict(t, b.Send(t.Context(), entry(b, t)), agent.VerdictAccepted)
	e := entry(b, t)
	span := "customer=cus_1&start_time=" + itoa(e.Timestamp) + "&end_time=" + itoa(e.Timestamp+60)
	for _, path := range []string{
		"/v1/billing/meters/mtr_1", "/v1/billing/meters?limit=1", "/v1/billing/meters/mtr_1/event_summaries?" + span,
	} {
		theirs, ours := get(t, mock+path, "sk_test_123"), get(t, s.URL+path, s.Key)
		wantFields(t, path, theirs, ours)
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func get(t *testing.T, url, key string) any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var v any
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, resp.Status, err)
	}
	return v
}

// wantFields reports the fields of theirs that ours lacks.
func wantFields(t *testing.T, path string, theirs, ours any) {
	t.Helper()
	switch theirs := theirs.(type) {
	case map[string]any:
		ours, ok := ours.(map[string]any)
		if !ok {
			t.Errorf("%s: got %T, want an object", path, ours)
			return
		}
		for k, v := range theirs {
			if _, ok := ours[k]; !ok {
				t.Errorf("%s lacks %s", path, k)
				continue
			}
			wantFields(t, path+" "+k, v, ours[k])
		}
	case []any:
		ours, ok := ours.([]any)
		if !ok || len(theirs) > 0 && len(ours) == 0 {
			t.Errorf("%s: got %v, want a list with items", path, ours)
			return
		}
		if len(theirs) > 0 {
			wantFields(t, path+"[]", theirs[0], ours[0])
		}
	}
}
