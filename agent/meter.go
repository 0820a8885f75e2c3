package agent

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Meter says which records it counts, and how much each adds. A record must
// satisfy the Match and none of Exclude.
type Meter struct {
	Name string
	Match
	Exclude []Match
	// Aggregation says what a record adds; Field is the variable that SumField
	// adds up, or whose values CountUnique counts once in each Per.
	Aggregation Aggregation
	Field       string
	Per         Per
	// Times is what each call weighs, 1 to MaxTimes: what it adds is
	// multiplied by it. 0 means 1.
	Times uint64
}

// Match is a set of conditions on a record, all of which must hold; those
// that are empty always do.
type Match struct {
	// Paths are the patterns (see CheckPath) of which one must match the
	// record's normalised Path; empty means any path that a proxy would route.
	Paths []string
	// Methods are the request methods of which one must be the record's, to
	// the letter: GET doesn't include HEAD.
	Methods []string
	// Status is the set of statuses.
	Status StatusSet
	// Hosts are the hosts (see CheckHost) of which one must be the record's.
	Hosts []string
	// Fields are tests on the record's fields, each of which must hold.
	Fields []FieldTest
}

// FieldTest is a condition on one field of a record. A field that the line
// doesn't have, or has as - or empty, is absent.
type FieldTest struct {
	Field string // the variable, as the format names it
	// Absent says that the line must not have the field; nothing else is then
	// given. Otherwise it must have it.
	Absent bool
	// Values are those of which one must be the field's, to the letter; empty
	// means any.
	Values []string
	// Pattern must match the whole value; nil means any.
	Pattern *regexp.Regexp
}

// Aggregation is how a meter makes usage of records.
type Aggregation uint8

// The aggregations.
const (
	// CountLines adds one for each record.
	CountLines Aggregation = iota
	// SumField adds the whole number that a field holds. A record whose field
	// holds none isn't counted.
	SumField
	// CountUnique adds one for each value of a field that the customer has
	// not had before in the same Per. A record without the field isn't counted.
	CountUnique
)

// Per is how long CountUnique counts a value once, in UTC.
type Per uint8

// The spans.
const (
	PerHour Per = iota
	PerDay
	PerMonth
)

func (p Per) String() string { return [...]string{"hour", "day", "month"}[p] }

const (
	// MaxTimes is the largest weight of a call.
	MaxTimes = 1_000_000
	// MaxValue is the largest number that one record may add to a meter that
	// sums, weight included: as many as a commit holds of them fit in a count.
	MaxValue = 1_000_000_000_000
)

// Fields returns the names of the fields that meters ask for, each once. A
// record that these meters measure has its Fields in this order.
func Fields(meters []Meter) []string {
	names := map[string]bool{}
	for _, m := range meters {
		if m.Aggregation != CountLines && m.Field != "" {
			names[m.Field] = true
		}
		for _, match := range append([]Match{m.Match}, m.Exclude...) {
			for _, f := range match.Fields {
				names[f.Field] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// WantsHost reports whether meters ask for a record's Host.
func WantsHost(meters []Meter) bool {
	return slices.ContainsFunc(meters, func(m Meter) bool {
		return len(m.Hosts) > 0 || slices.ContainsFunc(m.Exclude, func(e Match) bool { return len(e.Hosts) > 0 })
	})
}

// CheckHost tells whether host can be used as a meter's host, and what is
// accepted when it can't: a name or an address in lower case without a port,
// or *.example.com for every name that ends in .example.com.
func CheckHost(host string) error {
	name := strings.TrimPrefix(host, "*.")
	switch {
	case name == "":
		return fmt.Errorf("host %q is empty; want a name such as \"api.example.com\", or \"*.example.com\"", host)
	case strings.Contains(name, "*"):
		return fmt.Errorf("host %q has a * elsewhere than at its front; want \"*.example.com\"", host)
	case strings.ContainsAny(name, "/ \t@?#,"):
		return fmt.Errorf("host %q isn't a host alone; want a name such as \"api.example.com\"", host)
	case strings.Contains(name, ":") && !strings.HasSuffix(name, "]"):
		return fmt.Errorf("host %q has a port, which is no part of it; want %q", host, host[:strings.LastIndexByte(host, ':')])
	case strings.HasSuffix(name, "."):
		return fmt.Errorf("host %q ends in a dot, which is taken off before hosts are compared; want %q", host, strings.TrimSuffix(host, "."))
	case strings.ToLower(name) != name:
		return fmt.Errorf("host %q has capitals, and hosts are compared in lower case; want %q", host, strings.ToLower(host))
	}
	return nil
}
