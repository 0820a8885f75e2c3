package agent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

const hourKey = "cus_acme 2026-11-24T12:00:00Z"

func TestHourIsSealedOnlyWhenItIsOverAndRead(t *testing.T) {
	h := newHouse(t)
	h.log.write(noon, "/score", "acme", 200)
	h.mustPass()
	h.wantBilled(map[string]int64{}) // the hour is open
	h.clock.t = WindowOf(noon).End().Add(2 * time.Minute)
	h.mustPass()
	h.wantBilled(map[string]int64{}) // over, but not settled
	h.log.write(noon.Add(time.Minute), "/score", "acme", 200)
	h.clock.advance(time.Minute)
	h.mustPass()
	h.wantBilled(map[string]int64{hourKey: 2})
	h.mustPass()
	h.wantBilled(map[string]int64{hourKey: 2})
}

func TestLateLineBecomesAnEntryOfItsOwn(t *testing.T) {
	h := newHouse(t)
	h.log.write(noon, "/score", "acme", 200)
	h.clock.advance(time.Hour)
	h.mustPass()
	h.log.write(noon, "/score", "acme", 200)
	h.log.write(noon.Add(5*time.Minute), "/score", "acme", 200)
	h.log.write(noon, "/score", "acme", 200)
	h.mustPass()
	h.wantBilled(map[string]int64{hourKey: 4})
	got := all(t, h.store.(*Memory).Ledger(FirstWindow, LastWindow))
	if len(got) != 2 || got[1].Seq != 2 || got[1].Value != 3 || got[1].Time().Minute() != 39 {
		t.Errorf("ledger: got %+v, want a second entry of 3 in minute 39", got)
	}
}

