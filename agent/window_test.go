package agent

import (
	"strings"
	"testing"
	"time"
)

func TestWindow(t *testing.T) {
	start := time.Date(2026, 11, 24, 18, 0, 0, 0, time.UTC)
	w := WindowOf(start)
	if !w.Start().Equal(start) || !w.End().Equal(start.Add(time.Hour)) || w.String() != "2026-11-24T18:00:00Z" {
		t.Errorf("window of %s is %s to %s (%s)", start, w.Start(), w.End(), w)
	}
	if WindowOf(start.Add(time.Hour-time.Millisecond)) != w || WindowOf(start.Add(-time.Millisecond)) != w-1 || WindowOf(start.Add(time.Hour)) != w+1 {
		t.Error("a window holds its start and not its end")
	}
	kolkata := time.FixedZone("", 5*3600+1800) // windows are hours of UTC
	if WindowOf(time.Date(2026, 11, 24, 23, 29, 59, 0, kolkata)) != w-1 {
		t.Error("the zone of the time matters")
	}
	before := time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC)
	if got := WindowOf(before); got != -1 || minuteOf(before.UnixMilli()) != 59 {
		t.Errorf("before the epoch: window %d, minute %d", got, minuteOf(before.UnixMilli()))
	}
}

func TestFreeMinute(t *testing.T) {
	all := uint64(1)<<60 - 1
	tests := []struct {
		want  uint8
		taken uint64
		get   uint8
	}{
		{0, 0, 0},
		{59, 0, 59},
		{30, 1 << 30, 29},
		{30, 1<<30 | 1<<29, 28},
		{0, 1 << 0, 1},
		{59, 1 << 59, 58},
		{10, all &^ (1 << 50), 50},
		{10, all, 10}, // all are taken: it is shared
	}
	for _, tt := range tests {
		if got := FreeMinute(tt.want, tt.taken); got != tt.get {
			t.Errorf("FreeMinute(%d, %b) = %d, want %d", tt.want, tt.taken, got, tt.get)
		}
	}
}

// TestPromiseOneIdentifier holds the identifiers fast: usage that is already at Stripe
// must never go out under another name, whatever version of logmeter runs.
func TestPromiseOneIdentifier(t *testing.T) {
	w := WindowOf(time.Date(2026, 11, 24, 18, 0, 0, 0, time.UTC))
	name := func(instance, meter, customer string, w Window, from uint64) string {
		return Identify(instance, &Entry{Meter: meter, Customer: customer, Window: w, From: from, Seq: 7})
	}
	got := name("edge-1", "credit-score", "acme", w, 0)
	if want := "lm1-c8647f6aae443ad162b42807381f1e8f-2026112418-1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	adjusted := Entry{Meter: "credit-score", Customer: "acme", Window: w, Seq: 2, Adjustment: true}
	seen := map[string]bool{got: true}
	for _, other := range []string{
		name("edge-2", "credit-score", "acme", w, 0),
		name("edge-1", "credit-scor", "eacme", w, 0),
		name("edge-1", "credit-score", "acme", w+1, 0),
		name("edge-1", "credit-score", "acme", w, 1),
		name("edge-1credit-score", "", "acme", w, 0),
		Identify("edge-1", &adjusted),
		name(strings.Repeat("x", 200), strings.Repeat("y", 200), strings.Repeat("z", 9000), w, 1<<64-2),
	} {
		if seen[other] {
			t.Errorf("%s stands for two entries", other)
		}
		if len(other) > 80 {
			t.Errorf("%s has %d characters; Stripe takes 100", other, len(other))
		}
		seen[other] = true
	}
}
