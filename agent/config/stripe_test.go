package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestStripeKey(t *testing.T) {
	dir := t.TempDir()
	creds := filepath.Join(dir, "creds")
	unset := filepath.Join(dir, "unset")
	for _, d := range []string{creds, unset} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(creds, "stripe.key"), "rk_test_fromcreds\n", 0o400)
	writeFile(t, filepath.Join(unset, "stripe.key"), "unset", 0o400)
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		writeFile(t, path, text, mode)
		return fmt.Sprintf("api_key_file = %q\n", path)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	good := file("good", "  sk_test_fromfile \n", 0o640)
	const noKey = ""
	tests := []struct {
		name, text string
		env        []string
		key        Secret
		says       string // part of the problem or of the warning; "" for none
	}{
		{"no key", "", nil, noKey, ""},
		{"file", good, nil, "sk_test_fromfile", ""},
		{"file before environment", good, []string{"STRIPE_API_KEY=sk_test_env"}, "sk_test_fromfile", "STRIPE_API_KEY is set too, and not used"},
		{"environment", "", []string{"STRIPE_API_KEY=sk_test_env", "CREDENTIALS_DIRECTORY=" + creds}, "sk_test_env", ""},
		{"empty environment", "", []string{"STRIPE_API_KEY= ", "CREDENTIALS_DIRECTORY=" + creds}, "rk_test_fromcreds", ""},
		{"credential", "", []string{"CREDENTIALS_DIRECTORY=" + creds}, "rk_test_fromcreds", ""},
		{"credential unset", "", []string{"CREDENTIALS_DIRECTORY=" + unset}, noKey, ""},
		{"credential absent", "", []string{"CREDENTIALS_DIRECTORY=" + dir}, noKey, ""},
		{"live", "live = true\n", []string{"STRIPE_API_KEY=rk_live_a1B2"}, "rk_live_a1B2", ""},

		{"wide mode", file("wide", "sk_test_wide", 0o644), nil, "sk_test_wide", "has mode 0644: others on this machine can read or change the key\n  hint: chmod 0640, or 0600"},
		{"group writes", file("group", "sk_test_group", 0o660), nil, "sk_test_group", "has mode 0660"},

		{"live key, live not said", "", []string{"STRIPE_API_KEY=sk_live_dead"}, noKey, ":2: stripe.live: the key from STRIPE_API_KEY is a live key, but live isn't true\n  hint: to bill real money, write live = true"},
		{"live key, live = false", good + "live = false\n", nil, "sk_test_fromfile", ""},
		{"test key, live = true", "\n" + good + "live = true\n", nil, noKey, ":5: stripe.live: the key from " + dir + "/good is a test key, but live = true\n  hint: to bill real money, put in a live key"},
		{"publishable", "", []string{"STRIPE_API_KEY=pk_live_dead"}, noKey, "is a publishable key"},
		{"webhook secret", "", []string{"STRIPE_API_KEY=whsec_dead"}, noKey, "is the secret of a webhook"},
		{"organisation", "", []string{"STRIPE_API_KEY=sk_org_live_dead"}, noKey, "isn't one of Stripe's; want a secret or restricted key: sk_test_…"},
		{"prefix alone", "", []string{"STRIPE_API_KEY=sk_live_"}, noKey, "isn't one of Stripe's"},
		{"two lines", file("two", "sk_test_dead\nsk_test_dead\n", 0o600), nil, noKey, "has blanks or several lines"},
		{"empty file", file("empty", "\n", 0o600), nil, noKey, "is empty; want a file that holds the API key alone"},
		{"absent file", `api_key_file = "absent.key"`, nil, noKey, `"/etc/logmeter/absent.key" isn't there; want a file that holds the API key alone` + "\n  hint: to count without billing yet"},
		{"directory", fmt.Sprintf("api_key_file = %q", dir), nil, noKey, "can't be read: not a regular file"},
		{"pipe", fmt.Sprintf("api_key_file = %q", fifo), nil, noKey, "can't be read: not a regular file"},
		{"large file", file("large", strings.Repeat("sk_test_dead", 1000), 0o600), nil, noKey, "far too large for a key"},
		{"the key itself", `api_key_file = "sk_live_dead"`, nil, noKey, "is the key itself; want the path of a file that holds it"},
		{"the key in a path", `api_key_file = "/x/sk_live_dead"`, nil, noKey, `"/x/sk_live_***" isn't there`},
		{"wrong type", "api_key_file = 1", []string{"STRIPE_API_KEY=sk_test_env"}, noKey, "is a whole number"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse("/etc/logmeter/agent.toml", []byte("\n[stripe]\n"+tt.text), environ(append(tt.env, "LOGMETER_INSTANCE=x")))
			said := ""
			if err != nil {
				said = err.Error()
			} else {
				said = strings.Join(c.Warnings(), "\n")
				if c.Stripe.Key != tt.key || c.HasKey() != (tt.key != noKey) || c.HasKey() != (c.Stripe.KeyFrom != "") {
					t.Errorf("key = %q from %q, want %q", string(c.Stripe.Key), c.Stripe.KeyFrom, string(tt.key))
				}
			}
			if err != nil && tt.key != noKey || !strings.Contains(said, tt.says) || tt.says == "" && said != "" {
				t.Errorf("said %q, want %q", said, tt.says)
			}
			if strings.Contains(said, "dead") || strings.Contains(said, "from"+"file") {
				t.Errorf("a message shows the key: %s", said)
			}
		})
	}
}

