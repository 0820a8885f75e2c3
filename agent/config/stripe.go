package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// maxKey is the size in bytes above which a file can't be one with an API key.
const maxKey = 4096

// stripe reads the table [stripe] and finds the API key.
func (t table) stripe(c *Stripe) {
	t.flag("live", &c.Live)
	t.number("read_budget", &c.ReadBudget, 1000, 1_000_000_000)
	if t.str("api_base", &c.APIBase) {
		t.checkBase(c)
	}
	var file string
	given := t.str("api_key_file", &file)
	var text string
	switch inEnv := t.r.env("STRIPE_API_KEY"); {
	case given:
		if inEnv != "" {
			t.warn("api_key_file", "STRIPE_API_KEY is set too, and not used: this file comes first", "")
		}
		if _, _, ok := cutKind(file); ok {
			t.fault("api_key_file", "is the key itself; want the path of a file that holds it")
			return
		}
		file = t.path("api_key_file", file)
		text, c.KeyFrom = t.keyFile(file), file
	case t.has("api_key_file"): // of a wrong type
		return
	case strings.TrimSpace(inEnv) != "":
		text, c.KeyFrom = inEnv, "STRIPE_API_KEY"
	default:
		text, c.KeyFrom = t.credential()
	}
	c.Key = Secret(strings.TrimSpace(text))
	if c.Key == "" {
		c.KeyFrom = ""
		return
	}
	t.checkKey(c)
}

// keyFile returns the text of the file with the key. What is wrong with it is
// reported, and the text then empty.
func (t table) keyFile(path string) string {
	text, mode, err := readKey(path)
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.hint("api_key_file", fmt.Sprintf("%s isn't there; want a file that holds the API key alone", show(path)), "to count without billing yet, take the line out: usage is kept and sent once there is a key")
	case errors.Is(err, fs.ErrPermission):
		t.hint("api_key_file", fmt.Sprintf("%s can't be read: %v", show(path), err), "the file must be readable for the user that logmeter runs as: chown root:logmeter, chmod 0640")
	case err != nil:
		t.fault("api_key_file", "%s can't be read: %v; want a file that holds the API key alone", show(path), err)
	case strings.TrimSpace(text) == "":
		t.fault("api_key_file", "%s is empty; want a file that holds the API key alone", show(path))
	case mode.Perm()&0o037 != 0:
		// No error: Docker and Kubernetes mount secrets readable for all.
		t.warn("api_key_file", fmt.Sprintf("%s has mode %04o: others on this machine can read or change the key", show(path), mode.Perm()), "chmod 0640, or 0600")
	}
	return text
}

// readKey reads a small regular file. It doesn't wait on a pipe or a device.
func readKey(path string) (string, fs.FileMode, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", 0, err
	}
	if !info.Mode().IsRegular() {
		return "", 0, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKey+1))
	if err != nil {
		return "", 0, err
	}
	if len(text) > maxKey {
		return "", 0, errors.New("far too large for a key")
	}
	return string(text), info.Mode(), nil
}

// credential returns the key that systemd hands over, "" when there is none.
// A unit that loads a credential from a file that may be absent needs some
// text in its place; "unset" is that text.
func (t table) credential() (text, from string) {
	dir := t.r.env("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return "", ""
	}
	text, _, err := readKey(filepath.Join(dir, "stripe.key"))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			t.fault("api_key_file", "isn't given, and systemd's credential stripe.key can't be read: %v", err)
		}
		return "", ""
	}
	if strings.TrimSpace(text) == "unset" {
		return "", ""
	}
	return text, "systemd's credential stripe.key"
}

// checkKey looks at the shape of the key and whether it fits live. No message
// shows any of it but its kind.
func (t table) checkKey(c *Stripe) {
	const accepted = "want a secret or restricted key: sk_test_…, rk_test_…, sk_live_… or rk_live_…"
	key := "api_key_file"
	from := "the key from " + c.KeyFrom
	kind, rest, ok := cutKind(string(c.Key))
	switch {
	case strings.HasPrefix(string(c.Key), "pk_"):
		t.fault(key, "%s is a publishable key, which can't bill; %s", from, accepted)
	case strings.HasPrefix(string(c.Key), "whsec_"):
		t.fault(key, "%s is the secret of a webhook; %s", from, accepted)
	case strings.ContainsAny(string(c.Key), " \t\r\n"):
		t.fault(key, "%s has blanks or several lines; want the key alone", from)
	case !ok || !isWord(rest):
		t.fault(key, "%s isn't one of Stripe's; %s", from, accepted)
	case kind == "live" && !c.Live:
		t.hint("live", from+" is a live key, but live isn't true", "to bill real money, write live = true; to try things out, use a test key (sk_test_… or rk_test_…)")
	case kind == "test" && c.Live:
		t.hint("live", from+" is a test key, but live = true", "to bill real money, put in a live key (sk_live_… or rk_live_…); to try things out, write live = false")
	}
}

// cutKind cuts a key into "live" or "test" and what makes it secret.
func cutKind(key string) (kind, rest string, ok bool) {
	parts := strings.SplitN(key, "_", 3)
	if len(parts) < 3 || parts[0] != "sk" && parts[0] != "rk" || parts[1] != "live" && parts[1] != "test" {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// checkBase looks at the address of the API. The key is sent there.
func (t table) checkBase(c *Stripe) {
	u, err := url.Parse(c.APIBase)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		t.fault("api_base", "isn't an address; want https://HOST")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		t.fault("api_base", "has more than a scheme, a host and a port; want https://HOST")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		t.fault("api_base", "would send the API key over the network in the clear; want https, or http on this machine alone (127.0.0.1)")
	default:
		c.APIBase = u.Scheme + "://" + u.Host
		if c.APIBase != stripeAPI {
			t.warn("api_base", "usage and the API key go to "+c.APIBase+", not to Stripe", "this is for tests; take the line out to bill")
		}
	}
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
