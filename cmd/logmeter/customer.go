package main

import (
	"slices"
	"strings"

	"github.com/logmeter/logmeter/agent/host"
	"github.com/logmeter/logmeter/parsers"
)

// safeRank is the lowest rank of a variable that callers can't write.
const safeRank = 10

// customerWords are what a variable that says who is billed is called.
var customerWords = []string{"customer", "tenant", "account", "consumer", "subscriber", "billing", "merchant", "partner", "client_id", "org", "user_id", "api_key", "apikey"}

// customer guesses which variable of a format says who is billed, and how good
// a guess it is: safeRank or more when callers can't write it, 0 without one.
func (p *paster) customer(f host.LogFormat) (name string, rank int) {
	format, err := parsers.Compile(parsers.Spec{Nginx: f.Directive(), AcceptAmbiguous: true})
	if err != nil {
		return "", 0
	}
	for _, v := range format.Variables() {
		if r := customerRank(v, slices.Contains(p.n.Custom, v)); r > rank {
			name, rank = v, r
		}
	}
	return name, rank
}

// customerRank says how likely a variable of nginx is to be the customer, and
// how well it can be trusted. custom says that the configuration sets it.
func customerRank(name string, custom bool) int {
	name = strings.ToLower(name)
	word := 0
	for i, w := range customerWords {
		if strings.Contains(name, w) {
			word = len(customerWords) - i
			break
		}
	}
	const perClass = 20
	switch {
	case word > 0 && (custom || strings.HasPrefix(name, "$upstream_http_") || strings.HasPrefix(name, "$sent_http_")):
		return safeRank + 2*perClass + word
	case name == "$jwt_claim_sub", word > 0 && strings.HasPrefix(name, "$jwt_claim_"):
		return safeRank + perClass + word
	case name == "$ssl_client_s_dn", name == "$ssl_client_s_dn_legacy", name == "$ssl_client_serial":
		return safeRank
	case word > 0 && (strings.HasPrefix(name, "$http_") || strings.HasPrefix(name, "$arg_") || strings.HasPrefix(name, "$cookie_")):
		return 2 + word*(safeRank-3)/len(customerWords)
	case name == "$remote_user":
		return 1
	}
	return 0
}
