package agent

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"
)

// refused returns a house with one entry that Stripe refused.
func refused(t *testing.T) (*house, Entry) {
	t.Helper()
	h := newHouse(t)
	h.biller.refuse = "no such customer"
	for range 5 {
		h.log.write(noon, "/score", "acme", 200)
	}
	h.clock.advance(time.Hour)
	h.mustPass()
	return h, h.entries()[0]
}

func TestReleaseSendsWhatWasRefused(t *testing.T) {
	h, e := refused(t)
	h.biller.refuse = ""
	feeds, rep := h.agent().loops()
	rep.retried = true // this life has tried it already
	must(t, feeds[0].drain(t.Context(), 0))
	got, err := h.operator().Release([]string{e.Identifier[:14]}, "ann", "the customer is there now")
	must(t, err)
	if len(got) != 1 || got[0].State != Sealed {
		t.Fatalf("got %+v, want it sealed again", got)
	}
	if _, err := rep.step(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.wantBilled(map[string]int64{hourKey: 5})
	d := all(t, h.store.(*Memory).Decisions())
	if len(d) != 1 || d[0].Action != "release" || d[0].By != "ann" || d[0].Value != 5 || d[0].At != h.clock.now().Unix() {
		t.Errorf("audit trail: %+v", d)
	}
}

func TestWriteOffIsNeverSent(t *testing.T) {
	h, e := refused(t)
	o := h.operator()
	if _, err := o.WriteOff([]string{e.Identifier}, "ann", " "); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("without a reason: %v", err)
	}
	if _, err := o.WriteOff([]string{e.Identifier, "lm1-0000000000"}, "ann", "goodwill"); !errors.Is(err, ErrNoEntry) || len(h.entries()) != 1 {
		t.Errorf("with one that isn't there: %v; want none written off", err)
	}
	_, err := o.WriteOff([]string{e.Identifier, e.Identifier}, "ann", "goodwill")
	must(t, err)
	h.biller.refuse = ""
	h.mustPass()
	h.wantBilled(map[string]int64{})
	if _, err := o.Release([]string{e.Identifier}, "ann", "changed my mind"); !errors.Is(err, ErrNotAllowed) || !strings.Contains(err.Error(), "written off") {
		t.Errorf("release of what is written off: %v", err)
	}
	found, err := o.Find(e.Identifier)
	if err != nil || found.State != WrittenOff || found.Reason != "written off: goodwill" {
		t.Errorf("found %+v, %v", found, err)
	}
}

func TestHealthyEntryIsNotWrittenOff(t *testing.T) {
	h := newHouse(t)
	h.log.write(noon, "/score", "acme", 200)
	h.clock.advance(time.Hour)
	h.biller.down = true
	h.mustPass()
	if _, err := h.operator().WriteOff([]string{h.entries()[0].Identifier}, "ann", "why not"); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("got %v, want it refused", err)
	}
}

// unanswered returns a house with one entry whose sending got no answer; there
// says whether it reached Stripe.
func unanswered(t *testing.T, there bool) *house {
	t.Helper()
	h := newHouse(t)
	h.log.write(noon, "/score", "acme", 200)
	h.clock.advance(time.Hour)
	h.biller.lost, h.biller.deaf = !there, there
	h.mustPass()
	h.biller.lost, h.biller.deaf = false, false
	return h
}

// A held entry that a person releases is sent once the summaries are without
// it, not a day later; and not at all if they have it.
func TestReleaseOfHeld(t *testing.T) {
	for _, there := range []bool{false, true} {
		h := unanswered(t, there)
		h.biller.lag = 30 * time.Hour
		h.clock.advance(25 * time.Hour)
		h.mustPass()
		e := h.entries()[0]
		if e.State != Held {
			t.Fatalf("got %s, want it held", e.State)
		}
		h.biller.lag = 0
		_, err := h.operator().Release([]string{e.Identifier}, "ann", "I looked")
		must(t, err)
		h.mustPass()
		h.wantBilled(map[string]int64{hourKey: 1})
		if left := h.entries(); len(left) != 0 {
			t.Errorf("there %t: left %+v", there, left)
		}
	}
}

func TestVerify(t *testing.T) {
	h := unanswered(t, true)
	h.biller.blind = true
	h.clock.advance(25 * time.Hour)
	h.mustPass()
	h.biller.blind = false
	e := h.entries()[0]
	v, err := h.operator().Verify(t.Context(), e.Identifier)
	must(t, err)
	if v.Hour != 1 || v.Minute != 1 || v.Known != 0 || v.Entry.State != Accepted || len(h.entries()) != 0 {
		t.Errorf("got %+v; want it found and settled", v)
	}
}

// An agent of another name makes the hour unclear; a person can say that the
// entry is there, or that it isn't.
func TestUnclearIsForAPerson(t *testing.T) {
	for _, there := range []bool{true, false} {
		h := unanswered(t, there)
		h.biller.sums["cus_acme/"+strconv.FormatInt(WindowOf(noon).Start().Unix(), 10)] += 10
		h.clock.advance(25 * time.Hour)
		for range 100 {
			h.clock.advance(time.Hour)
			h.mustPass()
		}
		e := h.entries()[0]
		if e.State != Held || !strings.Contains(e.Reason, "unclear") {
			t.Fatalf("got %s (%s), want it held", e.State, e.Reason)
		}
		act := h.operator().Release
		if there {
			act = h.operator().Confirm
		}
		_, err := act([]string{e.Identifier}, "ann", "I looked")
		must(t, err)
		h.mustPass()
		h.wantBilled(map[string]int64{hourKey: 11})
		if left := h.entries(); len(left) != 0 {
			t.Errorf("left %+v", left)
		}
	}
}

