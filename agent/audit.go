package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"time"
)

const (
	// auditRows bounds the rows of one pass of an audit that are in memory.
	auditRows = 50_000
	// auditSettled is how long ago usage must have been accepted to be missed:
	// Stripe's summaries lag.
	auditSettled = time.Hour
	// maxDifferences bounds what a Reconciliation lists.
	maxDifferences = 1000
)

// Reconciliation compares the ledger with Stripe's summaries.
type Reconciliation struct {
	From, To Window // included, not included
	// Accounts is how many pairs of event name and Stripe customer were
	// compared, of Of; Hours how many of their hours have usage on our side.
	Accounts, Of, Hours int
	// Differences are the hours that differ, at most 1000 of them; More is how
	// many there are beyond.
	Differences []Difference
	More        int
	// Partial says why not all accounts were compared; "" when all were.
	Partial string
}

// Difference is an hour in which Stripe doesn't have what the ledger says.
type Difference struct {
	EventName, Account string
	Window             Window
	// Ours is what the ledger says was accepted, Theirs what Stripe has.
	Ours, Theirs int64
	// Pending is what the outbox has on its way, which may be with Stripe.
	Pending int64
	Kind    DifferenceKind
}

// DifferenceKind is what a Difference means.
type DifferenceKind string

// The kinds of differences.
const (
	// Foreign: Stripe has more. Somebody else writes to the meter too, or this
	// agent did so in a life whose state is lost.
	Foreign DifferenceKind = "foreign"
	// Dropped: Stripe has less. It took the usage and dropped it later: the
	// meter was archived, or the customer deleted.
	Dropped DifferenceKind = "dropped"
)

// eventAccount is what Stripe sums up by itself.
type eventAccount struct{ event, account string }

// ours is what the books say of accounts, by window.
type ours map[eventAccount]map[Window]ourHour

type ourHour struct {
	accepted, fresh, pending int64 // fresh of accepted is too new to be missed
}

func (o ours) add(e *Entry, hour ourHour) {
	k := eventAccount{e.EventName, e.Account}
	if o[k] == nil {
		o[k] = map[Window]ourHour{}
	}
	h := o[k][e.Window]
	o[k][e.Window] = ourHour{h.accepted + hour.accepted, h.fresh + hour.fresh, h.pending + hour.pending}
}

// Reconcile compares the hours from from (included) to to (not included). It
// asks once for each account that has usage there. progress, which may be nil,
// is told how many of how many are done.
func (o *Operator) Reconcile(ctx context.Context, from, to Window, progress func(done, of int)) (Reconciliation, error) {
	rec := Reconciliation{From: from, To: to}
	release := o.hold()
	biller := o.Biller
	release()
	au, ok := biller.(Auditor)
	if !ok {
		return rec, fmt.Errorf("%w: there is no Stripe key to read with", ErrNotAllowed)
	}
	if from >= to {
		return rec, fmt.Errorf("%w: from %s to %s is no span of hours", ErrNotAllowed, from, to)
	}
	stripe, err := biller.Now(ctx)
	if err != nil {
		return rec, err
	}
	seed := maphash.MakeSeed()
	parts, accounts, err := o.sizeUp(from, to, seed)
	if err != nil {
		return rec, err
	}
	rec.Of = accounts
	for part := range parts {
		ours, err := o.ours(from, to, stripe, func(k eventAccount) bool {
			return maphash.Comparable(seed, k)%uint64(parts) == uint64(part)
		})
		if err != nil {
			return rec, err
		}
		keys := make([]eventAccount, 0, len(ours))
		for k := range ours {
			keys = append(keys, k)
		}
		slices.SortFunc(keys, func(a, b eventAccount) int {
			return cmp.Or(cmp.Compare(a.event, b.event), cmp.Compare(a.account, b.account))
		})
		for _, k := range keys {
			theirs, err := au.Hours(ctx, k.event, k.account, from, to)
			if errors.Is(err, ErrNoBudget) || errors.Is(err, ErrNoSummaries) || ctx.Err() != nil {
				rec.Partial = cmp.Or(ctx.Err(), err).Error()
				return rec, nil
			}
			if err != nil {
				return rec, err
			}
			rec.compare(k, ours[k], theirs)
			rec.Accounts++
			if progress != nil {
				progress(rec.Accounts, rec.Of)
			}
		}
	}
	return rec, nil
}

