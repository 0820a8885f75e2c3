package agent

import "testing"

func TestNaming(t *testing.T) {
	line := []byte("1 /score 200 acme")
	name := func(n Naming, line []byte) string {
		var rec Record
		must(t, n.Parser(wordParser{}).Parse(line, &rec))
		return string(rec.Customer)
	}
	if got := name(Naming{}, line); got != "acme" {
		t.Errorf("without a naming: %q", got)
	}
	if got := name(Naming{Prefix: "eu:"}, line); got != "eu:acme" {
		t.Errorf("with a prefix: %q", got)
	}
	secret := Naming{Key: []byte("key")}
	// echo -n acme | openssl dgst -sha256 -hmac key
	got := name(secret, line)
	if want := "h-2a0c2d9f96b5b1a7675b436bb43ee0c0"; got != want {
		t.Errorf("hashed: got %q, want %q", got, want)
	}
	if secret.Hash("acme") != got || secret.Hash("acmf") == got || (Naming{Key: []byte("kez")}).Hash("acme") == got {
		t.Error("the hash isn't a function of the value and the key")
	}
	if a, b := (Naming{Prefix: "eu:", Key: []byte("key")}).Hash("acme"), secret.Hash("eu:acme"); a != b {
		t.Errorf("a prefix is hashed with the value: %s, %s", a, b)
	}
	if got := name(secret, []byte("1 /score 200 ")); got != "" {
		t.Errorf("no customer becomes %q", got)
	}
	var rec Record
	if err := secret.Parser(wordParser{}).Parse([]byte("x"), &rec); err == nil {
		t.Error("a refusal is lost")
	}
}

func TestNamingAllocatesNothing(t *testing.T) {
	fixed := &Record{Customer: []byte("sk_live_something_long")}
	n := Naming{Prefix: "eu:", Key: []byte("key")}.namer(nil)
	n.name(fixed.Customer)
	if got := testing.AllocsPerRun(100, func() { n.name(fixed.Customer) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}
