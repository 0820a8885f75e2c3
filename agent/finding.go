package agent

import "fmt"

// Finding is one thing that was looked at before usage is staked on it: by
// check and doctor, and by the edges that know it.
type Finding struct {
	Severity Severity
	// Topic says in a word what it is about, such as "rotation".
	Topic string
	// Text says what is so, with the place.
	Text string
	// Hint says what to do about it; "" when there is nothing to do.
	Hint string
}

// Severity says how much a Finding matters.
type Severity uint8

// The severities.
const (
	OK      Severity = iota // as it should be
	Info                    // shown to be read, without a judgement
	Warning                 // works, but a person should look
	Problem                 // usage is not or not rightly billed until it is mended
)

func (s Severity) String() string {
	switch s {
	case OK:
		return "ok"
	case Info:
		return "info"
	case Warning:
		return "warning"
	case Problem:
		return "problem"
	}
	return fmt.Sprintf("severity %d", uint8(s))
}

// MarshalText writes the severity's name, for JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