// sizeUp returns in how many parts the accounts must be compared to bound the
// memory, and about how many accounts there are.
func (o *Operator) sizeUp(from, to Window, seed maphash.Seed) (parts, accounts int, err error) {
	rows, seen := 0, map[uint64]struct{}{} // eight bytes an account
	for e, err := range o.Books.Ledger(from, to) {
		if err != nil {
			return 0, 0, fmt.Errorf("read the ledger: %w", err)
		}
		if e.State == Accepted {
			rows++
			seen[maphash.Comparable(seed, eventAccount{e.EventName, e.Account})] = struct{}{}
		}
	}
	return 1 + rows/auditRows, len(seen), nil
}

// ours returns what the books say of the accounts that are wanted and have
// accepted usage.
func (o *Operator) ours(from, to Window, stripe time.Time, want func(eventAccount) bool) (ours, error) {
	all, accepted := ours{}, map[eventAccount]bool{}
	// The outbox first: an entry that moves to the ledger meanwhile is then
	// pending and accepted, which may hide a difference until the next time
	// but invents none.
	for e, err := range o.Books.Outbox() {
		if err != nil {
			return nil, fmt.Errorf("read the outbox: %w", err)
		}
		if e.Frozen() && from <= e.Window && e.Window < to && want(eventAccount{e.EventName, e.Account}) {
			all.add(&e, ourHour{pending: e.Value})
		}
	}
	for e, err := range o.Books.Ledger(from, to) {
		if err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
		k := eventAccount{e.EventName, e.Account}
		if e.State != Accepted || !want(k) {
			continue
		}
		h := ourHour{accepted: e.Value}
		if stripe.Sub(time.Unix(e.Settled, 0)) < auditSettled {
			h.fresh = e.Value
		}
		all.add(&e, h)
		accepted[k] = true
	}
	for k := range all {
		if !accepted[k] {
			delete(all, k)
		}
	}
	return all, nil
}

// compare adds the hours of one account that differ.
func (rec *Reconciliation) compare(k eventAccount, ours map[Window]ourHour, theirs []HourSum) {
	rec.Hours += len(ours)
	stripe := map[Window]int64{}
	for _, h := range theirs {
		if rec.From <= h.Window && h.Window < rec.To {
			stripe[h.Window] += h.Sum
		}
	}
	windows := make([]Window, 0, len(ours))
	for w := range ours {
		windows = append(windows, w)
	}
	for w := range stripe {
		if _, ok := ours[w]; !ok {
			windows = append(windows, w)
		}
	}
	slices.Sort(windows)
	for _, w := range windows {
		h, has := ours[w], stripe[w]
		d := Difference{EventName: k.event, Account: k.account, Window: w, Ours: h.accepted, Theirs: has, Pending: h.pending}
		switch {
		case has > h.accepted+max(h.pending, 0):
			d.Kind = Foreign
		case has < h.accepted-max(h.fresh, 0)+min(h.pending, 0):
			d.Kind = Dropped
		default:
			continue
		}
		if len(rec.Differences) == maxDifferences {
			rec.More++
			continue
		}
		rec.Differences = append(rec.Differences, d)
	}
}

// AuditStats is what the last daily audit found.
type AuditStats struct {
	At               time.Time
	From, To         time.Time
	Accounts         int
	Foreign, Dropped int    // hours
	Partial          string // why not all accounts were compared
	// ForeignUnits is what Stripe has beyond the ledger, DroppedUnits what it
	// lacks.
	ForeignUnits, DroppedUnits int64
}
