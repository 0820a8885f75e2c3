package stripe

import (
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

// BenchmarkHour delivers the 50,000 entries of one hour to a Stripe with its
// live limits that takes 100 ms to answer, by the report loop itself:
//
//	go test ./agent/stripe -run '^$' -bench Hour -benchtime 1x
//
// The fake's work is a part of the CPU time shown by -cpuprofile.
func BenchmarkHour(b *testing.B) {
	const customers = 50_000
	for b.Loop() {
		b.StopTimer()
		cfg := stripetest.Config{Live: true, Key: "sk_live_bench", Latency: 100 * time.Millisecond}.Limits()
		s := stripetest.NewServer(b, cfg, event)
		ms, err := agent.NewMeters([]agent.Meter{{Name: "calls"}})
		if err != nil {
			b.Fatal(err)
		}
		store, tally := agent.NewMemory("edge-1"), ms.NewTally()
		for i := range customers {
			customer := strconv.AppendInt([]byte("cus_"), int64(i), 10)
			ms.Measure(&agent.Record{Time: hour.Start().UnixMilli(), Path: []byte("/"), Customer: customer, Status: 200}, tally)
		}
		if err := store.Commit("edge", nil, tally); err != nil {
			b.Fatal(err)
		}
		biller, err := New(Options{
			APIBase: s.URL, Key: Secret(s.Key), Live: true,
			Meters: map[string]Meter{"calls": {EventName: event}},
		})
		if err != nil {
			b.Fatal(err)
		}
		a := &agent.Agent{Meters: ms, Store: store, Biller: biller, Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
		b.StartTimer()
		began := time.Now()
		d, err := a.RunOnce(b.Context())
		took := time.Since(began)
		if err != nil || d.Accepted != customers {
			b.Fatalf("%+v, %v", d, err)
		}
		b.StopTimer()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(customers/took.Seconds(), "entries/s")
		b.ReportMetric(float64(s.Stats().Limited), "429s")
		b.ReportMetric(float64(m.Sys>>20), "MB")
		if n := s.Usage("cus_7", event); n != 1 {
			b.Error(fmt.Sprint("billed ", n))
		}
		b.StartTimer()
	}
}
