package agent

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// call is a record with a host and fields.
func call(path, host string, fields ...string) *Record {
	rec := record("GET", path, 200, "acme")
	if host != "" {
		rec.Host = []byte(host)
	}
	for _, f := range fields {
		if f == "" {
			rec.Fields = append(rec.Fields, nil)
			continue
		}
		rec.Fields = append(rec.Fields, []byte(f))
	}
	return rec
}

func matching(ms *Meters, rec *Record) string {
	var got []string
	for _, m := range ms.Matching(rec, ms.NewTally()) {
		got = append(got, ms.Names()[m])
	}
	slices.Sort(got)
	return strings.Join(got, " ")
}

func TestMeterMatchesHost(t *testing.T) {
	ms := meters(t,
		Meter{Name: "one", Match: Match{Hosts: []string{"api.example.com"}}},
		Meter{Name: "all", Match: Match{Hosts: []string{"*.example.com"}}},
		Meter{Name: "deep", Match: Match{Hosts: []string{"*.eu.example.com", "[::1]"}}},
	)
	for host, want := range map[string]string{
		"api.example.com": "all one", "eu.example.com": "all", "a.eu.example.com": "all deep", "a.b.eu.example.com": "all deep",
		"example.com": "", ".example.com": "", "xexample.com": "", "api.example.com.evil.org": "", "": "", "[::1]": "deep",
	} {
		if got := matching(ms, call("/", host)); got != want {
			t.Errorf("host %q: got %q, want %q", host, got, want)
		}
	}
}

func TestMeterMatchesFields(t *testing.T) {
	field := func(f FieldTest) Match { return Match{Fields: []FieldTest{f}} }
	list := []Meter{
		{Name: "gold", Match: field(FieldTest{Field: "$plan", Values: []string{"gold"}})},
		{Name: "paid", Match: field(FieldTest{Field: "$plan", Values: []string{"gold", "silver"}})},
		{Name: "some", Match: field(FieldTest{Field: "$plan"})},
		{Name: "none", Match: field(FieldTest{Field: "$plan", Absent: true})},
		{Name: "like", Match: field(FieldTest{Field: "$plan", Pattern: regexp.MustCompile(`(?i)g.*|s`)})},
		{Name: "odd", Match: field(FieldTest{Field: "$plan", Pattern: regexp.MustCompile(`\Qa|b`)})},
		{Name: "both", Match: Match{Fields: []FieldTest{{Field: "$plan"}, {Field: "$key", Values: []string{"k"}}}}},
	}
	if got, want := Fields(list), []string{"$key", "$plan"}; !slices.Equal(got, want) {
		t.Fatalf("Fields = %q, want %q", got, want)
	}
	ms := meters(t, list...)
	for plan, want := range map[string]string{
		"gold": "gold like paid some", "silver": "paid some", "GOLD": "like some", "xgold": "some", "sg": "some", "": "none", "a|b": "odd some", "a": "some",
	} {
		if got := matching(ms, call("/", "", "", plan)); got != want {
			t.Errorf("plan %q: got %q, want %q", plan, got, want)
		}
	}
	if got := matching(ms, call("/", "", "k", "x")); got != "both some" {
		t.Errorf("got %q, want both and some", got)
	}
	if got := matching(ms, call("/", "")); got != "none" {
		t.Errorf("a record without any field feeds %q", got)
	}
}

func TestMeterExcludes(t *testing.T) {
	ms := meters(t, Meter{Name: "m", Match: Match{Paths: []string{"/v1/*"}}, Exclude: []Match{
		{Paths: []string{"/v1/health", "/v1/internal/{x}"}},
		{Status: status(t, "429"), Methods: []string{"GET"}},
		{Hosts: []string{"*.test"}, Fields: []FieldTest{{Field: "$bot"}}},
	}})
	tests := []struct {
		path, host, bot string
		status          int
		want            string
	}{
		{"/v1/x", "", "", 200, "m"},
		{"/v1/health", "", "", 200, ""},
		{"/v1/health/", "", "", 200, "m"},
		{"/v1/internal/a", "", "", 200, ""},
		{"/v1/internal/", "", "", 200, "m"},
		{"/v1/internal/a/b", "", "", 200, "m"},
		{"/v1/x", "", "", 429, ""},
		{"/v1/x", "a.test", "", 200, "m"},
		{"/v1/x", "a.test", "y", 200, ""},
		{"/v1/x", "", "y", 200, "m"},
	}
	for _, tt := range tests {
		rec := call(tt.path, tt.host, tt.bot)
		rec.Status = tt.status
		if got := matching(ms, rec); got != tt.want {
			t.Errorf("%+v: got %q", tt, got)
		}
	}
}

