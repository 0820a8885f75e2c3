package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

func TestProcess(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "totals.json")
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-meters", "calls,other", "-key", "sk_test_x", "-totals", file}, w)
	}()
	base, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	base = strings.TrimSpace(base)
	call := func(method, path, body string, into any) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer sk_test_x")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %s", method, path, resp.Status)
		}
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	var event map[string]any
	call(http.MethodPost, "/v1/billing/meter_events",
		url.Values{"event_name": {"calls"}, "payload[stripe_customer_id]": {"cus_1"}, "payload[value]": {"42"}}.Encode(), &event)
	var totals []stripetest.Total
	call(http.MethodGet, "/_test/totals", "", &totals)
	if len(totals) != 1 || totals[0].Value != 42 || totals[0].Customer != "cus_1" {
		t.Errorf("got %+v, want 42 of cus_1", totals)
	}
	var stats stripetest.Stats
	call(http.MethodGet, "/_test/stats", "", &stats)
	if stats.Accepted != 1 {
		t.Errorf("got %+v, want one accepted", stats)
	}
	var now time.Time
	call(http.MethodPost, "/_test/advance?d=25h", "", &now)
	if ahead := time.Until(now); ahead < 24*time.Hour {
		t.Errorf("the clock is %v ahead, want 25h", ahead)
	}

	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var last []stripetest.Total
	if err := json.Unmarshal(written, &last); err != nil || len(last) != 1 || last[0] != totals[0] {
		t.Errorf("the file has %s, %v; want %+v", written, err, totals)
	}
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-listen", "nowhere:x"}, {"-faults", "many"}} {
		if err := run(t.Context(), args, io.Discard); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