// TestSourceThatCannotBeReadHoldsBackNobodyForLong: patience, then the hours
// of the others go out.
func TestSourceThatCannotBeReadHoldsBackNobodyForLong(t *testing.T) {
	h := newHouse(t)
	h.log.write(noon, "/score", "acme", 200)
	h.mustPass()
	h.clock.t = WindowOf(noon).End().Add(settleForTest)
	_, rep := h.agent().loops() // nothing is read in this life: readTo is unknown
	for range 16 {
		h.clock.advance(time.Minute)
		if _, err := rep.step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if h.clock.t.Sub(WindowOf(noon).End()) < sealPatience {
			h.wantBilled(map[string]int64{})
		}
	}
	h.clock.advance(settleForTest)
	if _, err := rep.step(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.wantBilled(map[string]int64{hourKey: 1})
}

const settleForTest = 3 * time.Minute

// TestPromiseNothingDropped: usage of a customer that isn't known stays, with
// the reason, and goes out when the mapping is mended.
func TestPromiseNothingDropped(t *testing.T) {
	h := newHouse(t)
	known := false
	h.biller.lookup = func(string) (string, error) {
		if !known {
			return "", &Rejected{"no Stripe customer for \"acme\""}
		}
		return "cus_1", nil
	}
	h.log.write(noon, "/score", "acme", 200)
	h.clock.advance(time.Hour)
	if d := h.mustPass(); d.Parked != 1 || d.Waiting != 0 {
		t.Errorf("got %+v, want one parked entry", d)
	}
	if e := h.entries()[0]; e.State != Parked || !strings.Contains(e.Reason, "acme") {
		t.Errorf("got %s (%s), want parked with the reason", e.State, e.Reason)
	}
	known = true
	if d := h.mustPass(); d.Accepted != 1 {
		t.Errorf("got %+v, want it accepted", d)
	}
	h.wantBilled(map[string]int64{"cus_1 2026-11-24T12:00:00Z": 1})
}

// TestPromiseFrozenRequest: every attempt of an entry sends the same bytes,
// whatever was counted or configured meanwhile.
func TestPromiseFrozenRequest(t *testing.T) {
	h := newHouse(t)
	account := "cus_1"
	h.biller.lookup = func(string) (string, error) { return account, nil }
	h.biller.lost = true
	h.log.write(noon, "/score", "acme", 200)
	h.clock.advance(time.Hour)
	h.mustPass()
	frozen := h.entries()[0]
	if !frozen.Frozen() || frozen.Account != "cus_1" {
		t.Fatalf("the first attempt froze %+v", frozen)
	}
	account = "cus_2" // the mapping changes, and late lines come
	h.log.write(noon.Add(3*time.Minute), "/score", "acme", 200)
	for range 3 {
		h.clock.advance(10 * time.Minute)
		h.mustPass()
		if got := h.entries()[0]; body(&got) != body(&frozen) {
			t.Fatalf("an attempt sent %s, the first one %s", body(&got), body(&frozen))
		}
	}
	h.biller.lost = false
	for range 3 {
		h.clock.advance(10 * time.Minute)
		h.mustPass()
	}
	h.wantBilled(map[string]int64{
		"cus_1 2026-11-24T12:00:00Z": 1,
		"cus_2 2026-11-24T12:00:00Z": 1, // the late line, mapped as the mapping was then
	})
}

func TestTwoLoggedNamesOfOneCustomerGetTwoMinutes(t *testing.T) {
	h := newHouse(t)
	h.biller.lookup = func(string) (string, error) { return "cus_1", nil }
	for _, name := range []string{"acme", "ACME", "acme-old"} {
		h.log.write(noon, "/score", name, 200)
	}
	h.clock.advance(time.Hour)
	for range 3 { // one entry of an account and window at a time
		h.mustPass()
	}
	minutes := map[int64]bool{}
	for _, e := range all(t, h.store.(*Memory).Ledger(FirstWindow, LastWindow)) {
		minutes[e.Timestamp] = true
	}
	if len(minutes) != 3 {
		t.Errorf("three entries share minutes: %v", minutes)
	}
}

// TestRefusedEntryIsParkedUntilTheNextStart: it isn't sent again and again, but
// once more when the agent starts, since what was wrong may have been mended.
func TestRefusedEntryIsParkedUntilTheNextStart(t *testing.T) {
	h := newHouse(t)
	h.biller.refuse = "no such meter"
	h.log.write(noon, "/score", "acme", 200)
	h.clock.advance(time.Hour)
	feeds, rep := h.agent().loops()
	if err := feeds[0].drain(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := rep.step(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.clock.advance(time.Minute)
	}
	if e := h.entries()[0]; e.State != Parked || e.Reason != "no such meter" || h.biller.calls != 1 {
		t.Errorf("got %s (%s) after %d calls, want it parked after one", e.State, e.Reason, h.biller.calls)
	}
	h.biller.refuse = ""
	h.mustPass()
	h.wantBilled(map[string]int64{hourKey: 1})
}

// TestNothingPassesAParkedEntry: a life that counts the hour again cuts it into
// one entry, which overlaps with whatever had passed.
func TestNothingPassesAParkedEntry(t *testing.T) {
	h := newHouse(t)
	h.biller.refuse = "no such meter"
	h.log.write(noon, "/score", "acme", 200)
	h.clock.advance(time.Hour)
	feeds, rep := h.agent().loops()
	step := func() (d Delivery) {
		t.Helper()
		must(t, feeds[0].drain(t.Context(), 0))
		d, err := rep.step(t.Context())
		must(t, err)
		return d
	}
	step()
	h.biller.refuse = ""
	h.log.write(noon, "/score", "acme", 200)
	if d := step(); d.Parked != 2 || d.Waiting != 0 || !d.Next.IsZero() {
		t.Errorf("got %+v, want both entries parked and none due", d)
	}
	if es := h.entries(); len(es) != 2 || !strings.Contains(es[1].Reason, "which is parked") {
		t.Errorf("got %+v, want the second entry to wait for a parked one", es)
	}
	h.store = NewMemory("edge-1") // the state is lost, and the log counted again
	h.mustPass()
	h.wantBilled(map[string]int64{hourKey: 2})
}

// TestDroppedEntryDoesNotHideAnother: Stripe dropped an entry after it took it;
// a later one of the same size, whose answer was lost, isn't sent twice.
func TestDroppedEntryDoesNotHideAnother(t *testing.T) {
	h := newHouse(t)
	h.log.write(noon, "/score", "acme", 200)
	h.clock.advance(time.Hour)
	h.mustPass()
	h.biller.sums = map[string]int64{} // dropped
	h.biller.deaf = true
	h.log.write(noon.Add(5*time.Minute), "/score", "acme", 200)
	h.mustPass()
	h.biller.deaf = false
	for range 400 {
		h.clock.advance(10 * time.Minute)
		h.mustPass()
	}
	h.wantBilled(map[string]int64{hourKey: 1})
}

// TestOnceBillsWhatItCanRead: a log that can't be read is an error, and holds
// back nobody else's usage.
func TestOnceBillsWhatItCanRead(t *testing.T) {
	h := newHouse(t)
	h.log.write(noon, "/score", "acme", 200)
	h.clock.advance(time.Hour)
	a := h.agent()
	a.Feeds = append(a.Feeds, Feed{deadSource{h.clock}, wordParser{}})
	if _, err := a.RunOnce(t.Context()); err == nil {
		t.Error("a log that can't be read is no error")
	}
	h.wantBilled(map[string]int64{hourKey: 1})
}

// deadSource is a log that can't be read; time passes while it is tried.
type deadSource struct{ clock *clock }

func (deadSource) Name() string { return "dead" }

func (s deadSource) Next(context.Context, time.Duration) (Block, error) {
	s.clock.advance(10 * time.Second)
	return Block{}, nil
}

func (deadSource) Positions() []Position { return nil }
func (deadSource) Stats() SourceStats    { return SourceStats{} }
func (deadSource) Close() error          { return nil }

func TestPausedStopsAtOnce(t *testing.T) {
	h := newHouse(t)
	h.biller.pause = "the API key was revoked"
	for i := range 300 {
		h.log.write(noon, "/score", fmt.Sprintf("c%d", i), 200)
	}
	h.clock.advance(time.Hour)
	d := h.mustPass()
	if d.Paused == "" || h.biller.calls > 2*calls {
		t.Errorf("got %+v after %d calls, want a pause after few", d, h.biller.calls)
	}
	for _, e := range h.entries() {
		if e.Unknown || e.State != Sealed {
			t.Fatalf("an entry that Stripe didn't execute is %s, unknown %v", e.State, e.Unknown)
		}
	}
	h.biller.pause = ""
	h.clock.advance(10 * time.Minute)
	if d := h.mustPass(); d.Accepted != 300 {
		t.Errorf("got %+v, want all accepted when the key is mended", d)
	}
}

func TestOutageIsNotHammered(t *testing.T) {
	h := newHouse(t)
	h.biller.deaf = true
	for i := range 300 {
		h.log.write(noon, "/score", fmt.Sprintf("c%d", i), 200)
	}
	h.clock.advance(time.Hour)
	h.mustPass()
	if h.biller.calls > breakAfter+calls {
		t.Errorf("%d calls in one pass without an answer, want at most %d", h.biller.calls, breakAfter+calls)
	}
	h.biller.deaf = false
	for range 30 {
		h.clock.advance(time.Minute)
		h.mustPass()
	}
	for k, v := range h.biller.billed() {
		if v != 1 {
			t.Errorf("%s is billed %d times", k, v)
		}
	}
	if got := len(h.biller.billed()); got != 300 {
		t.Errorf("%d of 300 customers billed", got)
	}
}

// TestPromiseDedupeHorizon: an entry older than 20 hours is sent only after
// Stripe's summaries were read.
func TestPromiseDedupeHorizon(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(h *house)
		passes  map[time.Duration]int64 // after the end of the outage → billed
	}{
		{
			"never attempted: absent for an hour", func(*house) {},
			map[time.Duration]int64{0: 0, 50 * time.Minute: 0, 61 * time.Minute: 1},
		},
		{
			"attempted without effect: absent for a day",
			func(h *house) { h.biller.lost = true; h.mustPass(); h.biller.lost = false },
			map[time.Duration]int64{0: 0, 2 * time.Hour: 0, 23 * time.Hour: 0, 24*time.Hour + time.Minute: 1},
		},
		{
			"attempted with effect: found at once",
			func(h *house) { h.biller.deaf = true; h.mustPass(); h.biller.deaf = false },
			map[time.Duration]int64{0: 1, 48 * time.Hour: 1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			h.log.write(noon, "/score", "acme", 200)
			h.clock.advance(time.Hour)
			tt.prepare(h)
			h.clock.t = WindowOf(noon).End().Add(40 * time.Hour)
			end := h.clock.t
			for after := time.Duration(0); after <= 48*time.Hour; after += 10 * time.Minute {
				h.clock.t = end.Add(after)
				h.mustPass()
				for at, want := range tt.passes {
					if at <= after && at > after-10*time.Minute {
						if got := h.biller.billed()[hourKey]; got != want {
							t.Errorf("%s after the outage: billed %d, want %d", after, got, want)
						}
					}
				}
			}
			if left := h.entries(); len(left) != 0 {
				t.Errorf("left in the outbox: %+v", left)
			}
		})
	}
}

// TestKeyThatCannotReadSummaries: an identifier that Stripe has after a call of
// ours without an answer is delivered, also when it can't be verified.
func TestKeyThatCannotReadSummaries(t *testing.T) {
	h := newHouse(t)
	h.biller.blind, h.biller.deaf = true, true
	h.log.write(noon, "/score", "acme", 200)
	h.clock.advance(time.Hour)
	h.mustPass()
	h.biller.deaf = false
	for range 5 {
		h.clock.advance(time.Minute)
		h.mustPass()
	}
	h.wantBilled(map[string]int64{hourKey: 1})
	if left := h.entries(); len(left) != 0 {
		t.Errorf("left in the outbox: %+v", left)
	}
}

// TestRestoredState: a state that doesn't know of its own deliveries doesn't
// bill them again, neither young ones nor old ones.
func TestRestoredState(t *testing.T) {
	for _, downtime := range []time.Duration{time.Hour, 60 * time.Hour} {
		t.Run(downtime.String(), func(t *testing.T) {
			h := newHouse(t)
			h.log.write(noon, "/score", "acme", 200)
			h.clock.advance(time.Hour)
			h.mustPass()
			h.wantBilled(map[string]int64{hourKey: 1})
			h.store = NewMemory("edge-1") // everything is forgotten, the log is read again
			h.clock.advance(downtime)
			for range 200 {
				h.mustPass()
				h.clock.advance(10 * time.Minute)
			}
			h.wantBilled(map[string]int64{hourKey: 1})
			if left := h.entries(); len(left) != 0 {
				t.Errorf("left in the outbox: %+v", left)
			}
		})
	}
}

func TestExpiredEntryIsParked(t *testing.T) {
	h := newHouse(t)
	h.log.write(noon, "/score", "acme", 200)
	h.clock.advance(35 * 24 * time.Hour)
	if d := h.mustPass(); d.Parked != 1 {
		t.Errorf("got %+v, want it parked", d)
	}
	h.wantBilled(map[string]int64{})
}

// crashingStore fails one call, before or after it took effect.
type crashingStore struct {
	Store
	op    string
	after bool
	left  int // calls of op until the failure
}

var errCrash = errors.New("power cut")

func (c *crashingStore) crash(op string, do func() error) error {
	if op != c.op {
		return do()
	}
	c.left--
	if c.left != 0 {
		return do()
	}
	if c.after {
		if err := do(); err != nil {
			return err
		}
	}
	return errCrash
}

func (c *crashingStore) Commit(s string, ps []Position, t *Tally) error {
	return c.crash("Commit", func() error { return c.Store.Commit(s, ps, t) })
}

func (c *crashingStore) Seal(at time.Time) (n int, err error) {
	err = c.crash("Seal", func() error { n, err = c.Store.Seal(at); return err })
	return n, err
}

func (c *crashingStore) Attempt(es []Entry) error {
	return c.crash("Attempt", func() error { return c.Store.Attempt(es) })
}

func (c *crashingStore) Settle(es []Entry) error {
	return c.crash("Settle", func() error { return c.Store.Settle(es) })
}

// TestPromiseOneTransaction: every durable operation fails, without effect or with it,
// at each of its first calls, while Stripe loses requests and answers. After
// a restart every line is billed exactly once.
func TestPromiseOneTransaction(t *testing.T) {
	for _, op := range []string{"Commit", "Seal", "Attempt", "Settle"} {
		for _, after := range []bool{false, true} {
			for nth := 1; nth <= 4; nth++ {
				t.Run(fmt.Sprintf("%s/after=%v/call=%d", op, after, nth), func(t *testing.T) {
					h := newHouse(t)
					memory := h.store
					h.biller.faults = nth
					want := map[string]int64{}
					for i := range 200 {
						at := noon.Add(time.Duration(i) * time.Minute)
						c := fmt.Sprintf("c%d", i%5)
						h.log.write(at, "/score", c, 200)
						want["cus_"+c+" "+WindowOf(at).String()]++
					}
					h.clock.advance(4*time.Hour + 10*time.Minute)
					h.store = &crashingStore{Store: memory, op: op, after: after, left: nth}
					for range 40 {
						if _, err := h.pass(); err != nil && !errors.Is(err, errCrash) {
							t.Fatal(err)
						}
						h.clock.advance(time.Minute)
					}
					h.wantBilled(want)
					if left := h.entries(); len(left) != 0 {
						t.Errorf("left in the outbox: %+v", left)
					}
				})
			}
		}
	}
}

// TestPromiseRecoveryIsTheNormalPath: many seeds of writing, crashing at random, losing requests
// and answers, outages of a day, restored states. LOGMETER_SEEDS says how many.
func TestPromiseRecoveryIsTheNormalPath(t *testing.T) {
	seeds := 12
	if more := os.Getenv("LOGMETER_SEEDS"); more != "" {
		if _, err := fmt.Sscan(more, &seeds); err != nil {
			t.Fatalf("LOGMETER_SEEDS: %v", err)
		}
	}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(uint64(seed), 1))
		h := newHouse(t)
		h.biller.faults = seed + 1
		h.biller.lag = time.Duration(rng.IntN(10)) * time.Minute
		// In some lives a second agent runs under the same name by mistake,
		// with a state of its own.
		twin := *h
		twin.store = NewMemory("edge-1")
		twins := seed%4 == 3
		h.biller.restored = twins
		want := map[string]int64{}
		restores := 0
		for range 150 {
			for range rng.IntN(20) {
				at := h.clock.t.Add(-time.Duration(rng.IntN(200)) * time.Minute) // some come late
				c := fmt.Sprintf("c%d", rng.IntN(4))
				h.log.write(at, "/score", c, 200)
				want["cus_"+c+" "+WindowOf(at).String()]++
			}
			ops := []string{"Commit", "Seal", "Attempt", "Settle", "none"}
			real := h.store
			h.store = &crashingStore{Store: real, op: ops[rng.IntN(5)], after: rng.IntN(2) == 0, left: 1 + rng.IntN(3)}
			if _, err := h.pass(); err != nil && !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			h.store = real
			if twins && rng.IntN(3) == 0 {
				twin.mustPass()
			}
			h.biller.deaf, h.biller.down = false, false
			switch rng.IntN(12) {
			case 0:
				h.biller.deaf = true
			case 1:
				h.biller.down = true
			case 2:
				h.clock.advance(time.Duration(rng.IntN(30)) * time.Hour)
			}
			if restores == 0 && rng.IntN(150) == 0 {
				restores++
				h.biller.restored = true
				h.store = NewMemory("edge-1")
			}
			h.clock.advance(time.Duration(rng.IntN(30)) * time.Minute)
		}
		h.biller.deaf, h.biller.down, h.biller.faults = false, false, 0
		h.clock.advance(2 * time.Hour)
		for range 400 {
			d := h.mustPass()
			if d.Waiting+d.Held == 0 {
				break
			}
			h.clock.advance(10 * time.Minute)
		}
		billed, held := h.biller.billed(), map[string]int64{}
		for _, e := range h.entries() {
			if e.Reason == "" {
				t.Errorf("seed %d: an entry stays without a reason: %+v", seed, e)
			}
			held["cus_"+e.Customer+" "+e.Window.String()] += e.Value
		}
		for k, v := range want {
			// A lost state may hold what was billed in an earlier life: that is
			// for a person to decide, but nothing is doubled and nothing vanishes.
			if billed[k] > v || billed[k]+held[k] < v || restores == 0 && !twins && billed[k] != v {
				t.Errorf("seed %d, twins %t, %d restores: %s: %d calls, %d billed, %d held", seed, twins, restores, k, v, billed[k], held[k])
			}
		}
		if t.Failed() {
			for _, e := range h.entries() {
				t.Logf("%+v", e)
			}
			t.FailNow()
		}
	}
}
