package agent

import "errors"

// Record is one access-log line, cut to what billing needs. Its byte slices
// alias the line or the parser's own memory: they are valid until the next
// call of Parse, and nobody may keep or change them.
type Record struct {
	// Time is when the request ended, in milliseconds since the Unix epoch,
	// UTC. 0 means that the format logs no time.
	Time int64
	// Method is the request method as sent, nil when the request line was
	// malformed.
	Method []byte
	// Target is the request target as sent (path and query), with the log's
	// escapes decoded; nil when the request line was malformed.
	Target []byte
	// Path is the target's path, normalised as the proxy routes it; nil when
	// the target has no path that a proxy would route.
	Path []byte
	// Status is the HTTP status as logged; 0 means that no response started.
	Status int
	// Customer says who is billed, as logged; empty when the line names none.
	Customer []byte
	// Host is the host that the request was for, in lower case and without a
	// port; nil when the line names none or the parser wasn't asked for it.
	Host []byte
	// Fields are the values that the parser was asked for, in the order asked,
	// with the log's escapes decoded; nil where the line has none.
	Fields [][]byte
}

// Parser cuts the lines of one log format.
type Parser interface {
	// Parse cuts one line, given without its line end, into rec and overwrites
	// all of rec's fields. It allocates nothing. The error is ErrSkip for a
	// line that the configuration sets aside, else a *Refused; rec is then
	// undefined. A Parser serves one goroutine.
	Parse(line []byte, rec *Record) error
}

// ErrSkip is returned by Parse for a line that isn't an access record and that
// the configuration tells to leave out. It is counted as not billable.
var ErrSkip = errors.New("line skipped by rule")

// Refused says why a line can't be read as a record of its format. Parsers
// return pointers to package-level values, so refusing allocates nothing.
type Refused struct {
	// Reason is a short stable name such as "no_match", used as a metric label
	// and in parse output.
	Reason string
	// Detail says the same as a sentence for people.
	Detail string
}

func (r *Refused) Error() string { return r.Detail }

// RefusedTooLong is the reason of a line that is longer than the source reads.
var RefusedTooLong = &Refused{"too_long", "the line is longer than 1 MiB"}
