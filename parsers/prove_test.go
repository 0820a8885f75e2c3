package parsers

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestProofOfKnownFormats says of formats that are in use which of their
// variables a client can move.
func TestProofOfKnownFormats(t *testing.T) {
	const ingress = ingressNginx
	for _, tt := range []struct {
		name, escape, format string
		moved                string // the variables that aren't determined
	}{
		{"combined", "default", combined, ""},
		{"customer", "default", customerFormat, ""},
		{"JSON", "json", corpusFormats["customer_json"].Nginx, ""},
		{"JSON with lists that aren't quoted", "json", corpusFormats["customer_json_unq"].Nginx, ""},
		{"JSON with the default escape", "default", corpusFormats["json_default"].Nginx, ""},
		{"tabs", "default", corpusFormats["tabs"].Nginx, ""},
		// A client writes the identifier, which may begin with ": 200 ".
		{"ingress-nginx", "default", ingress, "$upstream_status $req_id"},
		{"ingress-nginx with a customer in brackets", "default", strings.Replace(ingress, "[$proxy_up", "[$http_x] [$proxy_up", 1), "$http_x $proxy_upstream_name $proxy_alternative_upstream_name $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id"},
		{"no quotes", "default", corpusFormats["unquoted"].Nginx, "$http_x_customer $request_method $request_uri $status $upstream_status $http_user_agent"},
		{"named", "default", corpusFormats["braced"].Nginx, "$http_x_customer $status $uri"},
		{"method and target in one pair of quotes", "default", `"$request_method $request_uri" $status`, "$request_method $request_uri"},
		{"nothing escaped", "none", customerFormat, "$remote_user $time_local $request $status $body_bytes_sent $http_referer $http_user_agent $http_x_customer"},
		{"the same twice", "default", `$status$status $status`, ""},
		{"side by side", "default", `$connection$connection_requests`, "$connection $connection_requests"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tmpl, _, err := parseLogFormat(tt.format)
			if err != nil {
				t.Fatal(err)
			}
			esc := escape(slices.Index(escapeNames, tt.escape))
			if err := tmpl.nginxVariables(esc); err != nil {
				t.Fatal(err)
			}
			found, ok := tmpl.prove(all(tmpl))
			if !ok {
				t.Fatal("the proof gave up")
			}
			var moved []string
			for i := range found {
				moved = append(moved, tmpl.vars[found[i].variable].name)
				checkWitness(t, tmpl, &found[i])
			}
			if got := strings.Join(moved, " "); got != tt.moved {
				t.Errorf("got %s, want %s", got, tt.moved)
			}
		})
	}
}

func all(t *template) []int {
	var every []int
	for i := range t.vars {
		every = append(every, i)
	}
	return every
}

// checkWitness holds a witness to what it claims.
func checkWitness(t *testing.T, tmpl *template, w *ambiguity) {
	t.Helper()
	for _, r := range w.readings {
		line := tmpl.lits[0]
		for i, text := range r {
			if !tmpl.vars[i].lang.has([]byte(text)) {
				t.Errorf("%q: %s can't be %q", w.line, tmpl.vars[i].name, text)
			}
			line += text + tmpl.lits[i+1]
		}
		if line != string(w.line) {
			t.Errorf("the reading %q is %q, want %q", r, line, w.line)
		}
	}
	if slices.Equal(w.readings[0], w.readings[1]) {
		t.Errorf("%q: both readings are %q", w.line, w.readings[0])
	}
}

// TestProofAgainstEnumeration compares the proof, the plan and the search with
// all the lines of small random templates.
func TestProofAgainstEnumeration(t *testing.T) {
	const quoted = `(?:[a,]|\\["\\])*` // as escape=json prints
	exprs := []string{"a*", "[ab,]*", "[ax]*", "[abx]{1,3}", "[ab]*", "a", "b?", "(?:ab)*", "a+b", "[^b]{0,2}", `(?:a|xb)*`, "aa|b", "a(?:,a)*", quoted, quoted}
	lits := []string{"", "a", "b", "x", "ab", "ba", ",", "a,", `"`, `","`, `a"`, `\\"`}
	langs := map[string]*language{}
	for _, e := range exprs {
		l, err := newLanguage(e)
		if err != nil {
			t.Fatal(err)
		}
		langs[e] = l
	}
	rng := rand.New(rand.NewPCG(3, 4))
	n := 150
	if testing.Short() {
		n = 60
	}
	determined := 0
	for range n {
		tmpl := &template{}
		tmpl.literal(lits[rng.IntN(len(lits))])
		var desc []string
		for range 1 + rng.IntN(4) {
			e, lit := exprs[rng.IntN(len(exprs))], lits[rng.IntN(len(lits))]
			esc := escapeDefault
			if e == quoted {
				esc = escapeJSON
			}
			tmpl.variable(variable{name: e, lang: langs[e], open: true, escape: esc})
			tmpl.literal(lit)
			desc = append(desc, e, lit)
		}
		readings := enumerate(tmpl)
		found, ok := tmpl.prove(all(tmpl))
		if !ok {
			t.Fatalf("%q: the proof gave up", desc)
		}
		moved := make([]bool, len(tmpl.vars))
		for i := range found {
			moved[found[i].variable] = true
			checkWitness(t, tmpl, &found[i])
		}
		plan := newPlan(tmpl, all(tmpl))
		for line, rs := range readings {
			spans := make([]span, len(tmpl.vars))
			if err := plan.cut([]byte(line), spans, &memory{}); err != nil {
				t.Fatalf("%q: the line %q is refused", desc, line)
			}
			for i := range tmpl.vars {
				got := line[spans[i].from:spans[i].to]
				for _, r := range rs {
					if moved[i] {
						continue
					}
					if r[i] != rs[0][i] {
						t.Fatalf("%q: proven, but %q reads as %q or %q", desc, line, rs[0], r)
					}
					if got != r[i] {
						t.Fatalf("%q: %q was cut to %q, want %q", desc, line, got, r[i])
					}
				}
			}
		}
		if len(found) == 0 {
			determined++
		}
	}
	if determined < n/10 || determined > 19*n/20 {
		t.Errorf("%d of %d templates are determined: the test says little", determined, n)
	}
}

// enumerate returns the readings of each line of a template whose variables
// hold at most three bytes, of those with many variables at most two.
func enumerate(t *template) map[string][][]string {
	depth := 3
	if len(t.vars) > 2 {
		depth = 2
	}
	var words func(l *language, s int16, depth int) []string
	words = func(l *language, s int16, depth int) []string {
		var ws []string
		if l.accept[s] {
			ws = append(ws, "")
		}
		for _, c := range []byte("ab,x\"\\") {
			if n := l.next[s][c]; n != dead && depth > 0 {
				for _, w := range words(l, n, depth-1) {
					ws = append(ws, string(c)+w)
				}
			}
		}
		return ws
	}
	lines := map[string][][]string{}
	var fill func(line string, values []string)
	fill = func(line string, values []string) {
		i := len(values)
		if i == len(t.vars) {
			lines[line] = append(lines[line], slices.Clone(values))
			return
		}
		for _, w := range words(t.vars[i].lang, 0, depth) {
			fill(line+w+t.lits[i+1], append(values, w))
		}
	}
	fill(t.lits[0], nil)
	return lines
}
