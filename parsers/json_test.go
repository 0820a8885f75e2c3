package parsers

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// scanned renders what a scan found.
func scanned(keys []string, line string) string {
	s := newJSONScan(newJSONScanner(keys))
	if err := s.scan([]byte(line)); err != nil {
		return err.Reason
	}
	var out []string
	for i, v := range s.values {
		text := []byte(line)[v.span.from:v.span.to]
		switch v.kind {
		case jsonAbsent:
			continue
		case jsonEscaped:
			var ok bool
			if text, ok = decodeJSON(nil, text); !ok {
				return "bad_escape"
			}
			fallthrough
		case jsonString:
			text = fmt.Appendf(nil, "%q", text)
		}
		out = append(out, fmt.Sprintf("%s=%s", keys[i], text))
	}
	return strings.Join(out, " ")
}

func TestScanJSON(t *testing.T) {
	keys := []string{"customer", "status", "http.path", "http.id"}
	for _, tt := range []struct{ name, line, want string }{
		{"plain", `{"status":200,"customer":"cus_acme"}`, `customer="cus_acme" status=200`},
		{"blanks", " { \"status\" : 200 ,\t\"x\":[1, 2 ,{}], \"customer\" : \"a\" } \r", `customer="a" status=200`},
		{"nested", `{"http":{"path":"/v1","status":1,"customer":"inner"},"status":200}`, `status=200 http.path="/v1"`},
		{"nested in a list", `{"http":[{"path":"/v1"}],"status":200}`, `status=200`},
		{"a dot in the name", `{"http.path":"/v1"}`, `http.path="/v1"`},
		{"both", `{"http.path":"/v1","http":{"path":"/v2"}}`, `duplicate_key`},
		{"object twice", `{"http":{"path":"/v1"},"http":{"id":"x"}}`, `duplicate_key`},
		{"duplicate", `{"customer":"first","customer":"second"}`, `duplicate_key`},
		{"duplicate after null", `{"customer":null,"customer":"second"}`, `duplicate_key`},
		{"duplicate spelt with an escape", `{"customer":"first","c\u0075stomer":"second"}`, `duplicate_key`},
		{"an unwanted duplicate", `{"x":1,"x":2,"status":200}`, `status=200`},
		{"same name further in", `{"http":{"customer":"inner"},"customer":"outer"}`, `customer="outer"`},
		{"letter case counts", `{"Customer":"upper","customer":"lower","CUSTOMER":"upper"}`, `customer="lower"`},
		{"not UTF-8", "{\"customer\":\"kund\xe9\"}", `customer="kund\xe9"`},
		{"Envoy's octal escape", `{"customer":"kund\351"}`, `customer="kund\xe9"`},
		{"octal escape elsewhere", `{"user_agent":"x\377","customer":"cus_acme"}`, `customer="cus_acme"`},
		{"nginx's escape", `{"customer":"a\x22b"}`, `customer="a\"b"`},
		{"no value", `{"upstream":,"customer":"cus_acme"}`, `bad_json`},
		{"a list without brackets", `{"upstream":502, 200,"customer":"cus_acme"}`, `bad_json`},
		{"control byte", "{\"x\":\"\x01\",\"customer\":\"cus_acme\"}", `customer="cus_acme"`},
		{"junk behind", `{"customer":"cus_acme"}x`, `bad_json`},
		{"second object behind", `{"customer":"a"}{"customer":"b"}`, `bad_json`},
		{"cut", `{"customer":"cus_acme","x":`, `bad_json`},
		{"cut in the customer", `{"customer":"cus_a`, `bad_json`},
		{"brace missing", `{"customer":"cus_acme"`, `bad_json`},
		{"comma at the end", `{"customer":"cus_acme",}`, `bad_json`},
		{"lone surrogate", `{"customer":"a\ud800b"}`, `bad_escape`},
		{"surrogate pair", `{"customer":"\ud83d\ude00"}`, `customer="😀"`},
		{"zero", `{"customer":"a\u0000b"}`, `customer="a\x00b"`},
		{"unknown escape", `{"customer":"a\qb"}`, `bad_escape`},
		{"numbers", `{"status":200.0,"customer":-1.5e+3}`, `customer=-1.5e+3 status=200.0`},
		{"leading zero", `{"status":0200}`, `bad_json`},
		{"plus sign", `{"status":+200}`, `bad_json`},
		{"words", `{"customer":true,"status":null,"a":false}`, `customer=true status=null`},
		{"half a word", `{"a":nul}`, `bad_json`},
		{"no object", `["customer","a"]`, `bad_json`},
		{"empty line", ``, `bad_json`},
		{"too deep", strings.Repeat(`{"a":`, 70) + `1` + strings.Repeat(`}`, 70), `bad_json`},
	} {
		if got := scanned(keys, tt.line); got != tt.want {
			t.Errorf("%s: %s: got %s, want %s", tt.name, tt.line, got, tt.want)
		}
	}
}

// FuzzScanJSON: of what encoding/json takes as an object, the scanner reads the
// same values.
func FuzzScanJSON(f *testing.F) {
	f.Add(`{"customer":"a\u00fc\ud83d\ude00\/","status":2e2,"a":[[],{},"\\\""],"http":{"path":null}}`)
	f.Add(`{"a":"\351","customer":"\x22"}`)
	f.Add(`{"http.path":1,"http":{"path":2}}`)
	keys := []string{"customer", "http.path", "status"}
	f.Fuzz(func(t *testing.T, line string) {
		got := scanned(keys, line)
		var want map[string]json.RawMessage
		if json.Unmarshal([]byte(line), &want) != nil || want == nil {
			return
		}
		switch {
		case got == "duplicate_key" || got == "bad_escape" || strings.Contains(line, `\u`) && strings.Contains(strings.ToLower(line), `\ud`):
			return // stricter on purpose
		case got == "bad_json":
			if strings.Count(line, "{")+strings.Count(line, "[") >= maxDepth {
				return
			}
			t.Fatalf("%q is JSON", line)
		}
		flat := map[string]json.RawMessage{}
		maps.Copy(flat, want)
		delete(flat, "http")
		var http map[string]json.RawMessage
		if json.Unmarshal(want["http"], &http) == nil && want["http"] != nil {
			if v, ok := http["path"]; ok {
				flat["http.path"] = v
			}
		}
		var out []string
		for _, k := range keys {
			v, ok := flat[k]
			if !ok {
				continue
			}
			text := string(v)
			var s string
			if v[0] == '"' && json.Unmarshal(v, &s) == nil {
				// encoding/json replaces bytes that aren't UTF-8.
				text = fmt.Sprintf("%q", s)
			}
			out = append(out, k+"="+text)
		}
		if expect := strings.Join(out, " "); got != expect && strings.ToValidUTF8(line, "") == line && !slices.Contains(out, "") {
			t.Fatalf("%q: got %s, want %s", line, got, expect)
		}
	})
}
