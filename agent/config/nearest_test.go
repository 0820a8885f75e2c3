package config

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	words := []string{"path", "format", "start", "api_key_file", "customer", "customer_verified"}
	for _, tt := range []struct{ word, want string }{
		{"pth", "path"},
		{"Path", "path"},
		{"paht", "path"},
		{"fromat", "format"},
		{"stat", "start"},
		{"api-key-file", "api_key_file"},
		{"apikeyfile", "api_key_file"},
		{"customer_id", "customer"},
		{"customers_verified", "customer_verified"},
		{"x", ""},
		{"", ""},
		{"window", ""},
		{strings.Repeat("path", 1000), ""},
	} {
		if got := nearest(tt.word, words); got != tt.want {
			t.Errorf("nearest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "abc", 0},
		{"abc", "abd", 1},
		{"abc", "ac", 1},
		{"abc", "acb", 1},
		{"ca", "abc", 3},
		{"kitten", "sitting", 3},
	} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := distance(tt.b, tt.a); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}
