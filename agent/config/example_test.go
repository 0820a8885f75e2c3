package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func readExample(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../agent.toml.example")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// commentedOut matches a setting that is commented out: # and no blank.
var commentedOut = regexp.MustCompile(`(?m)^#([^ \n])`)

func TestExampleLoads(t *testing.T) {
	t.Setenv("LOGMETER_INSTANCE", "test")
	t.Setenv("STRIPE_API_KEY", "")
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	c, err := Load("../../agent.toml.example")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Warnings(); len(got) != 0 {
		t.Errorf("the example gives warnings: %q", got)
	}
	if err := c.CheckRun(); err != nil {
		t.Errorf("the example can't run: %v", err)
	}
}

// Every setting that is commented out shows its default, but for those that
// have none, so uncommenting it changes nothing.
func TestExampleUncommentedParses(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "stripe.key")
	writeFile(t, key, "sk_test_abc\n", 0o600)
	text := commentedOut.ReplaceAllString(readExample(t), "$1")
	text = strings.ReplaceAll(text, "/etc/logmeter/stripe.key", key)
	c := parseOK(t, text, nil)
	if got, want := len(c.Meter), 4; got != want {
		t.Errorf("meters = %d, want %d", got, want)
	}
	if got, want := len(c.Customers.Map), 2; got != want {
		t.Errorf("customers = %d, want %d", got, want)
	}
	plain := parseOK(t, readExample(t), nil)
	edge := c.Source["edge"]
	edge.CustomerPrefix = "" // there is none by default
	if c.StateDir != plain.StateDir || c.Report != plain.Report || c.Stripe.Live != plain.Stripe.Live ||
		c.Stripe.APIBase != plain.Stripe.APIBase || c.Stripe.ReadBudget != plain.Stripe.ReadBudget || edge != plain.Source["edge"] {
		t.Error("a setting that is commented out in the example doesn't show its default")
	}
	for _, w := range c.Warnings() {
		if !strings.Contains(w, "is the example's customer") && !strings.HasSuffix(w, "no source uses this format") {
			t.Errorf("unexpected warning: %s", w)
		}
	}
}

func TestExampleHasEveryKey(t *testing.T) {
	text := commentedOut.ReplaceAllString(readExample(t), "$1")
	r := &reader{file: "agent.toml.example"}
	top, ok := r.decode(text)
	if !ok {
		t.Fatal(r.problems)
	}
	for _, k := range keys {
		if !holds(top.values, strings.Split(k.name, ".")) {
			t.Errorf("agent.toml.example doesn't show %s", k.name)
		}
	}
}

// holds reports whether a dotted key is there, with any name for NAME.
func holds(values map[string]any, key []string) bool {
	for name, v := range values {
		if name != key[0] && key[0] != anyName {
			continue
		}
		if len(key) == 1 {
			return true
		}
		if sub, ok := v.(map[string]any); ok && holds(sub, key[1:]) {
			return true
		}
	}
	return false
}
