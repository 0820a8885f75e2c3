package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	const key = "sk_live_deadbeef"
	c := Default()
	c.Stripe.Key = key
	var out bytes.Buffer
	// Not %p and %w, which fmt answers without asking the value; vet refuses them.
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%20s", "%.3s"} {
		fmt.Fprintf(&out, verb+"\n", c.Stripe.Key)
		fmt.Fprintf(&out, verb+"\n", c.Stripe)
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", &c)
		fmt.Fprintf(&out, verb+"\n", []Secret{c.Stripe.Key})
		fmt.Fprintf(&out, verb+"\n", map[Secret]Secret{c.Stripe.Key: c.Stripe.Key})
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("start", "key", c.Stripe.Key, "stripe", c.Stripe, "config", &c)
	}
	if err := json.NewEncoder(&out).Encode(c.Stripe); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	hex := fmt.Sprintf("%x", key)
	if strings.Contains(got, "deadbeef") || strings.Contains(strings.ToLower(got), hex) || !strings.Contains(got, hidden) {
		t.Errorf("printed:\n%s", got)
	}
	if string(c.Stripe.Key) != key {
		t.Error("the key can't be used")
	}
}

func TestClean(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"sk_live_abc", "sk_live_***"},
		{`"/etc/rk_test_abc/x" and whsec_1`, `"/etc/rk_test_***/x" and whsec_***`},
		{"want sk_live_… or rk_test_…", "want sk_live_… or rk_test_…"},
		{"task_live_abc, risk_test_x", "task_live_abc, risk_test_x"},
		{"a\x1b[31mb\nc", "a\ufffd[31mb\ufffdc"},
	} {
		if got := clean(tt.in); got != tt.want {
			t.Errorf("clean(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}
