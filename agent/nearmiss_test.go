package agent

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

func TestNearMisses(t *testing.T) {
	ms := meters(t,
		Meter{Name: "score", Match: Match{Paths: []string{"/v1/Score", "/v1/users/{Id}"}, Methods: []string{"GET"}, Status: status(t, "200")}},
		Meter{Name: "slash", Match: Match{Paths: []string{"/s/"}, Status: status(t, "2xx")}, Exclude: []Match{{Methods: []string{"PUT"}}}},
	)
	tests := []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/v1/score", 200, "score: letter case"},
		{"GET", "/v1/Score/", 200, "score: trailing slash"},
		{"GET", "/v1/%53core", 200, "score: escapes"},
		{"GET", "/v1//Score", 200, "score: doubled slash"},
		{"GET", "/v1/Score;x=1", 200, "score: ;parameters"},
		{"HEAD", "/v1/Score", 200, "score: method HEAD"},
		{"GET", "/v1/Score", 304, "score: status 304"},
		{"GET", "/v1/users/Ann", 206, "score: status 206"},
		{"GET", "/v1/Score", 499, "score: status 499"},
		{"HEAD", "/V1//score/", 304, "score: doubled slash, trailing slash, letter case, method HEAD, status 304"},
		{"GET", "/s", 200, "slash: lacks a trailing slash"},
		{"PUT", "/s", 200, ""},
		{"GET", "/v1/Score", 404, ""},
		{"GET", "/v1/score", 500, ""},
		{"POST", "/v1/score", 200, ""},
		{"GET", "/v1/scores", 200, ""},
	}
	for _, tt := range tests {
		n := ms.NewNearMisses()
		rec := record(tt.method, tt.path, tt.status, "acme")
		why := ms.Measure(rec, ms.NewTally())
		if why == RuleCount {
			t.Errorf("%+v is billed", tt)
			continue
		}
		n.Look(rec, why)
		got := ""
		for _, m := range n.Take() {
			got = m.Meter + ": " + m.Why
		}
		if got != tt.want {
			t.Errorf("%s %s %d: got %q, want %q", tt.method, tt.path, tt.status, got, tt.want)
		}
	}
}

func TestNearMissesAreBounded(t *testing.T) {
	ms := meters(t, Meter{Name: "m", Match: Match{Paths: []string{"/a"}, Status: status(t, "200")}})
	n := ms.NewNearMisses()
	for i := range 3000 {
		rec := record("GET", "/A", 200, fmt.Sprintf("cus_%d", i))
		n.Look(rec, RulePath)
	}
	n.Look(record("GET", "/a/", 304, "cus_1"), RulePath)
	want := []NearMiss{
		{"m", "letter case", 3000, maxMissCustomers, "GET /A 200"},
		{"m", "trailing slash, status 304", 1, 1, "GET /a/ 304"},
	}
	if got := n.Take(); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := n.Take(); len(got) != 0 {
		t.Errorf("after Take: %+v", got)
	}
}

// The agent tells of near misses every hour, and looks at a bounded number.
func TestNearMissesAreReportedHourly(t *testing.T) {
	h := newHouse(t)
	var said strings.Builder
	a := h.agent()
	a.Log = slog.New(slog.NewTextHandler(&said, nil))
	for range 2 * looksPerCommit {
		h.log.write(h.clock.now(), "/Score", "1", 200)
	}
	feeds, _ := a.loops()
	feeds[0].feed.Source.(*logSource).block = 1 << 20
	must(t, feeds[0].drain(t.Context(), 0))
	if said.Len() > 0 {
		t.Errorf("told before the hour is over: %s", said.String())
	}
	h.clock.advance(nearEvery)
	h.log.write(h.clock.now(), "/Score", "2", 200)
	must(t, feeds[0].drain(t.Context(), 0))
	want := fmt.Sprintf(`meter=score difference="letter case" calls=%d customers=2 example="GET absent 200"`, looksPerCommit+1)
	if !strings.Contains(said.String(), want) {
		t.Errorf("got %s, want %s", said.String(), want)
	}
}
