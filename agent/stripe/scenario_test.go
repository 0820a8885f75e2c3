package stripe

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

// The report loop through days of outages, bad lines, lost permissions and a
// local clock that jumps, cut off and started again all the time: when the
// story is over, every customer is billed exactly what was counted.
func TestReportLoopThroughScenarios(t *testing.T) {
	for seed := range seeds(t, 4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			story := stripetest.NewScenario(seed)
			rng := rand.New(rand.NewPCG(seed, 5))
			clock := &virtual{start: time.Now().Truncate(time.Hour)}
			local := func() time.Time { return clock.now().Add(story.Skew(time.Duration(clock.gone.Load()))) }
			s := stripetest.NewServer(t, stripetest.Config{
				Now: clock.now, Slow: time.Millisecond, Lag: time.Minute, LagSpread: time.Hour, Processing: time.Minute,
			}, event)
			story.Play(s.Fake)
			b := biller(t, Options{APIBase: s.URL, Key: Secret(s.Key), Now: local})
			ms, err := agent.NewMeters([]agent.Meter{{Name: "calls"}})
			if err != nil {
				t.Fatal(err)
			}
			store, tally, want := agent.NewMemory("edge-1"), ms.NewTally(), map[string]int64{}
			for {
				since := time.Duration(clock.gone.Load()) - time.Duration(story.Length)
				over, cut := since > 0, 20*time.Millisecond
				switch {
				case since > 96*time.Hour:
					cut = 2 * time.Second // a busy machine needs it
				case over:
					cut = 60 * time.Millisecond
				}
				left, err := store.Pending(nil, 1)
				if err != nil {
					t.Fatal(err)
				}
				// The local clock may be days behind, and seals as late.
				if since > 72*time.Hour && len(left) == 0 {
					break
				}
				if since > 21*24*time.Hour {
					t.Errorf("usage is left in the outbox: %+v", left[0])
					break
				}
				for range rng.IntN(8) * boolInt(!over) {
					customer := fmt.Sprintf("cus_%d", rng.IntN(4))
					at := clock.now().Add(-time.Duration(rng.IntN(3600)) * time.Second)
					ms.Measure(&agent.Record{Time: at.UnixMilli(), Path: []byte("/"), Customer: []byte(customer), Status: 200}, tally)
					want[customer]++
				}
				if err := store.Commit("edge", nil, tally); err != nil {
					t.Fatal(err)
				}
				tally.Reset()
				a := &agent.Agent{
					Meters: ms, Store: store, Biller: b, Settle: 3 * time.Minute, Now: local,
					Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
				}
				ctx, cancel := context.WithTimeout(t.Context(), cut)
				_, _ = a.RunOnce(ctx) // that it was cut off, or is paused, is the story
				cancel()
				clock.advance(time.Duration(1+rng.IntN(60)) * time.Minute)
				if over {
					clock.advance(time.Hour)
				}
			}
			for customer, n := range want {
				s.WantUsage(customer, event, n)
			}
			if t.Failed() {
				t.Log(story.String())
			}
		})
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
