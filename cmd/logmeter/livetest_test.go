package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

// The live test tells each step, and leaves nothing at Stripe.
func TestDoctorLiveTest(t *testing.T) {
	server := stripetest.NewServer(t, stripetest.Config{}, "calls")
	file := filepath.Join(t.TempDir(), "agent.toml")
	text := "instance = \"edge-1\"\n[meter.calls]\nmatch = { path = \"/v1/*\" }\n[stripe]\napi_base = \"" + server.URL + "\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	test := func(key, customer string) string {
		t.Helper()
		t.Setenv("STRIPE_API_KEY", key)
		var out bytes.Buffer
		o := &options{streams: &streams{out: &out, err: &out}, config: file}
		c, err := o.load()
		if err != nil {
			t.Fatal(err)
		}
		o.liveTest(t.Context(), o.newChecker("text"), c, customer)
		return out.String()
	}
	got := test(server.Key, "cus_1")
	for _, want := range []string{"ok       live test: accepted", "refused as one that Stripe has", "cancelled the event", "live test: Stripe took one event once"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
	if strings.Contains(got, "problem") {
		t.Errorf("got %s", got)
	}
	server.WantUsage("cus_1", "calls", 0)
	for key, want := range map[string]string{"": "there is no Stripe key", server.Key: "acme"} {
		if got := test(key, "acme"); !strings.Contains(got, "problem  live test: ") || !strings.Contains(got, want) {
			t.Errorf("got %q, want a problem with %q", got, want)
		}
	}
}
