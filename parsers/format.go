package parsers

import (
	"fmt"
	"slices"
	"strings"

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
	slots wants              // where the plan or the scanner notes it, or -1
	plain []bool             // of a text format, by slot: it never holds an escape
	all   []string           // the format's variables or keys
	// anyKey: lines may have other keys than all.
	anyKey bool
	time   timeKind
	clock  layout // how to read the time, for timeLayout
	envoy  bool   // Envoy writes the lines
	mode   pathMode
	// byNginx: nginx has looked at the requests, and answered 400 to those
	// whose method or target it doesn't take.
	byNginx bool
	wrap    string
	prefix  string
	skip    skips
	kind    string // the key of the Spec that it was compiled from
	// customer is the operators by which Envoy prints who is billed.
	customer []operator

	assumptions []string
	warnings    []Warning
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
	fieldHost
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
type Fields struct{ Time, Method, Path, Status, Host, Customer string }

// NewParser returns a parser of the format's lines. Each goroutine needs its
// own.
func (f *Format) NewParser() agent.Parser {
	p := &parser{
		f: f, spans: make([]span, len(f.plain)),
		fields: make([][]byte, len(f.slots.fields)), fieldBufs: make([][]byte, len(f.slots.fields)),
	}
	if f.json != nil {
		p.scan = newJSONScan(f.json)
	}
	var inner agent.Parser = p
	if f.prefix != "" {
		inner = &prefixParser{p, []byte(f.prefix)}
	}
	return f.unwrapped(inner)
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
		Host:     f.names[fieldHost],
		Customer: f.names[fieldCustomer],
	}
}

// Variables returns the format's variables, operators or keys as its text
// names them, each once.
func (f *Format) Variables() []string { return slices.Clone(f.all) }

// Has reports whether a line of the format can have the named variable, so
// that Spec.Fields may ask for it. Lines of JSON that nothing is known of can
// have any key.
func (f *Format) Has(name string) bool {
	return f.anyKey && name != "" || slices.Contains(f.all, canonical(name))
}

// canonical returns the name of an nginx variable without the braces that it
// may have in a log_format.
func canonical(name string) string {
	if inner, ok := strings.CutPrefix(name, "${"); ok && strings.HasSuffix(inner, "}") {
		return "$" + strings.TrimSuffix(inner, "}")
	}
	return name
}

// lacks is the error of a name that isn't one of the format's. what is how the
// format calls its variables.
func (f *Format) lacks(what, name string) error {
	if dollar := "$" + strings.Trim(name, "{}"); slices.Contains(f.all, dollar) {
		return fmt.Errorf("%q is no variable; write %q", name, dollar)
	}
	return fmt.Errorf("the format has no %s %q; it has %s", what, name, strings.Join(f.all, ", "))
}

// Assumptions returns what the reading of lines relies on beyond what the
// proxy guarantees, such as the charsets of the Spec.
func (f *Format) Assumptions() []string { return slices.Clone(f.assumptions) }

// Warnings returns what a person should know before billing from the format.
func (f *Format) Warnings() []Warning { return slices.Clone(f.warnings) }