func TestAdjustments(t *testing.T) {
	h := newHouse(t)
	for range 5 {
		h.log.write(noon, "/score", "acme", 200)
	}
	h.clock.advance(time.Hour)
	h.mustPass()
	o, w := h.operator(), WindowOf(noon)
	adjust := func(customer string, delta int64) error {
		_, err := o.Adjust(Adjustment{Meter: "score", Customer: customer, Window: w, Delta: delta, By: "ann", Reason: "refund"})
		return err
	}
	must(t, adjust("acme", -3))
	if err := adjust("acme", -3); !errors.Is(err, ErrNotAllowed) || !strings.Contains(err.Error(), "is 2 now") {
		t.Errorf("more than was counted: %v", err)
	}
	must(t, adjust("acme", +1))
	must(t, adjust("new", 7))
	h.mustPass()
	h.mustPass() // one entry of a customer and hour at a time
	h.wantBilled(map[string]int64{hourKey: 3, "cus_new 2026-11-24T12:00:00Z": 7})

	w = WindowOf(h.clock.now()) + 1
	if err := adjust("acme", 1); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("an hour of the future: %v", err)
	}
	w = WindowOf(noon) - 40*24
	if err := adjust("acme", 1); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("an hour that is too old: %v", err)
	}
}

// Usage taken back, whose answer was lost for a day, is read back as any other.
func TestAdjustmentIsReadBack(t *testing.T) {
	h := newHouse(t)
	for range 5 {
		h.log.write(noon, "/score", "acme", 200)
	}
	h.clock.advance(time.Hour)
	h.mustPass()
	_, err := h.operator().Adjust(Adjustment{Meter: "score", Customer: "acme", Window: WindowOf(noon), Delta: -2, By: "ann", Reason: "refund"})
	must(t, err)
	h.biller.deaf = true
	h.mustPass()
	h.biller.deaf = false
	h.clock.advance(30 * time.Hour)
	h.mustPass()
	h.wantBilled(map[string]int64{hourKey: 3})
	if left := h.entries(); len(left) != 0 {
		t.Errorf("left %+v", left)
	}
}

// TestSettledAtWhatStripeHas: an earlier life, whose state is lost, sent fewer
// lines under the same identifier. The rest goes out under the name of what comes after them.
func TestSettledAtWhatStripeHas(t *testing.T) {
	h := newHouse(t)
	h.log.write(noon, "/score", "acme", 200)
	h.clock.advance(time.Hour)
	h.mustPass()
	h.wantBilled(map[string]int64{hourKey: 1})
	h.store, h.biller.restored = NewMemory("edge-1"), true
	for range 4 {
		h.log.write(noon.Add(9*time.Minute), "/score", "acme", 200)
	}
	h.clock.advance(time.Hour)
	h.mustPass()
	h.mustPass()
	if e := h.entries()[0]; e.State != Held || !strings.Contains(e.Reason, "with 1 units, the entry has 5") {
		t.Fatalf("got %s (%s), want it held", e.State, e.Reason)
	}
	for range 30 {
		h.clock.advance(time.Hour)
		h.mustPass()
	}
	h.wantBilled(map[string]int64{hourKey: 5})
	if left := h.entries(); len(left) != 0 {
		t.Errorf("left %+v", left)
	}
	got := all(t, h.store.(*Memory).Ledger(FirstWindow, LastWindow))
	if len(got) != 2 || got[0].Value != 4 || got[0].From != 1 || got[1].Value != 1 || got[1].From != 0 {
		t.Errorf("ledger %+v, want the rest and the part", got)
	}
}

// TestTooLateForItsInvoice: Stripe would take it and nobody would pay it.
func TestTooLateForItsInvoice(t *testing.T) {
	h := newHouse(t)
	h.log.write(noon, "/score", "acme", 200)
	h.clock.advance(2 * time.Hour)
	h.biller.closed = map[string]time.Time{"cus_acme": WindowOf(noon).End()}
	h.mustPass()
	e := h.entries()[0]
	if e.State != Parked || !strings.Contains(e.Reason, "in_1") || h.biller.calls != 0 {
		t.Fatalf("got %s (%s) after %d calls, want it parked", e.State, e.Reason, h.biller.calls)
	}
	_, err := h.operator().Release([]string{e.Identifier}, "ann", "the invoice was opened again")
	must(t, err)
	h.mustPass()
	h.wantBilled(map[string]int64{hourKey: 1})
}

func TestFind(t *testing.T) {
	h, e := refused(t)
	for _, ref := range []string{"", "lm1-", e.Identifier[:9], "lm1-zzzzzzzzzzzz", e.Identifier + "0"} {
		if _, err := h.operator().Find(ref); !errors.Is(err, ErrNoEntry) {
			t.Errorf("%q: got %v", ref, err)
		}
	}
	for _, ref := range []string{e.Identifier, strings.TrimPrefix(e.Identifier, "lm1-")[:8]} {
		if got, err := h.operator().Find(ref); err != nil || got.Identifier != e.Identifier {
			t.Errorf("%q: got %v, %v", ref, got.Identifier, err)
		}
	}
}
