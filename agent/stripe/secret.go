package stripe

import (
	"fmt"
	"strings"
)

// Secret is a Stripe API key. Every way of printing or encoding it gives ***
// (but %p, which vet refuses); string(s) is the only way to the key itself.
type Secret string

const masked = "***"

func (Secret) String() string { return masked }

// GoString hides the key from %#v.
func (Secret) GoString() string { return masked }

// Format hides the key from every verb, also from those that don't fit.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(masked)) }

// MarshalText hides the key from JSON, TOML and slog.
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// keyPrefixes begin the keys that can send usage.
var keyPrefixes = []string{"sk_test_", "rk_test_", "sk_live_", "rk_live_"}

// live reports the mode that a key is for.
func (s Secret) live() bool { return strings.HasPrefix(s.kind(), "sk_live_") || s.kind() == "rk_live_" }

// restricted reports whether the key has permissions of its own.
func (s Secret) restricted() bool { return strings.HasPrefix(s.kind(), "rk_") }

// kind returns the key's prefix, "" when it is none that can send usage.
func (s Secret) kind() string {
	for _, p := range keyPrefixes {
		if strings.HasPrefix(string(s), p) {
			return p
		}
	}
	return ""
}

// check tells what is wrong with a key, without showing any of it.
func (s Secret) check() error {
	const want = "want a secret or restricted key that begins with sk_test_, rk_test_, sk_live_ or rk_live_"
	switch {
	case s == "":
		return fmt.Errorf("no API key; %s", want)
	case strings.HasPrefix(string(s), "pk_"):
		return fmt.Errorf("the API key is a publishable one (pk_), which can't send usage; %s", want)
	case s.kind() == "":
		return fmt.Errorf("the API key isn't one that can send usage; %s", want)
	}
	if len(s) == len(s.kind()) {
		return fmt.Errorf("the API key ends after its prefix; %s", want)
	}
	for i := range len(s) {
		if !isWord(s[i]) {
			return fmt.Errorf("byte %d of the API key is neither letter, digit nor _; copy the key again, without spaces or quotes", i+1)
		}
	}
	return nil
}

// scrub makes text from outside fit for logs and reasons: it hides secrets,
// replaces control bytes and cuts what is long.
func scrub(text string) string {
	const longest = 300
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, hideSecrets(strings.ToValidUTF8(text, "?")))
	if len(text) > longest {
		return strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}

// hideSecrets masks whatever looks like a Stripe key or webhook secret.
// Stripe's own messages show a part of the key.
func hideSecrets(text string) string {
	var b strings.Builder
	inWord := false
	for i := 0; i < len(text); {
		if n := secretLen(text[i:]); n > 0 && !inWord {
			b.WriteString(masked)
			i += n
			continue
		}
		inWord = isWord(text[i])
		b.WriteByte(text[i])
		i++
	}
	return b.String()
}

// secretLen returns the length of the secret that text begins with, or 0.
func secretLen(text string) int {
	for _, p := range [...]string{"sk_", "rk_", "pk_", "whsec_"} {
		if !strings.HasPrefix(text, p) {
			continue
		}
		n := len(p)
		for n < len(text) && (isWord(text[n]) || text[n] == '*') {
			n++
		}
		return n
	}
	return 0
}

// isWord reports whether c may stand in Stripe's ids and keys.
func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}
