package agent

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func status(t testing.TB, texts ...string) StatusSet {
	t.Helper()
	var s StatusSet
	for _, text := range texts {
		if err := s.ParseStatus(text); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func meters(t testing.TB, ms ...Meter) *Meters {
	t.Helper()
	c, err := NewMeters(ms)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var noon = time.Date(2026, 11, 24, 12, 34, 56, 0, time.UTC)

func record(method, path string, status int, customer string) *Record {
	return &Record{
		Time: noon.UnixMilli(), Method: []byte(method), Target: []byte(path),
		Path: []byte(path), Status: status, Customer: []byte(customer),
	}
}

func TestMeterMatches(t *testing.T) {
	ms := meters(t,
		Meter{Name: "score", Match: Match{Paths: []string{"/RetrieveCreditScore"}, Methods: []string{"GET", "POST"}, Status: status(t, "200")}},
		Meter{Name: "users", Match: Match{Paths: []string{"/v1/users/{id}", "/v1/users/{id}/*"}, Status: status(t, "2xx", "304")}},
		Meter{Name: "all-v1", Match: Match{Paths: []string{"/v1/*"}}},
		Meter{Name: "any", Match: Match{Status: status(t, "500-599")}},
		Meter{Name: "root", Match: Match{Paths: []string{"/", "/a/{$}"}}},
	)
	tests := []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/RetrieveCreditScore", 200, "score"},
		{"POST", "/RetrieveCreditScore", 200, "score"},
		{"HEAD", "/RetrieveCreditScore", 200, ""},
		{"get", "/RetrieveCreditScore", 200, ""},
		{"GET", "/RetrieveCreditScore", 201, ""},
		{"GET", "/RetrieveCreditScore/", 200, ""},
		{"GET", "/retrievecreditscore", 200, ""},
		{"GET", "/RetrieveCreditScore/x", 200, ""},
		{"GET", "/RetrieveCreditScore", 503, "any"},
		{"GET", "/v1", 200, ""},
		{"GET", "/v1/", 200, "all-v1"},
		{"GET", "/v1/users", 200, "all-v1"},
		{"GET", "/v1/users/", 200, "all-v1"},
		{"GET", "/v1/users/7", 200, "all-v1 users"},
		{"GET", "/v1/users/7", 304, "all-v1 users"},
		{"GET", "/v1/users/7", 404, "all-v1"},
		{"GET", "/v1/users/7/", 200, "all-v1 users"},
		{"GET", "/v1/users/7/orders/8", 200, "all-v1 users"},
		{"GET", "/v1/users/7/orders/8", 500, "all-v1 any"},
		{"GET", "/", 200, "root"},
		{"GET", "/a/", 200, "root"},
		{"GET", "/a", 200, ""},
	}
	tally := ms.NewTally()
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %s %d", tt.method, tt.path, tt.status), func(t *testing.T) {
			var got []string
			for _, m := range ms.Matching(record(tt.method, tt.path, tt.status, "c"), tally) {
				got = append(got, ms.Names()[m])
			}
			slices.Sort(got)
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestMeterWithoutRoutablePathIsNeverBillable(t *testing.T) {
	ms := meters(t, Meter{Name: "any"})
	rec := record("GET", "/x", 200, "c")
	rec.Path = nil
	tally := ms.NewTally()
	ms.Measure(rec, tally)
	if got := accounts(tally)[WindowOf(noon)]; got != (Accounting{Lines: 1, Rules: rules(RulePath, 1)}) {
		t.Errorf("got %+v, want the line as not billable", got)
	}
}

func TestPatternErrors(t *testing.T) {
	tests := []struct{ pattern, want string }{
		{"", "doesn't begin with a slash"},
		{"v1/x", "doesn't begin with a slash"},
		{"/v1/*/x", "before its end"},
		{"/v1/{rest...}/x", "before its end"},
		{"/v1/{$}/x", "before its end"},
		{"/v1/a*", "want literal text"},
		{"/v1/{id", "want literal text"},
		{"/v1/x{id}", "want literal text"},
		{"/v1/{}", "want literal text"},
		{"/v1?x=1", "without query"},
		{"/v1#x", "without query"},
	}
	for _, tt := range tests {
		if err := CheckPath(tt.pattern); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("CheckPath(%q) = %v, want an error with %q", tt.pattern, err, tt.want)
		}
		if _, err := NewMeters([]Meter{{Name: "m", Match: Match{Paths: []string{tt.pattern}}}}); err == nil {
			t.Errorf("NewMeters takes %q", tt.pattern)
		}
	}
}

func TestParseStatus(t *testing.T) {
	for _, text := range []string{"", "20", "2000", "abc", "2x", "x2x", "0xx", "299-200", "200-", "-200", "+20", "200-2xx", " 200"} {
		var s StatusSet
		if err := s.ParseStatus(text); err == nil {
			t.Errorf("ParseStatus(%q) takes it", text)
		} else if !s.Empty() {
			t.Errorf("ParseStatus(%q) fails but adds to the set", text)
		}
	}
	s := status(t, "200", "3XX", "498-499", "000")
	for code, want := range map[int]bool{200: true, 201: false, 299: false, 300: true, 399: true, 400: false, 497: false, 498: true, 499: true, 500: false, 0: true, -1: false, 1000: false, 1 << 20: false} {
		if got := s.Has(code); got != want {
			t.Errorf("Has(%d) = %v, want %v", code, got, want)
		}
	}
}

func accounts(t *Tally) map[Window]Accounting {
	m := map[Window]Accounting{}
	for w, a := range t.Accounts() {
		m[w] = a
	}
	return m
}

func rows(t *Tally) map[string]uint64 {
	m := map[string]uint64{}
	for r := range t.Rows() {
		m[fmt.Sprintf("%s %s %s :%02d", t.Meters()[r.Meter], t.Customer(r.Customer), r.Window, r.Minute)] += r.Value
	}
	return m
}

func TestTallyCountsAndAccounts(t *testing.T) {
	ms := meters(t, Meter{Name: "a", Match: Match{Paths: []string{"/a"}}}, Meter{Name: "ab", Match: Match{Paths: []string{"/a", "/b", "/{x}"}}})
	tally := ms.NewTally()
	tally.Refuse(2, WindowOf(noon)) // nothing was read yet: the fallback's window
	ms.Measure(record("GET", "/a", 200, "acme"), tally)
	ms.Measure(record("GET", "/b", 200, "acme"), tally)
	late := record("GET", "/a", 200, "acme")
	late.Time = noon.Add(-3*time.Minute).UnixMilli() + 999
	ms.Measure(late, tally)
	ms.Measure(record("GET", "/a", 200, ""), tally)
	ms.Measure(record("GET", "/no/such", 200, "acme"), tally)
	next := record("GET", "/b", 200, "zoe")
	next.Time = noon.Add(time.Hour).UnixMilli()
	ms.Measure(next, tally)
	tally.Refuse(1, 0) // after a line: that line's window
	tally.Skip(0)

	wantRows := map[string]uint64{
		"a acme 2026-11-24T12:00:00Z :34":  2,
		"ab acme 2026-11-24T12:00:00Z :34": 3,
		"ab zoe 2026-11-24T13:00:00Z :34":  1,
	}
	if got := rows(tally); fmt.Sprint(got) != fmt.Sprint(wantRows) {
		t.Errorf("rows: got %v, want %v", got, wantRows)
	}
	w := WindowOf(noon)
	wantLines := map[Window]Accounting{
		w:     {Lines: 7, Billed: 3, Rules: rules(RulePath, 1), NoCustomer: 1, Refused: 2},
		w + 1: {Lines: 3, Billed: 1, Rules: rules(RuleSkip, 1), Refused: 1},
	}
	got := accounts(tally)
	if fmt.Sprint(got) != fmt.Sprint(wantLines) {
		t.Errorf("accounting: got %v, want %v", got, wantLines)
	}
	for w, a := range got {
		if a.Remainder() != 0 {
			t.Errorf("window %s: %d lines are unaccounted for", w, a.Remainder())
		}
	}
	if tally.Lines() != 10 {
		t.Errorf("Lines() = %d, want 10", tally.Lines())
	}
	tally.Reset()
	if len(rows(tally)) != 0 || len(accounts(tally)) != 0 || tally.Lines() != 0 {
		t.Error("Reset leaves counts")
	}
	ms.Measure(record("GET", "/b", 200, "acme"), tally)
	if got, want := rows(tally), map[string]uint64{"ab acme 2026-11-24T12:00:00Z :34": 1}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("after Reset: got %v, want %v", got, want)
	}
}

func TestTallyForgetsInventedCustomers(t *testing.T) {
	ms := meters(t, Meter{Name: "a"})
	tally := ms.NewTally()
	rec := record("GET", "/a", 200, "")
	for i := range maxIdleNames + 1 {
		rec.Customer = fmt.Appendf(rec.Customer[:0], "invented-%d", i)
		ms.Measure(rec, tally)
	}
	tally.IDs = append(tally.IDs, 1, 2, 3)
	tally.Reset()
	if tally.Customers() != 0 || len(tally.IDs) != 0 {
		t.Errorf("after Reset %d customers and %d IDs stay", tally.Customers(), len(tally.IDs))
	}
	ms.Measure(record("GET", "/a", 200, "acme"), tally)
	if got := rows(tally); len(got) != 1 {
		t.Errorf("got %v, want one row", got)
	}
}

func TestMeasureAllocatesNothing(t *testing.T) {
	ms := meters(t,
		Meter{Name: "a", Match: Match{Paths: []string{"/v1/users/{id}"}, Methods: []string{"GET"}, Status: status(t, "2xx")}},
		Meter{Name: "b", Match: Match{Paths: []string{"/v1/*"}}},
		Meter{Name: "c", Match: Match{Hosts: []string{"*.example.com"}, Fields: []FieldTest{{Field: "$x", Values: []string{"1"}, Pattern: regexp.MustCompile("[0-9]")}}}, Aggregation: CountUnique, Field: "$x"},
	)
	tally := ms.NewTally()
	recs := []*Record{record("GET", "/v1/users/7", 200, "acme"), record("POST", "/x", 404, "zoe"), record("GET", "/v1/y", 200, ""), call("/z", "a.b.example.com", "1")}
	for _, r := range recs {
		ms.Measure(r, tally)
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, r := range recs {
			ms.Measure(r, tally)
		}
	}); n != 0 {
		t.Errorf("%v allocations per run, want 0", n)
	}
}

// BenchmarkMeasure shows that the cost of a line doesn't grow with the meters
// that don't want it.
func BenchmarkMeasure(b *testing.B) {
	for _, n := range []int{1, 5, 500} {
		b.Run(fmt.Sprintf("meters=%d", n), func(b *testing.B) {
			var list []Meter
			for i := range n {
				list = append(list, Meter{Name: fmt.Sprint(i), Match: Match{Paths: []string{fmt.Sprintf("/v1/resource%d/{id}", i)}, Status: status(b, "200")}})
			}
			ms := meters(b, list...)
			tally := ms.NewTally()
			var recs []*Record
			for i := range 1000 {
				recs = append(recs, record("GET", fmt.Sprintf("/v1/resource%d/%d", i%n, i), 200, fmt.Sprintf("cus_%04d", i)))
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				ms.Measure(recs[i%len(recs)], tally)
			}
		})
	}
}

func rules(r Rule, lines uint64) (counts [RuleCount]uint64) {
	counts[r] = lines
	return counts
}
