package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/config"
)

// The map and the file say who is told apart however many invent names; for
// secrets they say it of the hashes, which is what is counted.
func TestKnownCustomers(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "customers.csv")
	if err := os.WriteFile(file, []byte("globex,cus_GlobexGlobex12\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []bool{false, true} {
		c := &config.Config{StateDir: dir, Customers: config.Customers{
			Map: map[string]string{"acme": "cus_AcmeAcmeAcme12"}, File: file, Secret: secret,
		}}
		cs, err := openCustomers(c, nil, true)
		if err != nil {
			t.Fatal(err)
		}
		known, name := cs.known(), func(s string) []byte { return []byte(s) }
		if secret {
			name = func(s string) []byte { return []byte(agent.Naming{Key: cs.key}.Hash(s)) }
		}
		for value, want := range map[string]bool{"acme": true, "globex": true, "invented": false, "": false} {
			if got := known(name(value)); got != want {
				t.Errorf("secret %v: %q is known: %v, want %v", secret, value, got, want)
			}
		}
	}
}
