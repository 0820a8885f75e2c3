package agent

import (
	"context"
	"errors"
	"time"
)

// Biller turns entries into requests and carries them to the billing system.
// Its methods may be called from several goroutines.
type Biller interface {
	// Build fills the request of an entry that isn't frozen: EventName,
	// Account and the payload's keys. It makes no call. A *Rejected says that
	// the entry can't be billed as the configuration stands.
	Build(e *Entry) error

	// Send transmits a frozen entry once, without any retry of its own, and
	// says what became of it. It changes nothing in e.
	Send(ctx context.Context, e *Entry) Outcome

	// Summary reads back the sum of what the billing system has under a frozen
	// entry's EventName and Account with timestamps from from up to, but not
	// including, to; both are whole minutes. ErrNoSummaries is wrapped by an
	// error that asking again won't help.
	Summary(ctx context.Context, e *Entry, from, to time.Time) (int64, error)

	// Now returns the billing system's time. It makes a call only when the
	// time isn't known from a recent answer.
	Now(ctx context.Context) (time.Time, error)
}

// ErrNoSummaries means that what the billing system has can't be read back: the
// key lacks the permission, or there is no such meter.
var ErrNoSummaries = errors.New("summaries can't be read")

// Auditor is a Biller that can read back many hours at once.
type Auditor interface {
	// Hours returns what the billing system has under an event name and
	// account in each window from from (included) to to (not included);
	// windows with nothing are left out. The errors are those of Summary, and
	// one that wraps ErrNoBudget.
	Hours(ctx context.Context, eventName, account string, from, to Window) ([]HourSum, error)
}

// HourSum is what the billing system has of one window.
type HourSum struct {
	Window Window
	Sum    int64
}

// Invoicer is a Biller that knows which usage can't reach an invoice any more.
type Invoicer interface {
	// Invoiced returns the invoice, final by now, that billed the time of a
	// frozen entry; "" when there is none or when that can't be read.
	Invoiced(ctx context.Context, e *Entry) (invoice string, err error)
}

// ErrNoBudget means that the reads that the billing system allows in a month
// are used up but for those that delivery needs.
var ErrNoBudget = errors.New("the month's reads are used up")

// Rejected is an entry that can't be billed as it is, and why.
type Rejected struct{ Reason string }

func (r *Rejected) Error() string { return r.Reason }

// Outcome is what one Send came to.
type Outcome struct {
	Verdict   Verdict
	RequestID string    // Stripe's, when there was an answer
	Time      time.Time // Stripe's clock at the answer; zero when there was none
	Reason    string    // for people; never holds a secret
	// RetryAfter is how long the billing system asks to wait, 0 if it doesn't.
	RetryAfter time.Duration
	// Replayed says that the same Idempotency-Key would meet this answer again
	// for a day: a stored server error, or one to a request of other content.
	Replayed bool
}

// Verdict classifies an Outcome by what it proves.
type Verdict uint8

// The verdicts.
const (
	// VerdictAccepted: Stripe has the entry.
	VerdictAccepted Verdict = iota + 1
	// VerdictDuplicate: Stripe has the identifier from an earlier attempt.
	VerdictDuplicate
	// VerdictRefused: Stripe read this request and will never take it.
	VerdictRefused
	// VerdictBusy: not executed; the same request may be sent again later.
	VerdictBusy
	// VerdictPaused: not executed, and no other entry would be either, until
	// a person mends the key, the mode or the permissions.
	VerdictPaused
	// VerdictUnknown: no answer that tells; it may or may not be with Stripe.
	VerdictUnknown
)