// Each line says which rule kept it from being billed: the condition that the
// closest meter failed.
func TestAccountingSaysWhichRule(t *testing.T) {
	list := []Meter{
		{Name: "sum", Match: Match{Paths: []string{"/a"}, Methods: []string{"GET"}, Status: status(t, "200"), Hosts: []string{"h"}}, Aggregation: SumField, Field: "$n"},
		{Name: "far", Match: Match{Paths: []string{"/a", "/b"}, Methods: []string{"PUT"}}},
		{Name: "who", Match: Match{Paths: []string{"/u"}}, Aggregation: CountUnique, Field: "$n", Exclude: []Match{{Status: status(t, "5xx")}}},
	}
	ms := meters(t, list...)
	tests := []struct {
		method, path, host, n string
		status                int
		want                  Rule
	}{
		{"GET", "/no", "h", "1", 200, RulePath},
		{"GET", "/b", "h", "1", 200, RuleMethod},
		{"POST", "/a", "h", "1", 200, RuleMethod},
		{"GET", "/a", "h", "1", 404, RuleStatus},
		{"GET", "/a", "i", "1", 200, RuleHost},
		{"GET", "/a", "h", "", 200, RuleField},
		{"GET", "/a", "h", "1.5", 200, RuleField},
		{"GET", "/a", "h", "-1", 200, RuleField},
		{"GET", "/a", "h", "1000000000001", 200, RuleField},
		{"GET", "/a", "h", "99999999999999999999999999", 200, RuleField},
		{"GET", "/a", "h", "12, 7", 200, RuleField},
		{"GET", "/a", "h", "0", 200, RuleZero},
		{"GET", "/a", "h", "000", 200, RuleZero},
		{"GET", "/u", "h", "", 200, RuleField},
		{"GET", "/u", "h", "x", 500, RuleExclude},
	}
	for _, tt := range tests {
		rec := call(tt.path, tt.host, tt.n)
		rec.Method, rec.Status = []byte(tt.method), tt.status
		tally := ms.NewTally()
		ms.Measure(rec, tally)
		if got := accounts(tally)[WindowOf(noon)]; got != (Accounting{Lines: 1, Rules: rules(tt.want, 1)}) {
			t.Errorf("%+v: got %+v", tt, got)
		}
		closest := RulePath
		for _, e := range ms.Explain(rec) {
			if e.Matched || e.Text == "" {
				t.Errorf("%+v: Explain says %+v", tt, e)
			}
			closest = max(closest, e.Rule)
		}
		if closest != tt.want {
			t.Errorf("%+v: Explain comes to %s", tt, closest)
		}
	}
}

