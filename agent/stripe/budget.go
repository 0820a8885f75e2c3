package stripe

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// DefaultReadBudget is what Stripe allows every account at least: 10,000 reads
// in a month (docs.stripe.com/rate-limits).
const DefaultReadBudget = 10_000

// Budget is how many reads were made of Stripe in a month: what must outlive
// the process for the count to be right.
type Budget struct {
	Month string `json:"month"` // by Stripe's clock, such as 2026-11
	Used  int    `json:"used"`
}

// auditShare is the part of the budget that audits may use, in per cent. What
// is left is for delivery, whose reads always go: usage that can't be verified
// can't be billed.
const auditShare = 80

// allotment counts reads against the month's budget.
type allotment struct {
	budget int
	log    *slog.Logger

	mu   sync.Mutex // guards what follows
	used Budget
	told bool // that the month's budget is used up
}

// count notes a read that is about to leave. sure says that now is Stripe's.
func (a *allotment) count(now time.Time, sure bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turn(now, sure)
	a.used.Used++
	if a.used.Used > a.budget && !a.told {
		a.told = true
		a.log.Warn("this month's reads of Stripe are used up; what delivery needs is still read",
			"budget", a.budget, "month", a.used.Month,
			"hint", "Stripe allows at least 10,000 reads a month, and more with more payments; raise read_budget if yours are more")
	}
}

// turn begins a new count when the month is another. The local clock only
// says which one it is when nothing else does: it may be years off.
func (a *allotment) turn(now time.Time, sure bool) {
	month := now.UTC().Format("2006-01")
	if a.used.Month == "" || sure && month != a.used.Month {
		a.used, a.told = Budget{Month: month}, false
	}
}

// spare returns an error when audits have used their share.
func (a *allotment) spare(now time.Time, sure bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turn(now, sure)
	if a.used.Used < a.budget*auditShare/100 {
		return nil
	}
	return &noBudget{fmt.Sprintf("%d of the %d reads of %s are used, and the rest is kept for delivery; "+
		"go on next month, or raise read_budget if Stripe allows this account more", a.used.Used, a.budget, a.used.Month)}
}

type noBudget struct{ reason string }

func (e *noBudget) Error() string { return e.reason }
func (e *noBudget) Unwrap() error { return agent.ErrNoBudget }

// Reads returns the reads made of Stripe in this month and how many there may
// be. It counts this Biller's own: what else reads the account isn't seen.
func (b *Biller) Reads() (used, budget int) { return b.Budget().Used, b.allotment.budget }

// Budget returns the count of this month's reads, to be kept.
func (b *Biller) Budget() Budget {
	b.allotment.mu.Lock()
	defer b.allotment.mu.Unlock()
	b.allotment.turn(b.stripeTime())
	return b.allotment.used
}

// SetBudget goes on from a count that was kept, before the first call. One of
// an earlier month counts for nothing.
func (b *Biller) SetBudget(kept Budget) {
	b.allotment.mu.Lock()
	defer b.allotment.mu.Unlock()
	b.allotment.used = kept
}

// stripeTime returns Stripe's time, or the local one and false until that is
// known.
func (b *Biller) stripeTime() (now time.Time, sure bool) {
	if t, ok := b.clock.read(); ok {
		return t, true
	}
	return b.now(), false
}

func checkBudget(n int) error {
	if n < 0 {
		return errors.New("the read budget is below 0; want the reads that Stripe allows in a month")
	}
	return nil
}
