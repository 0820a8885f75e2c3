package agent

import (
	"errors"
	"fmt"
	"time"
)

// The times that delivery turns on. All are by Stripe's clock.
const (
	// blindFor is how long after its window ended, and after its first
	// attempt, an entry may be sent without asking what Stripe has. Stripe
	// keeps identifiers unique for at least 24 hours; within 20 a second send
	// is either new or refused, also after the state was restored from a
	// backup, since no life of this agent can have sent the entry before its
	// window ended.
	blindFor = 20 * time.Hour
	// An older entry must stay absent from Stripe's summaries, which are
	// eventually consistent, for this long before it is sent: absentUnknown
	// when an earlier attempt may have reached Stripe, absentNew when this
	// state never attempted it.
	absentUnknown = 24 * time.Hour
	absentNew     = time.Hour
	// settleAtLess is how long Stripe's summaries must show less than the value
	// of an entry whose identifier Stripe has, before that is taken for the
	// value that it has there. Another life of this agent may have sent it with
	// fewer lines.
	settleAtLess = 24 * time.Hour
	// lateAfter is the shortest time that a cycle's invoice stays open for
	// usage (docs.stripe.com/billing/invoices/subscription#configure-grace-period:
	// an hour by default). What is sent later than that after its window ended
	// may be too late for its invoice.
	lateAfter = time.Hour
	// expireAfter is when Stripe, which takes timestamps of the past 35 days
	// (docs.stripe.com/api/billing/meter-event/create), is about to refuse.
	expireAfter = 34 * 24 * time.Hour
	// verifyEvery is the time between two looks at the summaries for an entry
	// that they don't show yet.
	verifyEvery = 10 * time.Minute
	// verifyAgain is the time to the next try when the summaries couldn't be
	// read.
	verifyAgain = 5 * time.Second
)

// Backoff after an attempt that didn't settle, by the local clock.
const (
	backoffFirst = time.Second
	backoffMost  = 5 * time.Minute
)

// action is what delivery does with an entry now.
type action uint8

const (
	actWait   action = iota // nothing before its NotBefore, or at all
	actSend                 // send it
	actVerify               // read what Stripe has under its minute
	actPark                 // only store that it is parked
)

// plan decides what to do with a frozen entry, and changes its State and
// Reason accordingly. now is the local clock, stripe is Stripe's. nothingSent
// says that nothing can be at Stripe, so that there's nothing to ask for.
func plan(e *Entry, now, stripe time.Time, nothingSent bool) action {
	if e.State == Parked || e.Final() {
		return actWait
	}
	if now.Unix() < e.NotBefore {
		return actWait
	}
	age := stripe.Sub(e.Window.End())
	if age >= expireAfter {
		park(e, "its window is more than 34 days old; Stripe takes usage of the past 35 days only")
		return actWait
	}
	if ahead := e.Time().Sub(stripe); ahead > 0 {
		// Stripe's clock is behind the log's: a timestamp must have passed.
		e.NotBefore = now.Add(ahead).Unix() + 1
		e.Reason = "its minute isn't over by Stripe's clock"
		return actWait
	}
	if e.State == Held {
		return actVerify
	}
	if nothingSent || age < blindFor && (e.FirstAttempt == 0 || stripe.Sub(time.Unix(e.FirstAttempt, 0)) < blindFor) {
		return actSend
	}
	e.State = Held
	e.Reason = "older than 20 hours: sent only when Stripe's summaries stay without it"
	return actVerify
}

// park sets an entry aside until a person or a mended configuration acts.
func park(e *Entry, reason string) { e.State, e.Reason = Parked, reason }

// markAttempt notes a call before it is made, and notes it as one without a
// known outcome: if the process dies now, that is what it was.
func markAttempt(e *Entry, stripe time.Time) {
	e.Attempts++
	e.LastAttempt = stripe.Unix()
	if e.FirstAttempt == 0 {
		e.FirstAttempt = e.LastAttempt
	}
	e.Unknown = true
}

// settle applies the outcome of a send to an entry. wasUnknown is e.Unknown
// from before the attempt was marked.
func settle(e *Entry, o Outcome, wasUnknown bool, now, stripe time.Time) {
	if !o.Time.IsZero() {
		stripe = o.Time
	}
	if o.RequestID != "" {
		e.RequestID = o.RequestID
	}
	e.Reason = o.Reason
	switch o.Verdict {
	case VerdictAccepted:
		accept(e, stripe)
	case VerdictDuplicate:
		// Stripe has the identifier, most likely from a call whose answer was
		// lost. A state that was restored may have frozen another value under
		// it, so what Stripe has decides.
		e.Duplicate, e.Unknown, e.State = true, wasUnknown, Held
		e.Reason = "Stripe already has this identifier; reading back what it has"
		e.NotBefore = now.Unix()
	case VerdictRefused:
		e.Unknown = wasUnknown
		park(e, o.Reason)
	case VerdictBusy, VerdictPaused:
		e.Unknown = wasUnknown
		e.NotBefore = now.Add(max(o.RetryAfter, backoff(int(e.Attempts)))).Unix()
	default: // VerdictUnknown
		if o.Replayed {
			e.KeyEpoch++
		}
		e.AbsentSince = 0
		e.NotBefore = now.Add(max(o.RetryAfter, backoff(int(e.Attempts)))).Unix()
	}
}