func TestSumsTimesAndUniques(t *testing.T) {
	list := []Meter{
		{Name: "bytes", Aggregation: SumField, Field: "$n"},
		{Name: "heavy", Times: 3},
		{Name: "heavy-bytes", Aggregation: SumField, Field: "$n", Times: 10},
		{Name: "users", Aggregation: CountUnique, Field: "$u", Per: PerDay, Times: 2},
	}
	ms := meters(t, list...)
	store, tally := NewMemory("edge-1"), ms.NewTally()
	send := func(at time.Time, n, u string) {
		rec := call("/", "", n, u)
		rec.Time = at.UnixMilli()
		ms.Measure(rec, tally)
	}
	send(noon, "007", "ann")
	send(noon, "5", "bob")
	send(noon, "x", "ann")
	must(t, store.Commit("edge", nil, tally))
	tally.Reset()
	send(noon.Add(time.Hour), "1", "ann")               // the same day
	send(noon.Add(12*time.Hour), "100000000000", "ann") // the next one
	send(noon.Add(12*time.Hour), "100000000001", "")
	must(t, store.Commit("edge", nil, tally))
	var got []string
	for _, u := range all(t, store.Usage(FirstWindow, LastWindow)) {
		got = append(got, fmt.Sprintf("%s %s %d", u.Window.Start().Format("02T15"), u.Meter, u.Total))
	}
	want := []string{
		"24T12 bytes 12", "24T12 heavy 9", "24T12 heavy-bytes 120", "24T12 users 4",
		"24T13 bytes 1", "24T13 heavy 3", "24T13 heavy-bytes 10",
		"25T00 bytes 200000000001", "25T00 heavy 6", "25T00 heavy-bytes 1000000000000", "25T00 users 2",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, l := range all(t, store.Accounting(FirstWindow, LastWindow)) {
		if l.Billed != l.Lines || l.Remainder() != 0 {
			t.Errorf("accounting: %+v", l)
		}
	}
}

func TestPeriods(t *testing.T) {
	at := WindowOf(time.Date(2024, 2, 29, 23, 59, 0, 0, time.UTC))
	for per, want := range map[Per]struct {
		start string
		hours uint16
	}{
		PerHour: {"2024-02-29T23:00:00Z", 1}, PerDay: {"2024-02-29T00:00:00Z", 24}, PerMonth: {"2024-02-01T00:00:00Z", 29 * 24},
	} {
		if got := per.of(at); got.Start.String() != want.start || got.Hours != want.hours {
			t.Errorf("per %s: got %s and %d hours", per, got.Start, got.Hours)
		}
	}
	if got := PerDay.of(-1).Start; got != -24 {
		t.Errorf("the day of the hour before the epoch begins at %d", got)
	}
}

func TestCrossing(t *testing.T) {
	tests := []struct{ a, b, want string }{
		{"/a", "/b", ""},
		{"/a/*", "/a/b", ""},
		{"/a/*", "/a", ""},
		{"/a/{x}", "/a/b", ""},
		{"/a/{x}", "/a/", ""},
		{"/a/{x}", "/a/*", ""},
		{"/*", "/a/{x}/c", ""},
		{"/a/{x}/c", "/a/b/{y}", "cross: both take /a/b/c"},
		{"/{x}/b", "/a/*", "cross: both take /a/b"},
		{"/{x}/*", "/a/b", ""},
		{"/{x}/b/*", "/a/*", "cross: both take /a/b/x"},
		{"/a/{x}", "/a/{y}", "the same paths"},
		{"/a/*", "/a/{rest...}", "the same paths"},
		{"/a/", "/a/{$}", "the same paths"},
		{"/{x}/", "/a/{y}", ""},
	}
	for _, tt := range tests {
		for _, pair := range [][]string{{tt.a, tt.b}, {tt.b, tt.a}} {
			err := CheckCrossing(pair)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%q: got %v, want %q", pair, err, tt.want)
			}
		}
	}
}

