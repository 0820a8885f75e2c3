package parsers

import (
	"errors"
	"strings"
	"testing"

	"github.com/logmeter/logmeter/agent"
)

func TestAmbiguousFormatIsRefusedWithAWitness(t *testing.T) {
	for _, tt := range []struct {
		spec Spec
		line int
		want []string
	}{
		{
			Spec{Nginx: "log_format x '$remote_addr '\n'$http_x_customer $request_uri $status';", Customer: "$http_x_customer"},
			1,
			[]string{"$http_x_customer can't be told", "or as", "and so with", "put $http_x_customer, $request_uri in quotes", "charset"},
		},
		{Spec{Nginx: `"$request" $status $http_x`, Escape: "none"}, 0, []string{"escape=json"}},
		{Spec{Nginx: `$status $http_a "$http_b"`, Customer: "$http_b", Escape: "json"}, 0, nil}, // a quote tells
	} {
		_, err := Compile(tt.spec)
		if tt.want == nil {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		var e *SpecError
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v, want a *SpecError", tt.spec.Nginx, err)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(e.Error(), want) || e.Line != tt.line || e.Key != "nginx" {
				t.Errorf("%s: got line %d: %v; want line %d, … %s …", tt.spec.Nginx, e.Line, e, tt.line, want)
			}
		}
	}
}

func TestAcceptAmbiguous(t *testing.T) {
	spec := corpusFormats["unquoted"]
	spec.AcceptAmbiguous = true
	f := compile(t, spec)
	if w := f.Warnings(); len(w) == 0 || w[0].Key != "accept_ambiguous" || !strings.Contains(w[0].Text, "$http_x_customer can't be told") {
		t.Errorf("got warnings %q, want one that says what was accepted", w)
	}
	p := f.NewParser()
	for _, tt := range []struct{ line, want string }{
		{"127.0.0.1 cus_acme GET /v1/charges 201 - -", `0 "GET" "/v1/charges" "/v1/charges" 201 "cus_acme"`},
		{"127.0.0.1 - - - 400 - -", `0 "" "" "" 400 ""`},
		{"127.0.0.1 cus_acme GET /v1/charges 201 200, 502 : 200 curl 1 2", `0 "GET" "/v1/charges" "/v1/charges" 201 "cus_acme"`},
		{"127.0.0.1 cus_acme GET /v1/charges", ""},
		{"127.0.0.1 cus_acme GET /v1/charges x - -", ""},
	} {
		var rec agent.Record
		err := p.Parse([]byte(tt.line), &rec)
		if tt.want == "" {
			if err != refusedNoMatch {
				t.Errorf("%s: got %v, want a refusal", tt.line, err)
			}
			continue
		}
		if err != nil || render(&rec) != tt.want {
			t.Errorf("%s: got %s, %v; want %s", tt.line, render(&rec), err, tt.want)
		}
	}
	line := []byte("127.0.0.1 cus_acme GET /v1/charges 201 - -")
	var rec agent.Record
	if n := testing.AllocsPerRun(100, func() { _ = p.Parse(line, &rec) }); n != 0 {
		t.Errorf("got %v allocations per line, want 0", n)
	}
}

func TestCharset(t *testing.T) {
	spec := Spec{
		Nginx: `$remote_addr $http_x_customer $request_method "$request_uri" $status`, Customer: "$http_x_customer",
		Charset: map[string]string{"$http_x_customer": "[A-Za-z0-9_]{1,16}", "$request_method": "[A-Z]+"},
	}
	f := compile(t, spec)
	if got := f.Assumptions(); len(got) != 2 || !strings.Contains(got[0], "$http_x_customer is absent or matches [A-Za-z0-9_]{1,16}") {
		t.Errorf("got assumptions %q", got)
	}
	p := f.NewParser()
	for _, tt := range []struct {
		line, customer string
		want           error
	}{
		{`::1 cus_acme GET "/v1" 200`, "cus_acme", nil},
		{`::1 - GET "/v1" 200`, "", nil},
		{`::1  GET "/v1" 200`, "", nil}, // the header is there and empty
		{`::1 cus-acme GET "/v1" 200`, "", refusedCharset},
		{`::1 cus_acme_of_more_than_16 GET "/v1" 200`, "", refusedCharset},
		{`::1 cus_acme get "/v1" 200`, "", refusedCharset},
		{`::1 cus_victim GET "/v1" 200 x GET "/v1" 200`, "", refusedStatus},
	} {
		var rec agent.Record
		if err := p.Parse([]byte(tt.line), &rec); err != nil && err != tt.want || err == nil && (tt.want != nil || string(rec.Customer) != tt.customer) {
			t.Errorf("%s: got %q, %v; want %q, %v", tt.line, rec.Customer, err, tt.customer, tt.want)
		}
	}
	for name, expr := range map[string]string{
		"$http_x_customer": `[`, "$request_method": `^GET$`, "$nobody": "a", "$status": "(", "$remote_addr": "[é]",
	} {
		spec.Charset = map[string]string{name: expr}
		var e *SpecError
		if _, err := Compile(spec); !errors.As(err, &e) || e.Key != "charset" {
			t.Errorf("%s = %q: got %v, want an error of charset", name, expr, err)
		}
	}
}

// TestCharsetWithEscapes narrows a target to what holds no blank: its escapes
// stay, and decode.
func TestCharsetWithEscapes(t *testing.T) {
	for _, tt := range []struct{ escape, printed, want string }{
		{"default", `/v1/\x22a\x5C`, `/v1/"a\`},
		{"json", `/v1/\"a\\`, `/v1/"a\`},
		{"none", `/v1/"a\`, `/v1/"a\`},
	} {
		p := compile(t, Spec{
			Nginx: `$status $request_uri $http_x`, Escape: tt.escape, Customer: "$http_x",
			Charset: map[string]string{"$request_uri": "[^ ]+", "$http_x": "[a-z]+"},
		}).NewParser()
		var rec agent.Record
		if err := p.Parse([]byte("200 "+tt.printed+" acme"), &rec); err != nil || string(rec.Path) != tt.want || string(rec.Customer) != "acme" {
			t.Errorf("%s: got %s, %v; want the path %s", tt.escape, render(&rec), err, tt.want)
		}
		if err := p.Parse([]byte(`200 /v1 x acme`), &rec); err == nil {
			t.Errorf("%s: a blank in the target was read as %s", tt.escape, render(&rec))
		}
	}
	p := compile(t, Spec{Nginx: `"$request_uri" $status`, Charset: map[string]string{"$request_uri": "[^ ]+"}}).NewParser()
	var rec agent.Record
	if err := p.Parse([]byte(`"/v1/\q" 200`), &rec); err != refusedCharset {
		t.Errorf("got %v, want a refusal: nginx never prints \\q", err)
	}
}

func TestIngressNginx(t *testing.T) {
	p := compile(t, Spec{Nginx: "ingress-nginx", Customer: "$remote_user"}).NewParser()
	var rec agent.Record
	line := `10.0.0.1 - acme [24/Nov/2026:18:42:53 +0000] "GET /v1 HTTP/2.0" 200 5 "-" "curl" 40 0.003 [default-api-80] [] 10.1.0.5:80, 10.1.0.6:80 0, 5 0.001, 0.002 502, 200 6f1e`
	if err := p.Parse([]byte(line), &rec); err != nil {
		t.Fatal(err)
	}
	if string(rec.Path) != "/v1" || rec.Status != 200 || string(rec.Customer) != "acme" {
		t.Errorf("got %s", render(&rec))
	}
}
