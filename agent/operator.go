package agent

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"
)

// Operator is what people do with the outbox and the ledger. Each change is
// noted in the audit trail, with who made it and why. One Operator serves an
// Agent that runs on the same store, so that no change is lost between the two;
// without an Agent it works on its own. Its methods may be called from several
// goroutines. They wait for the page of entries that is being delivered.
type Operator struct {
	Store       Store
	Books       Books
	Corrections Corrections
	Documents   Documents // nil: when the last audit was isn't kept
	Biller      Biller    // nil: nothing can be read back
	Now         func() time.Time

	mu sync.Mutex // held while entries are delivered or changed
}

// hold keeps everybody else from the entries of the outbox until the returned
// function is called. It does nothing without an Operator.
func (o *Operator) hold() (release func()) {
	if o == nil {
		return func() {}
	}
	o.mu.Lock()
	return o.mu.Unlock
}

// Use takes another Biller, nil for none, once nobody works with the old one.
func (o *Operator) Use(b Biller) {
	defer o.hold()()
	o.Biller = b
}

// Errors of an Operator's methods that a caller tells apart.
var (
	// ErrNoEntry: no entry of the outbox or the ledger has that identifier.
	ErrNoEntry = errors.New("there is no such entry")
	// ErrNotAllowed: the entry or the adjustment isn't one for which this can
	// be done. The text says why, and what can be done.
	ErrNotAllowed = errors.New("that can't be done")
)

// minRef is how many characters of an identifier name an entry.
const minRef = 8

// Find returns the entry of the outbox, or else of the ledger, whose identifier
// is ref or begins with it; ref may leave out the "lm1-" in front. Errors wrap
// ErrNoEntry.
func (o *Operator) Find(ref string) (Entry, error) {
	ref = strings.TrimPrefix(ref, "lm1-")
	if len(ref) < minRef {
		return Entry{}, fmt.Errorf("%w: %q names none; want an identifier, or its first %d characters or more behind lm1-", ErrNoEntry, ref, minRef)
	}
	var found []Entry
	look := func(e Entry) {
		if id := strings.TrimPrefix(e.Identifier, "lm1-"); strings.HasPrefix(id, ref) && (len(found) == 0 || found[0].Identifier != "lm1-"+ref) {
			if id == ref {
				found = found[:0] // the whole identifier of one may begin another's
			}
			found = append(found, e)
		}
	}
	for e, err := range o.Books.Outbox() {
		if err != nil {
			return Entry{}, fmt.Errorf("read the outbox: %w", err)
		}
		look(e)
	}
	if len(found) == 0 {
		for e, err := range o.Books.Ledger(FirstWindow, LastWindow) {
			if err != nil {
				return Entry{}, fmt.Errorf("read the ledger: %w", err)
			}
			look(e)
		}
	}
	switch len(found) {
	case 0:
		return Entry{}, fmt.Errorf("%w: neither the outbox nor the ledger, which keeps 40 days, has lm1-%s", ErrNoEntry, ref)
	case 1:
		return found[0], nil
	}
	return Entry{}, fmt.Errorf("%w: %d entries begin with lm1-%s, such as %s and %s; give more of it", ErrNoEntry, len(found), ref, found[0].Identifier, found[1].Identifier)
}

// waiting returns the entry of the outbox that ref names.
func (o *Operator) waiting(ref string) (Entry, error) {
	e, err := o.Find(ref)
	if err == nil && e.Final() {
		err = fmt.Errorf("%w: %s is %s since %s, and stays so", ErrNotAllowed, e.Identifier, e.State, time.Unix(e.Settled, 0).UTC().Format(time.RFC3339))
	}
	return e, err
}

// Verified is what a look at Stripe's summaries came to.
type Verified struct {
	Entry Entry // as it is now
	// Hour and Minute are what Stripe has under the entry's event name and
	// account in its window and in its own minute; Known is what the ledger
	// has of the window.
	Hour, Minute, Known int64
}