// Deadline returns when Stripe is about to refuse the entry for its age: what
// is held or parked must be settled before.
func (e *Entry) Deadline() time.Time { return e.Window.End().Add(expireAfter) }

func accept(e *Entry, stripe time.Time) {
	e.State, e.Settled = Accepted, stripe.Unix()
	e.Unknown, e.NotBefore, e.Reason = false, 0, ""
}

// evidence is what Stripe's summaries say of a held entry.
type evidence struct {
	there  bool  // Stripe has it
	absent bool  // Stripe doesn't have it
	units  int64 // in its window, beyond what the ledger has of it
	minute int64 // in its own minute
}

// verified applies what Stripe's summaries say of a held entry. It reports
// whether the entry is to be sent now, under the identifier that it always had.
// If Stripe has a part of it, that is returned, to be settled before e.
func verified(e *Entry, ev evidence, now, stripe time.Time) (send bool, settled *Entry) {
	if ev.there {
		accept(e, stripe)
		return false, nil
	}
	part := e.Duplicate && !e.Adjustment && ev.units > 0 && ev.units < e.Value
	if e.Released && !e.Duplicate && ev.minute == 0 {
		return true, nil // a person has looked, also when it is unclear
	}
	if !ev.absent && !part {
		e.AbsentSince = 0
		e.Reason = fmt.Sprintf("unclear: Stripe has %d units of this hour beyond the ledger, and %d in the entry's own minute; the entry has %d. Compare the customer's usage in Stripe", ev.units, ev.minute, e.Value)
		e.NotBefore = now.Add(verifyEvery).Unix()
		return false, nil
	}
	if e.AbsentSince == 0 {
		e.AbsentSince = stripe.Unix()
	}
	waited := stripe.Sub(time.Unix(e.AbsentSince, 0))
	var left time.Duration
	switch {
	case part:
		// The identifier proves that Stripe has it, and the summaries how much
		// of it; the rest goes out under a seq of its own.
		e.Reason = fmt.Sprintf("Stripe has this identifier with %d units, the entry has %d; the rest is sent once the summaries have stayed so for a day", ev.units, e.Value)
		if waited >= settleAtLess {
			return false, settleAtPart(e, ev, stripe)
		}
		left = settleAtLess - waited
	case e.Duplicate:
		// Never resent: the identifier proves that it arrived.
		e.Reason = "Stripe has this identifier, but its summaries don't show it yet; it isn't sent again"
		left = verifyEvery
	case e.Unknown:
		left = absentUnknown - waited
	default:
		left = absentNew - waited
	}
	if left <= 0 {
		return true, nil
	}
	e.NotBefore = now.Add(min(left, verifyEvery)).Unix() + 1
	return false, nil
}

// settleAtPart leaves in e what Stripe doesn't have of it, and returns the part
// that Stripe has, to be settled. The rest is named by the units before it: if
// the other life that sent the part goes on from there, it does so under that
// name. The ledger then agrees with Stripe in this window.
func settleAtPart(e *Entry, ev evidence, stripe time.Time) (part *Entry) {
	p := *e
	p.Seq, p.Value = 0, ev.units
	accept(&p, stripe)
	*e = Entry{
		Meter: e.Meter, Customer: e.Customer, Window: e.Window, Seq: e.Seq, State: Sealed, Minute: e.Minute,
		From: e.From + uint64(ev.units), Value: e.Value - ev.units,
	}
	return &p
}

// unread notes that Stripe's summaries couldn't be read for a held entry.
func unread(e *Entry, err error, now, stripe time.Time) {
	wait := verifyAgain
	if errors.Is(err, ErrNoSummaries) {
		if e.Duplicate && e.Unknown {
			// An earlier call of this state had no answer, and Stripe has its
			// identifier: it arrived, with these bytes.
			accept(e, stripe)
			return
		}
		wait = verifyEvery
	}
	e.Reason = "held: " + err.Error()
	e.NotBefore = now.Add(wait).Unix()
}

// backoff doubles with every attempt.
func backoff(attempts int) time.Duration {
	d := backoffFirst
	for range min(attempts, 10) - 1 {
		d *= 2
	}
	return min(d, backoffMost)
}
