package parsers

import (
	"bytes"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
)

const aLine = `203.0.113.7 - - [24/Nov/2026:18:42:53 +0100] "POST /v1/score?x=1 HTTP/1.1" 201 512 "https://shop.example/" "Mozilla/5.0" "cus_acme"`

func TestParseRecord(t *testing.T) {
	p := compile(t, corpusFormats["customer"]).NewParser()
	var rec agent.Record
	if err := p.Parse([]byte(aLine), &rec); err != nil {
		t.Fatal(err)
	}
	want := agent.Record{
		Time: time.Date(2026, 11, 24, 17, 42, 53, 0, time.UTC).UnixMilli(), Method: []byte("POST"), Target: []byte("/v1/score?x=1"),
		Path: []byte("/v1/score"), Status: 201, Customer: []byte("cus_acme"),
	}
	if render(&rec) != render(&want) {
		t.Errorf("got %s, want %s", render(&rec), render(&want))
	}
}

func TestRefusals(t *testing.T) {
	edit := func(old, new string) string {
		if !bytes.Contains([]byte(aLine), []byte(old)) {
			t.Fatalf("%q isn't in the line", old)
		}
		return string(bytes.Replace([]byte(aLine), []byte(old), []byte(new), 1))
	}
	p := compile(t, corpusFormats["customer"]).NewParser()
	for _, tt := range []struct {
		line string
		want *agent.Refused
	}{
		{"", refusedNoMatch},
		{"hello", refusedNoMatch},
		{aLine[:len(aLine)-1], refusedNoMatch},
		{aLine + " junk", refusedNoMatch},
		{aLine + `"`, refusedNoMatch},
		{edit("203.0.113.7", "client.example"), refusedNoMatch},
		{edit(" 512 ", " 5x2 "), refusedNoMatch},
		{edit("24/Nov", "31/Nov"), refusedTime},
		{edit("Nov", "Nev"), refusedTime},
		{edit(":53 ", ":61 "), refusedTime},
		{edit("18:42", "24:42"), refusedTime},
		{edit(" 201 ", " 20 "), refusedStatus},
		{edit(" 201 ", " 2010 "), refusedStatus},
		{edit("cus_acme", `cus\acme`), refusedEscape},
		{edit("cus_acme", `cus\x4`), refusedEscape},
		{edit("cus_acme", `cus\x41`), refusedEscape}, // nginx never escapes an A
		{edit("cus_acme", `cus\xe9`), refusedEscape}, // nor in lower case
		{edit("cus_acme", "cus\xe9"), refusedByte},   // and never leaves this as it is
		{edit("cus_acme", "cus\tacme"), refusedByte},
		{edit("/v1/score", `/v1\`), refusedEscape},
	} {
		var rec agent.Record
		if err := p.Parse([]byte(tt.line), &rec); err != tt.want {
			t.Errorf("%s: got %v, want %v", tt.line, err, tt.want)
		}
	}
}

func TestCustomerValue(t *testing.T) {
	p := compile(t, Spec{Nginx: `$status "$http_x"`, Customer: "$http_x"}).NewParser()
	for _, tt := range []struct{ printed, want string }{
		{"acme", "acme"},
		{"-", ""},
		{"", ""},
		{"  acme ", "acme"},
		{`\x09acme\x09`, "acme"},
		{" - ", ""},
		{`\x09`, ""},
		{"--", "--"},
		{`a\x5Cb`, `a\b`},
		{`\x5Cx41`, `\x41`},
		{`kund\xE9`, "kund\xe9"},
		{"Acme, Acme", "Acme, Acme"},
	} {
		var rec agent.Record
		if err := p.Parse([]byte(`200 "`+tt.printed+`"`), &rec); err != nil || string(rec.Customer) != tt.want {
			t.Errorf("%q: got %q, %v; want %q", tt.printed, rec.Customer, err, tt.want)
		}
	}
}

func TestClock(t *testing.T) {
	var c clock
	for _, text := range []string{
		"24/Nov/2026:18:42:53 +0000", "24/Nov/2026:18:42:59 +0000", "24/Nov/2026:18:42:59 -0330", "29/Feb/2028:00:00:00 +1400",
		"31/Dec/1999:23:59:59 +0000", "24/Nov/2026:18:42:00 +0000",
	} {
		want, err := time.Parse("02/Jan/2006:15:04:05 -0700", text)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := c.local([]byte(text)); !ok || got != want.UnixMilli() {
			t.Errorf("%s: got %d, want %d", text, got, want.UnixMilli())
		}
		iso := want.Format("2006-01-02T15:04:05-07:00")
		if got, ok := c.iso([]byte(iso)); !ok || got != want.UnixMilli() {
			t.Errorf("%s: got %d, want %d", iso, got, want.UnixMilli())
		}
	}
	for _, text := range []string{
		"30/Feb/2028:00:00:00 +0000", "24/Nov/2026:18:42:5x +0000", "24/Nov/2026:18:42:53  0000", "24/nov/2026:18:42:53 +0000",
		"24/Nov/2026 18:42:53 +0000", "00/Nov/2026:18:42:53 +0000", "24/Nov/2026:18:42:53 +0060",
	} {
		if _, ok := c.local([]byte(text)); ok {
			t.Errorf("%s was taken", text)
		}
	}
	if got, ok := parseMsec([]byte("1795543580.917")); !ok || got != 1795543580917 {
		t.Errorf("got %d, want 1795543580917", got)
	}
	for _, text := range []string{"", ".917", "1795543580", "1795543580.91", "1795543580,917", "-1.000", "1795543580917.000.000", "99999999999999.000"} {
		if _, ok := parseMsec([]byte(text)); ok {
			t.Errorf("%q was taken as $msec", text)
		}
	}
}

// The clock remembers the minute of the last time; that changes nothing.
func TestClockRemembersTheMinute(t *testing.T) {
	var c clock
	for _, text := range []string{
		"2026-11-24T18:42:53.917Z", "2026-11-24T18:42:54.1Z", "2026-11-24T18:42:59Z", "2026-11-24T18:42:60Z", "2026-11-24T18:42:61Z", "2026-11-24T18:42:5xZ",
		"2026-11-24T18:42:53.Z", "2026-11-24T18:42:53,9Z", "2026-11-24T18:42:53.91x", "2026-11-24T18:42:53.9+01:00", "2026-11-24T18:43:00.000Z",
		"1969-12-31T23:59:59.500Z", "1969-12-31T23:59:58.500Z", "2026-11-24 18:42:53Z", "2026-11-24T18:42:1Z", "2026-11-24T18:42:53.123456789Z",
	} {
		want, wantOK := parseRFC3339([]byte(text))
		for range 2 {
			if got, ok := c.any([]byte(text)); got != want && wantOK || ok != wantOK {
				t.Errorf("%s: got %d, %v; want %d, %v", text, got, ok, want, wantOK)
			}
		}
	}
}

func TestSplitRequest(t *testing.T) {
	for _, tt := range []struct {
		line           string
		status         int
		method, target string // both empty: malformed
	}{
		{"GET /a HTTP/1.1", 200, "GET", "/a"},
		{"GET  /a   HTTP/1.1  ", 200, "GET", "/a"},
		{"GET /a HTTP/1.2", 200, "GET", "/a"},
		{"GET /a HTTP/2.0", 200, "GET", "/a"},
		{"GET /a HTTP/2.0", 505, "", ""},
		{"GET /a HTTP/9.9", 505, "", ""},
		{"GET /a", 200, "GET", "/a"},
		{"GET /a", 400, "", ""},
		{"GET /aaaa", 414, "", ""},
		{"POST /a", 200, "", ""},
		{"get /a HTTP/1.1", 400, "", ""},
		{"FOO_BAR-BAZ /a HTTP/1.1", 201, "FOO_BAR-BAZ", "/a"},
		// Up to nginx 1.21.0 a blank in the target was served, billed or not.
		{"GET /a b HTTP/1.1", 200, "GET", "/a b"},
		{"GET /a b HTTP/1.1", 400, "", ""},
		{"GET /a\tb HTTP/1.1", 400, "", ""},
		{"OPTIONS * HTTP/1.1", 200, "OPTIONS", "*"},
		{"- /a HTTP/1.1", 200, "-", "/a"},
		{"hello", 400, "", ""},
		{"-", 400, "", ""},
		{"", 400, "", ""},
		{"GET ", 200, "", ""},
		{" GET /a HTTP/1.1", 200, "", ""},
		{"GET HTTP/1.1", 200, "GET", "HTTP/1.1"}, // which has no path
	} {
		method, target, ok := splitRequest([]byte(tt.line), tt.status)
		if want := tt.method != ""; ok != want || ok && (string(method) != tt.method || string(target) != tt.target) {
			t.Errorf("%q %d: got %q %q %v, want %q %q", tt.line, tt.status, method, target, ok, tt.method, tt.target)
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	for _, tt := range []struct {
		name string
		spec Spec
		line string
	}{
		{"text", corpusFormats["customer"], aLine},
		{"escapes", corpusFormats["customer"], `::1 - a\x22b [24/Nov/2026:18:42:53 +0000] "GET /v1/%41/../\xC3\xBC HTTP/1.1" 200 0 "-" "-" "kund\xC3\xA9"`},
		{"refused", corpusFormats["customer"], "hello"},
		{"JSON", corpusFormats["customer_json_unq"], `{"status":201,"upstream_status":502, 200,"upstream_response_time":,"uri":"/v1/\"charges","customer":"cus\\acme"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := compile(t, tt.spec).NewParser()
			line := []byte(tt.line)
			var rec agent.Record
			if err := p.Parse(line, &rec); (err != nil) != (tt.name == "refused") {
				t.Fatal(err)
			}
			if n := testing.AllocsPerRun(100, func() { _ = p.Parse(line, &rec) }); n != 0 {
				t.Errorf("got %v allocations per line, want 0", n)
			}
		})
	}
}

// FuzzCut: what the compiled plan of a format accepts, cut into all its
// variables, is the line when it is put together again, and each variable
// holds only what it can print.
func FuzzCut(f *testing.F) {
	names := []string{"combined", "customer", "customer_json", "customer_json_unq", "json_default", "tabs"}
	for i := range names {
		f.Add(i, []byte(aLine))
		f.Add(i, []byte(`{"status":201,"upstream_status":,"upstream_response_time":,"uri":"/v1/charges","customer":"cus_acme"}`))
		f.Add(i, []byte(`{"uri":"/v1/\x22","status":201,"customer":"cus_acme","ua":"-"}`))
		f.Add(i, []byte("2026-11-24T18:06:20+00:00\t201\tGET\t/v1/charges\tcus_acme\t-"))
	}
	type target struct {
		tmpl *template
		plan *plan
	}
	var targets []target
	for _, name := range names {
		tmpl := compile(f, corpusFormats[name]).tmpl
		every := make([]int, len(tmpl.vars))
		for i := range every {
			every[i] = i
		}
		targets = append(targets, target{tmpl, newPlan(tmpl, every)})
	}
	f.Fuzz(func(t *testing.T, which int, line []byte) {
		tt := targets[uint(which)%uint(len(targets))]
		spans := make([]span, len(tt.tmpl.vars))
		if tt.plan.cut(line, spans, &memory{}) != nil {
			return
		}
		got := []byte(tt.tmpl.lits[0])
		for i, s := range spans {
			v := &tt.tmpl.vars[i]
			if !v.open && !v.parsed && !v.lang.has(line[s.from:s.to]) {
				t.Errorf("%s is %q", v.name, line[s.from:s.to])
			}
			got = append(append(got, line[s.from:s.to]...), tt.tmpl.lits[i+1]...)
		}
		if !bytes.Equal(got, line) {
			t.Errorf("got %q, want %q", got, line)
		}
	})
}

// FuzzDecode: decoding is the inverse of what nginx prints, and nothing else
// decodes.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("a\"b\\c\x00\x1f\x7f\xff\n\t"))
	f.Add([]byte(`\x41\u0041\n\"`))
	escapes := []escape{escapeDefault, escapeJSON, escapeNone}
	var langs []*language
	for _, e := range escapes {
		lang, err := newLanguage(e.anything())
		if err != nil {
			f.Fatal(err)
		}
		langs = append(langs, lang)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for i, e := range escapes {
			lang := langs[i]
			printed := print(e, text)
			if got, ok := e.decode(nil, printed); !ok || !bytes.Equal(got, text) {
				t.Errorf("escape %s: %q became %q, %v", escapeNames[e], text, got, ok)
			}
			if e != escapeNone && !lang.has(printed) {
				t.Errorf("escape %s: %q isn't in its language", escapeNames[e], printed)
			}
			// text itself, read as something printed.
			flags := flagsOf(text, e.flags())
			got, ok := e.decode(nil, text)
			if ok = ok && flags&flagWrong == 0; ok != lang.has(text) {
				t.Errorf("escape %s: %q decodes: %v, is of the language: %v", escapeNames[e], text, ok, !ok)
			}
			if ok && !bytes.Equal(print(e, got), text) {
				t.Errorf("escape %s: %q and %q both stand for %q", escapeNames[e], text, print(e, got), got)
			}
		}
	})
}

// print writes text as nginx does.
func print(e escape, text []byte) []byte {
	const digits = "0123456789ABCDEF"
	var out []byte
	for _, c := range text {
		short := bytes.IndexByte([]byte("\"\\\b\f\n\r\t"), c)
		switch {
		case e == escapeDefault && (c < 0x20 || c == '"' || c == '\\' || c >= 0x7F):
			out = append(out, '\\', 'x', digits[c>>4], digits[c&15])
		case e == escapeJSON && short >= 0:
			out = append(out, '\\', `"\bfnrt`[short])
		case e == escapeJSON && c < 0x20:
			out = append(out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			out = append(out, c)
		}
	}
	return out
}