// Verify reads what Stripe has of an entry now, and settles it if it is there.
// An entry that isn't held stays as it is.
func (o *Operator) Verify(ctx context.Context, ref string) (Verified, error) {
	defer o.hold()()
	e, err := o.Find(ref)
	if err != nil {
		return Verified{}, err
	}
	v := Verified{Entry: e}
	if o.Biller == nil {
		return v, fmt.Errorf("%w: there is no Stripe key to read with", ErrNotAllowed)
	}
	if !e.Frozen() {
		return v, fmt.Errorf("%w: %s was never made ready for Stripe: %s", ErrNotAllowed, e.Identifier, e.Reason)
	}
	stripe, err := o.Biller.Now(ctx)
	if err != nil {
		return v, err
	}
	if v.Hour, err = o.Biller.Summary(ctx, &e, e.Window.Start(), e.Window.End()); err != nil {
		return v, err
	}
	if v.Minute, err = o.Biller.Summary(ctx, &e, e.Time(), e.Time().Add(time.Minute)); err != nil {
		return v, err
	}
	if v.Known, err = o.Store.Delivered(&e); err != nil {
		return v, err
	}
	if e.State != Held {
		return v, nil
	}
	first, err := o.first(&e)
	if err != nil || !first {
		return v, err
	}
	ev, err := readBack(ctx, o.Biller, o.Store, &e)
	if err != nil {
		return v, err
	}
	send, part := verified(&e, ev, o.Now(), stripe)
	if send {
		e.NotBefore = o.Now().Unix() // the next pass looks once more, and sends
	}
	settled := []Entry{e}
	if part != nil {
		settled = []Entry{*part, e}
	}
	if err := o.Store.Settle(settled); err != nil {
		return v, fmt.Errorf("settle: %w", err)
	}
	v.Entry = e
	return v, nil
}

// first reports whether no earlier entry of e's lane waits, which could be what
// the summaries show.
func (o *Operator) first(e *Entry) (bool, error) {
	for x, err := range o.Books.Outbox() {
		if err != nil {
			return false, fmt.Errorf("read the outbox: %w", err)
		}
		if x.Window > e.Window || x.Identifier == e.Identifier {
			break
		}
		if x.Frozen() && x.State != Parked && laneOf(&x) == laneOf(e) {
			return false, nil
		}
	}
	return true, nil
}

// Release lets entries go: a parked one is tried again, a held one is sent as
// soon as one look at Stripe's summaries shows nothing in its own minute. One whose
// identifier Stripe has is never sent again, and can't be released. Either all
// are released or none.
func (o *Operator) Release(refs []string, by, reason string) ([]Entry, error) {
	return o.decide(refs, "release", by, reason, func(e *Entry) error {
		switch {
		case e.Duplicate:
			return fmt.Errorf("%w: Stripe has the identifier %s, so it isn't sent again; verify it, or write it off", ErrNotAllowed, e.Identifier)
		case e.State == Sealed && e.Released:
			return fmt.Errorf("%w: %s is on its way already", ErrNotAllowed, e.Identifier)
		case !o.Now().Before(e.Deadline()):
			return fmt.Errorf("%w: the hour of %s is more than 34 days over, and Stripe takes none older than 35; write it off", ErrNotAllowed, e.Identifier)
		case e.State == Parked:
			// If it was tried before and is old, it is read back first, as any
			// other.
			e.State = Sealed
		}
		e.Released, e.NotBefore, e.Reason = true, 0, "released: "+reason
		return nil
	})
}

// Confirm settles entries of which a person says that Stripe has them, where
// the summaries can't tell. Either all are settled or none.
func (o *Operator) Confirm(refs []string, by, reason string) ([]Entry, error) {
	return o.decide(refs, "confirm", by, reason, func(e *Entry) error {
		if e.Attempts == 0 || e.State == Sealed && !e.Unknown {
			return fmt.Errorf("%w: %s was never sent by this state; if Stripe has its usage from elsewhere, write it off", ErrNotAllowed, e.Identifier)
		}
		e.State, e.Settled, e.Reason = Accepted, o.Now().Unix(), "confirmed: "+reason
		return nil
	})
}

// WriteOff takes entries out of the outbox that are never to be billed. Either
// all are written off or none.
func (o *Operator) WriteOff(refs []string, by, reason string) ([]Entry, error) {
	return o.decide(refs, "write-off", by, reason, func(e *Entry) error {
		if e.State == Sealed && !e.Released && e.Attempts == 0 && e.Reason == "" {
			return fmt.Errorf("%w: %s waits for nothing but its turn; only what is held, parked or tried in vain can be written off", ErrNotAllowed, e.Identifier)
		}
		e.State, e.Settled, e.Reason = WrittenOff, o.Now().Unix(), "written off: "+reason
		return nil
	})
}

