package agent

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// audited returns a house whose usage of a day is delivered, and the day after.
func audited(t *testing.T) *house {
	t.Helper()
	h := newHouse(t)
	for i := range 60 {
		h.log.write(noon.Add(time.Duration(i)*time.Minute), "/score", fmt.Sprintf("c%d", i%6), 200)
	}
	h.clock.advance(3 * time.Hour)
	h.mustPass()
	h.clock.advance(24 * time.Hour)
	return h
}

func TestReconcileFindsWhatDiffers(t *testing.T) {
	h := audited(t)
	w := WindowOf(noon)
	rec, err := h.operator().Reconcile(t.Context(), w-5, w+5, nil)
	must(t, err)
	if rec.Accounts != 6 || rec.Of != 6 || len(rec.Differences) != 0 || rec.Partial != "" || rec.Hours != 12 {
		t.Fatalf("got %+v; want 6 accounts that agree", rec)
	}
	for k, v := range h.biller.sums { // Stripe drops one entry of c1
		if strings.HasPrefix(k, "cus_c1/") {
			h.biller.sums[k] = 0
			t.Logf("dropped %d of %s", v, k)
			break
		}
	}
	h.biller.sums[fmt.Sprint("cus_c2/", (w+3).Start().Unix())] = 9 // and somebody else writes
	done := 0
	rec, err = h.operator().Reconcile(t.Context(), w-5, w+5, func(n, of int) { done = n })
	must(t, err)
	if len(rec.Differences) != 2 || done != 6 {
		t.Fatalf("got %+v after %d", rec, done)
	}
	if d := rec.Differences[0]; d.Account != "cus_c1" || d.Kind != Dropped || d.Theirs != 0 || d.Ours == 0 {
		t.Errorf("got %+v, want dropped usage", d)
	}
	if d := rec.Differences[1]; d.Account != "cus_c2" || d.Kind != Foreign || d.Theirs != 9 || d.Ours != 0 || d.Window != w+3 {
		t.Errorf("got %+v, want foreign usage", d)
	}
}

// What is new or on its way is no difference.
func TestReconcileKnowsThatSummariesLag(t *testing.T) {
	h := newHouse(t)
	h.log.write(noon, "/score", "acme", 200)
	h.clock.advance(time.Hour)
	h.biller.lag = 10 * time.Minute
	h.mustPass()
	h.log.write(noon, "/score", "acme", 200)
	h.biller.deaf = true
	h.mustPass() // a second entry, of which nobody knows whether it arrived
	h.biller.deaf = false
	for _, lag := range []time.Duration{time.Hour, 0} {
		h.biller.lag = lag
		rec, err := h.operator().Reconcile(t.Context(), WindowOf(noon), WindowOf(noon)+1, nil)
		must(t, err)
		if len(rec.Differences) != 0 {
			t.Errorf("lag %s: got %+v, want none", lag, rec.Differences)
		}
	}
}

func TestDailyAudit(t *testing.T) {
	h := audited(t)
	h.biller.sums[fmt.Sprint("cus_c2/", WindowOf(noon).Start().Unix())] += 4
	var log strings.Builder
	audit := func() AuditStats {
		t.Helper()
		a := &auditor{desk: h.operator(), documents: h.store.(*Memory), log: lines(&log)}
		must(t, a.load())
		must(t, a.step(t.Context()))
		if st := a.published.Load(); st != nil {
			return *st
		}
		return AuditStats{}
	}
	h.biller.down = true
	if st := audit(); !st.At.IsZero() || !strings.Contains(log.String(), "can't be made now") {
		t.Errorf("an audit without Stripe: %+v, %s", st, &log)
	}
	h.biller.down = false
	first := audit()
	if first.Foreign != 1 || first.ForeignUnits != 4 || first.Dropped != 0 || first.Accounts != 6 || !strings.Contains(log.String(), "kind=foreign") {
		t.Errorf("got %+v; log %s", first, &log)
	}
	h.clock.advance(time.Hour)
	if st := audit(); !st.At.Equal(first.At) {
		t.Errorf("audited at %v again after %v; want once a day", st.At, first.At)
	}
	h.clock.advance(24 * time.Hour)
	if st := audit(); !st.At.After(first.At) {
		t.Errorf("not audited on the next day")
	}
}

func TestReconcileWithoutStripe(t *testing.T) {
	h := newHouse(t)
	o := h.operator()
	o.Biller = nil
	if _, err := o.Reconcile(t.Context(), 1, 2, nil); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("got %v", err)
	}
}
