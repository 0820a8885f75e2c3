package agent

import (
	"errors"
	"time"
)

// Store keeps positions, usage and the outbox. Every method that changes it is
// one or more transactions that are durable when it returns: after a crash at
// any point each transaction is there whole or not at all. Its methods may be
// called from several goroutines. Each method that writes may return ErrFull:
// nothing was written then, and the same call may be made again. After any
// other error the store must be closed, and the process starts again from what
// is on disk.
type Store interface {
	// Positions returns the committed positions of a source, in the order of
	// their IDs.
	Positions(source string) ([]Position, error)

	// Commit adds what t has counted since its last Reset, and replaces the
	// given positions of the source, or deletes those that are Gone, in one
	// transaction; positions not given stay as they are. It doesn't reset t.
	//
	// A member that t holds counts only if it is new to its meter, customer and
	// period. The usage of customers beyond the most that a window may have
	// goes to the customer "", which no line names.
	Commit(source string, positions []Position, t *Tally) error

	// Seal moves the unreported usage of every window that ended at or before
	// closed into the outbox: for each row with Total > Reported an entry with
	// the next seq, From = Reported, Value = Total - Reported; then Reported =
	// Total. Calling it
	// again, or after a crash in the middle, adds nothing twice. It returns
	// the number of entries made.
	Seal(closed time.Time) (int, error)

	// Pending returns up to limit entries of the outbox, the oldest window
	// first, that come after the given one in that order; nil starts at the
	// beginning. Parked and held entries are among them.
	Pending(after *Entry, limit int) ([]Entry, error)

	// Attempt stores the entries as they are before they are sent. One whose
	// request isn't frozen gets its Timestamp here, in place: its Minute, moved
	// to a minute of the window that no other entry with the same
	// EventName, Account and Window has, by FreeMinute.
	Attempt(entries []Entry) error

	// Delivered returns the sum of the ledger's accepted values with e's
	// EventName, Account and Window.
	Delivered(e *Entry) (int64, error)

	// Settle stores what became of the entries. An Accepted one moves from the
	// outbox to the ledger; the others stay in the outbox. An Accepted one
	// with a Seq of 0 is the part of an entry that Stripe has: it is added to
	// the ledger under the next seq of its row. The entry comes right behind
	// it, in the same transaction, with the From and Value that are left, not
	// frozen, under its old seq, so that it keeps its place in the outbox.
	Settle(entries []Entry) error
}

// ErrFull means that the file system has too little free space
// to write safely. Nothing is lost: the log is the queue.
var ErrFull = errors.New("too little free space for the state")
