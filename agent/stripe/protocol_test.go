package stripe

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

// virtual is a clock that the agent and the fake share.
type virtual struct {
	start time.Time
	gone  atomic.Int64
}

func (v *virtual) now() time.Time          { return v.start.Add(time.Duration(v.gone.Load())) }
func (v *virtual) advance(d time.Duration) { v.gone.Add(int64(d)) }

// seeds returns how many random sequences to run: usual, unless LOGMETER_SEEDS
// says another number, for a long run.
func seeds(t *testing.T, usual uint64) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(cmp.Or(os.Getenv("LOGMETER_SEEDS"), strconv.FormatUint(usual, 10)), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// One identifier, sent as often as it takes through every kind of fault, with
// crashes that forget the answer and outages longer than Stripe's memory: what
// Stripe bills is the entry's value, exactly.
func TestEveryEntryIsBilledOnce(t *testing.T) {
	for seed := range seeds(t, 8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 7))
			clock := &virtual{start: time.Now().Truncate(time.Second)}
			cfg := stripetest.Config{Now: clock.now, Slow: time.Millisecond, Lag: time.Duration(rng.IntN(120)) * time.Second}
			s := stripetest.NewServer(t, cfg, event)
			b := biller(t, Options{APIBase: s.URL, Key: Secret(s.Key), Now: clock.now})
			if _, err := b.Now(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.Chaos(20+rng.IntN(60), seed)
			for i := range 20 {
				value := 1 + rng.Int64N(1_000_000)
				customer := fmt.Sprintf("cus_%d", i)
				e := &agent.Entry{Meter: "calls", Customer: customer, Seq: 1, Value: value, Window: agent.WindowOf(clock.now()) - 1}
				e.Identifier = agent.Identify("edge-1", e)
				if err := b.Build(e); err != nil {
					t.Fatal(err)
				}
				e.Timestamp = e.Window.Start().Unix() + 60*rng.Int64N(60)
				deliverOnce(t, b, e, clock, rng)
				s.WantUsage(customer, event, int64(value))
			}
		})
	}
}

// deliverOnce follows the delivery protocol until the entry is proven to be
// with Stripe: blind sends for 20 hours, then only what the summaries allow.
func deliverOnce(t *testing.T, b *Biller, e *agent.Entry, clock *virtual, rng *rand.Rand) {
	t.Helper()
	first := clock.now()
	var absent time.Time
	held := false
	for range 2000 {
		wait := time.Duration(rng.IntN(600)) * time.Second
		if rng.IntN(12) == 0 {
			wait = time.Duration(rng.IntN(30)) * time.Hour // an outage
		}
		clock.advance(wait)
		// An hour is left for the call itself, whose moment isn't this one.
		held = held || clock.now().Sub(e.Window.End()) >= 20*time.Hour || clock.now().Sub(first) >= 20*time.Hour
		if held {
			n, err := b.Summary(t.Context(), e, e.Time(), e.Time().Add(time.Minute))
			switch {
			case err != nil:
				continue
			case n == e.Value:
				return
			case n != 0:
				t.Fatalf("Stripe has %d, the entry is %d", n, e.Value)
			case absent.IsZero():
				absent = clock.now()
			}
			if e.Duplicate || clock.now().Sub(absent) < 24*time.Hour {
				continue
			}
		}
		o := b.Send(t.Context(), e)
		if rng.IntN(10) == 0 {
			absent = time.Time{}
			continue // the process died before it could note the outcome
		}
		switch o.Verdict {
		case agent.VerdictAccepted:
			return
		case agent.VerdictDuplicate:
			e.Duplicate, held = true, true
		case agent.VerdictBusy:
		case agent.VerdictUnknown:
			absent = time.Time{}
			if o.Replayed {
				e.KeyEpoch++
			}
		default:
			t.Fatalf("%s: %s", verdicts[o.Verdict], o.Reason)
		}
	}
	t.Fatalf("entry %s never got through", e.Identifier)
}

// The report loop itself over a bad line: every customer is billed exactly.
func TestReportLoopOverABadLine(t *testing.T) {
	for seed := range seeds(t, 3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			clock := &virtual{start: time.Now().Truncate(time.Second)}
			s := stripetest.NewServer(t, stripetest.Config{Now: clock.now, Slow: time.Millisecond}, event)
			b := biller(t, Options{APIBase: s.URL, Key: Secret(s.Key), Now: clock.now})
			s.Chaos(35, seed)

			ms, err := agent.NewMeters([]agent.Meter{{Name: "calls"}})
			if err != nil {
				t.Fatal(err)
			}
			store, tally := agent.NewMemory("edge-1"), ms.NewTally()
			want := map[string]int64{}
			rng := rand.New(rand.NewPCG(seed, 1))
			for range 2 { // late lines make further entries of the same hours
				for range 200 {
					customer := fmt.Sprintf("cus_%d", rng.IntN(15))
					at := clock.start.Add(-time.Duration(1+rng.IntN(3)) * time.Hour)
					ms.Measure(&agent.Record{Time: at.UnixMilli(), Path: []byte("/"), Customer: []byte(customer), Status: 200}, tally)
					want[customer]++
				}
				if err := store.Commit("edge", nil, tally); err != nil {
					t.Fatal(err)
				}
				tally.Reset()
				if _, err := store.Seal(clock.now().Add(time.Hour)); err != nil {
					t.Fatal(err)
				}
				a := &agent.Agent{Meters: ms, Store: store, Biller: b, Now: clock.now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
				deliverAll(t, a, store, clock)
			}
			for customer, n := range want {
				s.WantUsage(customer, event, n)
			}
		})
	}
}

// deliverAll delivers what is sealed, in runs that are cut short: a call that
// is under way then is one more fault.
func deliverAll(t *testing.T, a *agent.Agent, store *agent.Memory, clock *virtual) {
	t.Helper()
	for range 60 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := a.RunOnce(ctx)
		if err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		cancel()
		left, err := store.Pending(nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			return
		}
		clock.advance(6 * time.Minute) // more than the longest pause between attempts
	}
	t.Fatal("usage is left in the outbox")
}
