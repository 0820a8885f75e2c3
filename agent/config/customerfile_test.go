package config

import (
	"maps"
	"strings"
	"testing"
)

func TestReadCustomers(t *testing.T) {
	tests := []struct {
		text, wrong string
		want        map[string]string
	}{
		{"", "", map[string]string{}},
		{"acme,cus_A\n\"a,b\",cus_B\n# a comment\n\n mail@x , cus_C \n", "", map[string]string{"acme": "cus_A", "a,b": "cus_B", "mail@x": "cus_C"}},
		{"\ufeffvalue,customer\r\nacme,cus_A\r\n", "", map[string]string{"acme": "cus_A"}},
		{"acme,cus_A", "", map[string]string{"acme": "cus_A"}},
		{"acme\n", "c.csv:1: has 1 fields", nil},
		{"a,cus_A\nacme,cus_A,x\n", "c.csv:2: has 3 fields", nil},
		{"acme,acct_1\n", `c.csv:1: "acct_1" isn't a Stripe customer`, nil},
		{"acme,cus_A\nvalue,customer\n", `c.csv:2: "customer" isn't`, nil},
		{"acme,cus_A\n\nacme,cus_B\n", `c.csv:3: "acme" stands on line 1`, nil},
		{"-,cus_A\n", "c.csv:1: \"-\" is what a line without", nil},
		{"a,cus_A\n\"acme,cus_A\n", "c.csv:", nil},
		{"a,sk_live_4eC39HqLyjWDarjtT1zdp7dc\n", "sk_live_***", nil},
	}
	for _, tt := range tests {
		got, err := ReadCustomers("c.csv", strings.NewReader(tt.text))
		switch {
		case tt.wrong == "" && (err != nil || !maps.Equal(got, tt.want)):
			t.Errorf("%q: got %v, %v; want %v", tt.text, got, err, tt.want)
		case tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), tt.wrong)):
			t.Errorf("%q: got %v, want %q", tt.text, err, tt.wrong)
		}
	}
}