func TestMetersSayWhatIsWrong(t *testing.T) {
	for want, m := range map[string]Meter{
		"cross":              {Match: Match{Paths: []string{"/{x}/b", "/a/{y}"}}},
		"no field":           {Aggregation: SumField},
		"times is 1000001":   {Times: MaxTimes + 1},
		`want "h"`:           {Match: Match{Hosts: []string{"h:80"}}},
		"lower case":         {Match: Match{Hosts: []string{"H"}}},
		"without query":      {Exclude: []Match{{Paths: []string{"/a?b"}}}},
		"elsewhere than":     {Exclude: []Match{{Hosts: []string{"a.*.b"}}}},
		"isn't a host alone": {Match: Match{Hosts: []string{"https://h"}}},
		"ends in a dot":      {Match: Match{Hosts: []string{"h."}}},
		"is empty":           {Match: Match{Hosts: []string{"*."}}},
	} {
		if _, err := NewMeters([]Meter{m}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestLookupsAgreeWithTrying holds the index to what trying each meter by
// itself, as Explain does, comes to.
func TestLookupsAgreeWithTrying(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(words ...string) []string {
		r.Shuffle(len(words), func(i, k int) { words[i], words[k] = words[k], words[i] })
		return words[:r.IntN(3)]
	}
	one := func(words ...string) string { return words[r.IntN(len(words))] }
	random := func() Match {
		m := Match{Methods: pick("GET", "PUT", "POST"), Hosts: pick("a.example", "b.example", "*.example", "*.b.example", "a")}
		if r.IntN(2) == 0 {
			m.Paths = []string{one("/v1/*", "/v1/{x}", "/v1/a", "/{x}/a", "/*")}
		}
		if r.IntN(2) == 0 {
			m.Status = status(t, one("2xx", "200", "404"))
		}
		for range r.IntN(3) {
			m.Fields = append(m.Fields, FieldTest{Field: one("$x", "$y"), Values: pick("1", "2", "3")})
		}
		return m
	}
	for range 60 {
		var list []Meter
		for i := range 1 + r.IntN(60) {
			m := Meter{Name: fmt.Sprint(i), Match: random()}
			if r.IntN(4) == 0 {
				m.Exclude = []Match{random()}
			}
			if r.IntN(4) == 0 {
				m.Aggregation, m.Field = SumField, "$x"
			}
			list = append(list, m)
		}
		list = append(list, Meter{Name: "xy", Match: Match{Paths: []string{"/xy"}, Fields: []FieldTest{{Field: "$x"}, {Field: "$y"}}}})
		ms := meters(t, list...)
		for range 200 {
			rec := call(one("/v1/a", "/v1/", "/v1/a/b", "/x/a", "/xy", "/"), one("", "a", "a.example", "b.example", "c.b.example"),
				one("", "0", "1", "2", "4"), one("", "1", "3"))
			rec.Method, rec.Status = []byte(one("GET", "PUT", "HEAD")), []int{200, 204, 404}[r.IntN(3)]
			want, closest := []string{}, RulePath
			for _, e := range ms.Explain(rec) {
				if e.Matched {
					want = append(want, e.Meter)
				} else {
					closest = max(closest, e.Rule)
				}
			}
			slices.Sort(want)
			if got := matching(ms, rec); got != strings.Join(want, " ") {
				t.Fatalf("%s: got %q, want %q", rec.Path, got, want)
			}
			tally := ms.NewTally()
			ms.Measure(rec, tally)
			if lines := accounts(tally)[WindowOf(noon)]; len(want) == 0 && lines.Rules[closest] != 1 {
				t.Fatalf("%s: got %v, want %s", rec.Path, lines, closest)
			}
		}
	}
}

func TestExplain(t *testing.T) {
	ms := meters(t,
		Meter{Name: "score", Match: Match{Paths: []string{"/score", "/v1/score"}, Methods: []string{"GET", "POST"}, Status: status(t, "2xx", "304")}},
		Meter{Name: "bytes", Match: Match{Hosts: []string{"*.x"}}, Aggregation: SumField, Field: "$n", Times: 2},
		Meter{
			Name: "users", Match: Match{Fields: []FieldTest{{Field: "$plan", Values: []string{"gold"}}}}, Aggregation: CountUnique, Field: "$n", Per: PerDay,
			Exclude: []Match{{Paths: []string{"/health"}, Methods: []string{"HEAD"}}},
		},
	)
	say := func(rec *Record) string {
		var texts []string
		for _, e := range ms.Explain(rec) {
			texts = append(texts, e.Text)
		}
		return strings.Join(texts, "; ")
	}
	head := call("/health", "a.x", "5", "gold")
	head.Method = []byte("HEAD")
	broken := call("/score", "a.x", "a\nb", "")
	broken.Status = 404
	for want, rec := range map[string]*Record{
		"counts 1; counts 10; counts 1 for each $n once in each day":                                                       call("/score", "a.x", "5", "gold"),
		`path "/health" isn't /score or /v1/score; counts 10; is excluded: path "/health" is /health, method HEAD is HEAD`: head,
		`status 404 isn't 2xx or 304; $n is "a\nb", which isn't a whole number from 0 to 500000000000; $plan is absent`:    broken,
		`counts 1; host absent isn't *.x; $plan is tin, not gold`:                                                          call("/score", "", "0", "tin"),
		`counts 1; $n is 0, which adds nothing; $plan is tin, not gold`:                                                    call("/score", "b.x", "0", "tin"),
	} {
		if got := say(rec); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// BenchmarkMeasureManyOnOnePath shows the same of meters that share a path and
// differ in a host or a field, also for lines that none of them wants.
func BenchmarkMeasureManyOnOnePath(b *testing.B) {
	for _, n := range []int{5, 500} {
		for _, by := range []string{"host", "field", "nothing"} {
			b.Run(fmt.Sprintf("by=%s/meters=%d", by, n), func(b *testing.B) {
				var list []Meter
				for i := range n {
					m := Meter{Name: fmt.Sprint(i), Match: Match{Paths: []string{"/v1/*"}, Status: status(b, "200")}}
					if by == "host" {
						m.Hosts = []string{fmt.Sprintf("*.h%d.example.com", i)}
					} else {
						m.Fields = []FieldTest{{Field: "$plan", Values: []string{fmt.Sprint(i)}}}
					}
					list = append(list, m)
				}
				ms := meters(b, list...)
				tally := ms.NewTally()
				var recs []*Record
				for i := range 1000 {
					rec := call(fmt.Sprintf("/v1/r/%d", i), fmt.Sprintf("a.h%d.example.com", i%n), fmt.Sprint(i%n))
					if by == "nothing" {
						rec.Fields[0] = []byte("none")
					}
					recs = append(recs, rec)
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					ms.Measure(recs[i%len(recs)], tally)
				}
			})
		}
	}
}