func TestStripeKeyPermission(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root can read every file")
	}
	path := filepath.Join(t.TempDir(), "stripe.key")
	writeFile(t, path, "sk_test_x", 0)
	_, err := Parse("agent.toml", []byte(fmt.Sprintf("instance = 'x'\n[stripe]\napi_key_file = %q", path)), environ(nil))
	if err == nil || !strings.Contains(err.Error(), "chown root:logmeter, chmod 0640") {
		t.Errorf("got %v", err)
	}
}

func TestStripeBase(t *testing.T) {
	for _, tt := range []struct{ base, want, says string }{
		{"https://api.stripe.com", "https://api.stripe.com", ""},
		{"https://api.stripe.com/", "https://api.stripe.com", ""},
		{"https://proxy.example:8443", "https://proxy.example:8443", "not to Stripe"},
		{"http://127.0.0.1:12111", "http://127.0.0.1:12111", "not to Stripe"},
		{"http://[::1]:1/", "http://[::1]:1", "not to Stripe"},
		{"http://localhost:1", "http://localhost:1", "not to Stripe"},
		{"http://10.0.0.1", "", "in the clear"},
		{"http://localhost.example.com", "", "in the clear"},
		{"http://127.0.0.1.example.com", "", "in the clear"},
		{"https://user:secret@api.stripe.com", "", "more than a scheme"},
		{"https://api.stripe.com/v1", "", "more than a scheme"},
		{"https://api.stripe.com?x", "", "more than a scheme"},
		{"api.stripe.com", "", "isn't an address"},
		{"ftp://api.stripe.com", "", "isn't an address"},
		{"https://", "", "isn't an address"},
		{"https://%zz", "", "isn't an address"},
	} {
		c, err := Parse("agent.toml", []byte(fmt.Sprintf("[stripe]\napi_base = %q", tt.base)), environ([]string{"LOGMETER_INSTANCE=x"}))
		switch {
		case tt.want == "":
			if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %v, want %q", tt.base, err, tt.says)
			}
		case err != nil:
			t.Errorf("%s: %v", tt.base, err)
		case c.Stripe.APIBase != tt.want || !strings.Contains(strings.Join(c.Warnings(), ""), tt.says):
			t.Errorf("%s: base %q, warnings %q", tt.base, c.Stripe.APIBase, c.Warnings())
		}
	}
}
