package admin

import "unicode/utf8"

// Logged is a customer as a log has it, which can be any bytes: JSON holds it
// as customer, or as customer_b64 when it isn't UTF-8.
type Logged struct {
	Customer    *string `json:"customer"`
	CustomerB64 []byte  `json:"customer_b64,omitempty"`
}

func logged(s string) Logged {
	if !utf8.ValidString(s) {
		return Logged{CustomerB64: []byte(s)}
	}
	return Logged{Customer: &s}
}

// Name returns the customer's bytes.
func (l Logged) Name() string {
	if l.Customer != nil {
		return *l.Customer
	}
	return string(l.CustomerB64)
}
