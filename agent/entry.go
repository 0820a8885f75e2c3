package agent

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// Entry is one delta of usage on its way to Stripe: a row of the outbox until
// its acceptance is proven, then of the ledger.
type Entry struct {
	// Meter, Customer (as logged), Window and Seq (1, 2, … within the other
	// three) are its key. Value is what it adds, below 0 only in an Adjustment;
	// Minute is the minute of the window in which the last line counted in it
	// ended. Seal and Adjust write these.
	Meter    string
	Customer string
	Window   Window
	Seq      uint32
	Value    int64
	Minute   uint8
	// From is how many units of the meter, customer and window were reported
	// before this entry; 0 in an Adjustment.
	From uint64

	// Identifier names the entry at Stripe, for ever: see Identify. Seal and
	// Adjust write it.
	Identifier string

	// Adjustment says that a person made the entry, and Note what for. The
	// usage as counted doesn't know of it.
	Adjustment bool
	Note       string

	// The frozen request: Build fills EventName, Account and the payload's
	// keys, Attempt fixes Timestamp and stores them all before anything is
	// sent. Every attempt sends the same bytes.
	EventName   string
	Account     string // the Stripe customer, cus_…
	CustomerKey string // payload key of Account
	ValueKey    string // payload key of Value
	Timestamp   int64  // Unix seconds, a whole minute of Window; 0 = not frozen yet

	State State
	// Reason says for people why the entry is parked, held or waiting.
	Reason string
	// Attempts counts the calls made. FirstAttempt and LastAttempt are Unix
	// seconds by Stripe's clock, NotBefore by the local one.
	Attempts                  uint32
	FirstAttempt, LastAttempt int64
	NotBefore                 int64
	// KeyEpoch is a part of the Idempotency-Key; it rises when Stripe replays
	// a stored server error, since that key would repeat the error for a day,
	// and when another life used the key for other content.
	KeyEpoch uint32
	// Unknown says that some attempt ended without an answer that tells
	// whether Stripe took it; Duplicate that Stripe refused the identifier as
	// one it has, which proves an earlier attempt.
	Unknown, Duplicate bool
	// Released says that a person wants it sent: also when the invoice for its
	// time is closed, and, if it is held, as soon as Stripe's summaries are
	// without it.
	Released bool
	// AbsentSince is when, by Stripe's clock in Unix seconds, Stripe's
	// summaries were first seen without this entry while it was held.
	AbsentSince int64
	// Settled is when acceptance was proven, by Stripe's clock in Unix
	// seconds, or when the entry was written off; RequestID is Stripe's name
	// for the answer that proved it.
	Settled   int64
	RequestID string
}

// State is where an entry stands in its life.
type State uint8

// The states of an entry. Their numbers are stored.
const (
	Sealed   State = 1 // in the outbox, not refused; sent when due
	Held     State = 2 // not sent before Stripe's summaries were read
	Parked   State = 3 // refused; waits for a mended configuration or a person
	Accepted State = 4 // proven to be with Stripe; in the ledger
	// WrittenOff: a person decided that it is never billed; in the ledger, and
	// counted there as nothing.
	WrittenOff State = 5
)

func (s State) String() string {
	switch s {
	case Sealed:
		return "sealed"
	case Held:
		return "held"
	case Parked:
		return "parked"
	case Accepted:
		return "accepted"
	case WrittenOff:
		return "written off"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// Final reports whether the entry is one of the ledger: nothing becomes of it
// any more.
func (e *Entry) Final() bool { return e.State == Accepted || e.State == WrittenOff }

// Frozen reports whether the request is fixed.
func (e *Entry) Frozen() bool { return e.Timestamp != 0 }

// Time returns the timestamp that Stripe is told.
func (e *Entry) Time() time.Time { return time.Unix(e.Timestamp, 0).UTC() }

// Identify returns the identifier of an entry: at most 80 characters of
// [a-z0-9-], a function of the instance, the entry's meter, customer and window,
// and of From, or Seq if it is an Adjustment. The customer can't be read from it.
// Stripe keeps identifiers unique for at least 24 hours
// (docs.stripe.com/api/billing/meter-event/create); the same usage must never go
// out under another one. From, and no running number, sees to that also when two
// states of an instance cut the usage of an hour into other entries: what comes
// after the same units has the same name.
func Identify(instance string, e *Entry) string {
	h := sha256.New()
	for _, s := range []string{instance, e.Meter, e.Customer} {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	sum := h.Sum(nil)
	last := strconv.FormatUint(e.From+1, 10)
	if e.Adjustment {
		last = "a" + strconv.FormatUint(uint64(e.Seq), 10)
	}
	return "lm1-" + hex.EncodeToString(sum[:16]) + "-" + e.Window.Start().Format("2006010215") + "-" + last
}
