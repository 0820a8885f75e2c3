package main

import (
	"strings"
	"testing"

	"github.com/logmeter/logmeter/agent"
)

func TestWriteFinding(t *testing.T) {
	var b strings.Builder
	writeFinding(&b, agent.Finding{Severity: agent.Warning, Text: "one\ntwo \x1b[31m", Hint: "do this"})
	if got, want := b.String(), "warning  one\n         two \uFFFD[31m\n         hint: do this\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestCustomerRank: of several variables the one is suggested that callers
// can't write.
func TestCustomerRank(t *testing.T) {
	order := []string{"$upstream_http_x_customer_id", "$jwt_claim_sub", "$ssl_client_s_dn", "$http_x_customer_id", "$arg_account", "$remote_user"}
	for i, name := range order[1:] {
		if a, b := customerRank(order[i], false), customerRank(name, false); a <= b || b == 0 {
			t.Errorf("%s has rank %d, %s has %d", order[i], a, name, b)
		}
	}
	if customerRank("$http_x_customer_id", false) >= safeRank || customerRank("$ssl_client_s_dn", false) < safeRank {
		t.Error("a header of the caller is safe, or a certificate isn't")
	}
	if customerRank("$billing_customer", true) < safeRank || customerRank("$billing_customer", false) != 0 {
		t.Error("a map's variable is worth nothing, or an unknown one something")
	}
	for _, name := range []string{"$request", "$http_user_agent", "$upstream_http_etag"} {
		if r := customerRank(name, false); r != 0 {
			t.Errorf("%s has rank %d", name, r)
		}
	}
}
