package parsers

import (
	"slices"

	"github.com/logmeter/logmeter/agent"
)

// Format is a compiled Spec. It is read-only and safe for concurrent use.
type Format struct {
	// A text format is cut by a plan, a format of JSON is scanned.
	tmpl   *template
	plan   *plan
	escape escape
	flags  *[256]uint8
	json   *jsonScanner

	names [fieldCount]string // the variable or key that fills a field, or ""
	at    [fieldCount]int    // where the plan or the scanner notes it, or -1
	plain [fieldCount]bool   // of a text format: the field never holds an escape
	all   []string           // the format's variables or keys
	time  timeKind
	clock layout // how to read the time, for timeLayout
	envoy bool   // Envoy routed the requests, not nginx
	wrap  string
	// customer is the operator by which Envoy prints who is billed.
	customer operator

	assumptions, warnings []string
}

// field is a part of a record that a variable fills.
type field int

const (
	fieldTime field = iota
	fieldDuration
	fieldLogType
	fieldStatus
	fieldRequest // the whole request line
	fieldMethod
	fieldTarget // the request target as sent
	fieldPath   // the path as the proxy normalised it
	fieldCustomer
	fieldCount
)

// timeKind is how a format prints the time.
type timeKind uint8

const (
	timeNone timeKind = iota
	timeMsec
	timeISO
	timeLocal
	timeAny    // in one of the forms that parseTime knows
	timeLayout // in Format.clock
)

// Fields says which variable each part of a record is taken from; empty means
// that the format has none.
type Fields struct{ Time, Method, Path, Status, Customer string }

// NewParser returns a parser of the format's lines. Each goroutine needs its
// own.
func (f *Format) NewParser() agent.Parser {
	p := &parser{f: f}
	if f.json != nil {
		p.scan = newJSONScan(f.json)
	}
	return unwrapped(f.wrap, p)
}

// HasTime reports whether the format logs a time. Without one, usage can't be
// put in an hour.
func (f *Format) HasTime() bool { return f.time != timeNone }

// Fields returns where the parts of a record come from.
func (f *Format) Fields() Fields {
	first := func(fields ...field) string {
		for _, k := range fields {
			if f.names[k] != "" {
				return f.names[k]
			}
		}
		return ""
	}
	return Fields{
		Time:     f.names[fieldTime],
		Method:   first(fieldMethod, fieldRequest),
		Path:     first(fieldRequest, fieldTarget, fieldPath),
		Status:   f.names[fieldStatus],
		Customer: f.names[fieldCustomer],
	}
}

// Variables returns the format's variables, operators or keys as its text
// names them, each once.
func (f *Format) Variables() []string { return slices.Clone(f.all) }

// Assumptions returns what the reading of lines relies on beyond what the
// proxy guarantees, such as the charsets of the Spec.
func (f *Format) Assumptions() []string { return slices.Clone(f.assumptions) }

// Warnings returns what a person should know before billing from the format.
func (f *Format) Warnings() []string { return slices.Clone(f.warnings) }
