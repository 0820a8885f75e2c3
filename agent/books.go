package agent

import "iter"

// Books is what a store can tell of the past: for people, audits and pages.
// Its methods may be called from several goroutines, also while the loops run;
// each iteration yields things as they stood when it began, and stops at the
// first error.
type Books interface {
	// Usage yields the usage of the windows from (included) to to (not
	// included), window by window.
	Usage(from, to Window) iter.Seq2[Usage, error]
	// Accounting yields where the lines of the windows from (included) to to
	// (not included) went, window by window.
	Accounting(from, to Window) iter.Seq2[SourceLines, error]
	// Outbox yields the entries of the outbox, the oldest window first.
	Outbox() iter.Seq2[Entry, error]
	// Ledger yields the accepted and the written off entries of the windows
	// from (included) to to (not included), window by window.
	Ledger(from, to Window) iter.Seq2[Entry, error]
	// Decisions yields what people decided, the oldest first.
	Decisions() iter.Seq2[Decision, error]
	// Refusals yields the refused lines that are kept, the oldest first.
	Refusals() iter.Seq2[Refusal, error]
}

// Corrections are the changes that people make to the books. Each is one
// transaction, and durable when it returns. The errors are those of Store, and
// those about what was asked: these change nothing, and the store can be used
// on.
type Corrections interface {
	// Decide stores entries of the outbox as a person decided: State, Reason,
	// NotBefore, AbsentSince, Released and Settled are taken, all else must be
	// as it is. One that is WrittenOff or Accepted moves to the ledger. The decisions are
	// appended to the audit trail.
	Decide(decisions []Decision, entries []Entry) error
	// Adjust makes an Adjustment of e's Value and Note in the outbox, under the
	// next seq of e's meter, customer and window, and returns it. The usage
	// counted stays as it is; with what was written off of it and all
	// adjustments the sum may not fall below 0. The decision is appended to the
	// audit trail.
	Adjust(d Decision, e Entry) (Entry, error)
	// Replay counts t, which holds what became of refused lines of the source
	// on a second reading, and forgets the refusals with the given IDs. Their
	// lines move from refused to where t says.
	Replay(source string, ids []uint64, t *Tally) error
}

// Documents keeps small values for the edges: what was last read of an account,
// when a customer was told. A kind is one word of the program.
type Documents interface {
	// Document returns the value under kind and name; nil when there is none.
	Document(kind, name string) ([]byte, error)
	// Documents yields all of a kind in the order of their names.
	Documents(kind string) iter.Seq2[Document, error]
	// PutDocuments stores documents in one transaction; one without a value is
	// deleted.
	PutDocuments(kind string, documents []Document) error
}

// Document is a value with its name.
type Document struct {
	Name  string
	Value []byte
}

// Decision is what a person did to an entry, for the audit trail.
type Decision struct {
	At     int64  // Unix seconds, the local clock
	By     string // who: the user's name on this machine
	Action string // "release", "confirm", "write-off", "adjust"
	Reason string // as given
	// The entry: its key, and its value at that time.
	Meter    string
	Customer string
	Window   Window
	Seq      uint32
	Value    int64
}

// Refusal is a line that was refused and kept, so that it can be counted once
// the configuration is mended.
type Refusal struct {
	ID     uint64 // given by the store, rising
	Source string
	Path   string // of the file, when it was read
	Offset int64  // where the line begins, in bytes
	Window Window // in which the line was accounted for
	At     int64  // when it was read, Unix seconds
	Reason string // a Refused.Reason
	// Line is the line without its end; of a very long one only its
	// beginning, and Size is then greater than its length.
	Line []byte
	Size int
}