func (o *Operator) decide(refs []string, action, by, reason string, change func(*Entry) error) ([]Entry, error) {
	if strings.TrimSpace(reason) == "" {
		return nil, fmt.Errorf("%w: want a reason, for the audit trail", ErrNotAllowed)
	}
	defer o.hold()()
	entries := make([]Entry, 0, len(refs))
	decisions := make([]Decision, 0, len(refs))
	seen := map[string]bool{}
	for _, ref := range refs {
		e, err := o.waiting(ref)
		if err == nil && !seen[e.Identifier] {
			seen[e.Identifier] = true
			err = change(&e)
			entries = append(entries, e)
			decisions = append(decisions, Decision{
				At: o.Now().Unix(), By: by, Action: action, Reason: reason,
				Meter: e.Meter, Customer: e.Customer, Window: e.Window, Seq: e.Seq, Value: e.Value,
			})
		}
		if err != nil {
			return nil, err
		}
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%w: no entry is named", ErrNoEntry)
	}
	if err := o.Corrections.Decide(decisions, entries); err != nil {
		return nil, fmt.Errorf("store the decision: %w", err)
	}
	return entries, nil
}

// Adjustment is usage that a person adds to an hour, or takes back from it.
type Adjustment struct {
	Meter, Customer string // as logged
	Window          Window
	Delta           int64
	By, Reason      string
}

// Adjust makes an entry of an adjustment. Usage can be taken back down to 0 of
// what was counted and adjusted so far. Stripe takes values below 0, and bills
// a period whose sum is below 0 as 0
// (docs.stripe.com/billing/subscriptions/usage-based/meters/configure).
func (o *Operator) Adjust(a Adjustment) (Entry, error) {
	now := o.Now()
	switch {
	case strings.TrimSpace(a.Reason) == "":
		return Entry{}, fmt.Errorf("%w: want a reason, for the audit trail", ErrNotAllowed)
	case a.Delta == 0:
		return Entry{}, fmt.Errorf("%w: an adjustment by 0 changes nothing", ErrNotAllowed)
	case a.Window.Start().After(now):
		return Entry{}, fmt.Errorf("%w: the hour %s hasn't begun", ErrNotAllowed, a.Window)
	case !now.Before(a.Window.End().Add(expireAfter)):
		return Entry{}, fmt.Errorf("%w: the hour %s is more than 34 days over, and Stripe takes none older than 35", ErrNotAllowed, a.Window)
	}
	defer o.hold()()
	e := Entry{Meter: a.Meter, Customer: a.Customer, Window: a.Window, Value: a.Delta, Note: a.Reason}
	if o.Biller != nil {
		built := e
		var rejected *Rejected
		if err := o.Biller.Build(&built); errors.As(err, &rejected) {
			return Entry{}, fmt.Errorf("%w: %s", ErrNotAllowed, rejected.Reason)
		}
	}
	counted, err := o.counted(&e)
	if err != nil {
		return Entry{}, err
	}
	if a.Delta < 0 && counted < -a.Delta {
		return Entry{}, fmt.Errorf("%w: %s of %q in the hour %s is %d now, so %d can't be taken back", ErrNotAllowed, a.Meter, a.Customer, a.Window, counted, -a.Delta)
	}
	e, err = o.Corrections.Adjust(Decision{
		At: now.Unix(), By: a.By, Action: "adjust", Reason: a.Reason,
		Meter: a.Meter, Customer: a.Customer, Window: a.Window, Value: a.Delta,
	}, e)
	if err != nil {
		return Entry{}, fmt.Errorf("store the adjustment: %w", err)
	}
	return e, nil
}

// counted returns what e's meter, customer and window come to: the usage as
// counted, and every adjustment that isn't written off.
func (o *Operator) counted(e *Entry) (int64, error) {
	var sum int64
	same := func(meter, customer string) bool { return meter == e.Meter && customer == e.Customer }
	for u, err := range o.Books.Usage(e.Window, e.Window+1) {
		if err != nil {
			return 0, fmt.Errorf("read the usage: %w", err)
		}
		if same(u.Meter, u.Customer) {
			sum += int64(min(u.Total, math.MaxInt64))
		}
	}
	for x, err := range o.Books.Outbox() {
		if err != nil {
			return 0, fmt.Errorf("read the outbox: %w", err)
		}
		if x.Window == e.Window && same(x.Meter, x.Customer) && x.Adjustment {
			sum += x.Value
		}
	}
	for x, err := range o.Books.Ledger(e.Window, e.Window+1) {
		if err != nil {
			return 0, fmt.Errorf("read the ledger: %w", err)
		}
		if same(x.Meter, x.Customer) && x.Adjustment && x.State == Accepted {
			sum += x.Value
		}
	}
	return sum, nil
}
