package checkpoint

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// fill returns a tally with a row for each of customers and meters in w.
func fill(b testing.TB, ms *agent.Meters, tally *agent.Tally, w agent.Window, customers, rows int) {
	b.Helper()
	n := len(ms.Names())
	for i := range rows {
		// Customers come in no order, as they do.
		countLine(ms, tally, w, 1, i%n, fmt.Sprintf("cus_%014d", i/n*7919%customers))
	}
}

// BenchmarkCommit is a commit of 10,000 rows with fsync, as one second of a
// busy API makes.
func BenchmarkCommit(b *testing.B) {
	s := open(b, b.TempDir())
	ms := meters(b, 5)
	tally := ms.NewTally()
	fill(b, ms, tally, hour0, 10_000, 10_000)
	position := []agent.Position{{ID: 1, Path: "/var/log/nginx/access.log", Head: make([]byte, 1024), Mark: make([]byte, 1024)}}
	must(b, s.Commit("edge", position, tally))
	b.ReportAllocs()
	took := make([]time.Duration, 0, 1024)
	for b.Loop() {
		position[0].Offset++
		start := time.Now()
		must(b, s.Commit("edge", position, tally))
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(s.batch.at+len(s.batch.buf)), "batch-B")
}

func BenchmarkSeal(b *testing.B) {
	s := open(b, b.TempDir())
	ms := meters(b, 5)
	tally := ms.NewTally()
	fill(b, ms, tally, hour0, 10_000, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		must(b, s.Commit("edge", nil, tally))
		must(b, s.Maintain(time.Unix(0, 0)))
		b.StartTimer()
		if n, err := s.Seal(hour0.End()); n != 10_000 || err != nil {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkOpenAfterKill opens a state with 10,000 customers of five meters
// and two hours, whose process was killed with the ring full.
func BenchmarkOpenAfterKill(b *testing.B) {
	dir := b.TempDir()
	s := open(b, dir)
	ms := meters(b, 5)
	tally := ms.NewTally()
	for i := range 300 {
		fill(b, ms, tally, hour0+agent.Window(i/200), 10_000, 10_000)
		must(b, s.Commit("edge", nil, tally))
		tally.Reset()
	}
	for b.Loop() {
		b.StopTimer()
		copied := killed(b, dir)
		b.StartTimer()
		s, err := Open(testOptions(copied))
		must(b, err)
		b.StopTimer()
		must(b, s.Close())
		must(b, os.RemoveAll(copied))
		b.StartTimer()
	}
}

// TestMemory reports the heap of a store; it is asked for by
// LOGMETER_CUSTOMERS, the number of customers of five meters in two hours.
func TestMemory(t *testing.T) {
	customers, err := strconv.Atoi(os.Getenv("LOGMETER_CUSTOMERS"))
	if err != nil {
		t.Skip("LOGMETER_CUSTOMERS isn't set")
	}
	dir := t.TempDir()
	ms := meters(t, 5)
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / 1e6
	}
	s := open(t, dir)
	empty := heap()
	for w := range agent.Window(2) {
		tally := ms.NewTally()
		for at := 0; at < customers; at += 4000 {
			for i := at; i < min(customers, at+4000); i++ {
				for m := range 5 {
					countLine(ms, tally, hour0+w, 1, m, fmt.Sprintf("cus_%014d", i))
				}
			}
			must(t, s.Commit("edge", nil, tally))
			must(t, s.Maintain(time.Unix(0, 0)))
			tally.Reset()
		}
	}
	before := heap()
	s.windows, s.dirty = nil, dirtyList{}
	s.names = agent.NewNames()
	t.Logf("%d customers: an empty store %.1f MB, counts and names %.1f MB more", customers, empty, before-heap())
}
