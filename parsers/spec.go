package parsers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/logmeter/logmeter/agent"
)

// Spec is one [format.NAME] table of agent.toml.
type Spec struct {
	// Nginx is a log_format: the whole directive, only its strings, a bare
	// format, or the name of a built-in one ("combined").
	Nginx string
	// Escape is nginx's escape=: "default", "json" or "none". Empty means
	// what the directive says, else "default".
	Escape string
	// Customer is the variable that says who is billed, such as
	// "$http_x_customer_id"; empty when nobody is.
	Customer string
	// Charset narrows what variables can hold, "$http_x_customer_id" to an
	// expression such as [A-Za-z0-9_-]{1,64}. The proof relies on it, and a
	// line in which the variable holds anything else is refused.
	Charset map[string]string
	// AcceptAmbiguous takes a format in which what a client sends can change
	// who or what is billed. Its lines are read in the way in which the first
	// variables are shortest.
	AcceptAmbiguous bool
}

// SpecError is one thing wrong with a Spec.
type SpecError struct {
	Key  string // of the table, as agent.toml spells it
	Line int    // 0-based, within the text that the key has
	Err  error
}

func (e *SpecError) Error() string { return e.Key + ": " + e.Err.Error() }
func (e *SpecError) Unwrap() error { return e.Err }

// specError makes a SpecError of err, at the line that err tells, if any.
func specError(key string, err error) error {
	e := &SpecError{Key: key, Err: err}
	var at *lineError
	if errors.As(err, &at) {
		e.Line, e.Err = at.line, at.err
	}
	return e
}

// Format is a compiled Spec. It is read-only and safe for concurrent use.
type Format struct {
	tmpl   *template
	plan   *plan
	escape escape
	flags  *[256]uint8
	vars   [fieldCount]int // index of the variable that fills a field, or -1
	spans  [fieldCount]int // where the plan notes that variable's place
	time   timeKind

	assumptions, warnings []string
}

// field is a part of a record that a variable fills.
type field int

const (
	fieldTime field = iota
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
)

// Fields says which variable each part of a record is taken from; empty means
// that the format has none.
type Fields struct{ Time, Method, Path, Status, Customer string }

// Compile compiles a Spec. An error is a *SpecError, or several in an error
// whose Unwrap returns them.
func Compile(s Spec) (*Format, error) {
	t, esc, err := parseLogFormat(s.Nginx)
	if err != nil {
		return nil, specError("nginx", err)
	}
	f := &Format{tmpl: t}
	var errs []error
	if f.escape, err = chooseEscape(s.Escape, esc); err != nil {
		errs = append(errs, specError("escape", err))
	}
	if err := t.nginxVariables(f.escape); err != nil {
		errs = append(errs, specError("nginx", err))
	}
	f.flags = f.escape.flags()
	f.chooseFields()
	if f.assumptions, err = t.narrow(s.Charset); err != nil {
		errs = append(errs, specError("charset", err))
	}
	if err := f.chooseCustomer(s.Customer); err != nil {
		errs = append(errs, specError("customer", err))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if err := f.prove(s.AcceptAmbiguous); err != nil {
		return nil, specError("nginx", err)
	}
	f.layOut()
	return f, nil
}

// prove makes sure that the wanted variables are determined, or warns.
func (f *Format) prove(acceptAmbiguous bool) error {
	var wanted []int
	for _, v := range slices.Backward(f.vars[:]) { // the customer first
		if v >= 0 && !slices.Contains(wanted, v) {
			wanted = append(wanted, v)
		}
	}
	found, ok := f.tmpl.prove(wanted)
	if !ok {
		found = []ambiguity{{variable: 0}}
	}
	if len(found) == 0 {
		return nil
	}
	problem := "the format is too large to prove that its variables can be told apart"
	if ok {
		problem = f.tmpl.explain(found)
	}
	if !acceptAmbiguous {
		return errorAt(f.tmpl.vars[found[0].variable].line, "%s", problem)
	}
	f.warnings = append(f.warnings, "accepted as ambiguous: "+problem)
	return nil
}

// layOut makes the plan.
func (f *Format) layOut() {
	fields := make([]int, len(f.tmpl.vars))
	for i := range fields {
		fields[i] = -1
	}
	for k, v := range f.vars {
		if v >= 0 {
			fields[v] = k
		}
	}
	f.plan = newPlan(f.tmpl, fields)
	// A variable that is wanted twice is cut once.
	for k, v := range f.vars {
		if v >= 0 {
			f.spans[k] = fields[v]
		}
	}
}

func chooseEscape(configured, pasted string) (escape, error) {
	if configured == "" {
		configured = pasted
	}
	if configured == "" {
		configured = "default"
	}
	i := slices.Index(escapeNames, configured)
	if i < 0 {
		return 0, fmt.Errorf("unknown escape %q; want %s, as in nginx's log_format", configured, strings.Join(escapeNames, ", "))
	}
	if pasted != "" && pasted != configured {
		return 0, fmt.Errorf("escape is %q, but the pasted log_format has escape=%s; leave one of them out", configured, pasted)
	}
	return escape(i), nil
}

// chooseFields picks the variables that a record is made of. A target as sent
// is better than $uri, which rewrites change, and better cut from the line by
// nginx than by us.
func (f *Format) chooseFields() {
	for k := range f.vars {
		f.vars[k] = -1
	}
	if i := f.tmpl.find("$status"); i >= 0 {
		f.vars[fieldStatus] = i
		f.tmpl.vars[i].parsed = true
	}
	for _, c := range []struct {
		name string
		kind timeKind
	}{{"$msec", timeMsec}, {"$time_iso8601", timeISO}, {"$time_local", timeLocal}} {
		if i := f.tmpl.find(c.name); i >= 0 {
			f.vars[fieldTime], f.time = i, c.kind
			f.tmpl.vars[i].parsed = true
			break
		}
	}
	method, target := f.tmpl.find("$request_method"), f.tmpl.find("$request_uri")
	request, path := f.tmpl.find("$request"), f.tmpl.find("$uri", "$document_uri")
	switch {
	case request >= 0 && (method < 0 || target < 0):
		f.vars[fieldRequest] = request
	case target >= 0:
		f.vars[fieldMethod], f.vars[fieldTarget] = method, target
	default:
		f.vars[fieldMethod], f.vars[fieldPath] = method, path
	}
}

func (f *Format) chooseCustomer(name string) error {
	if name == "" {
		return nil
	}
	plain := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(name, "$"), "{"), "}")
	i := f.tmpl.find("$" + plain)
	switch {
	case i < 0:
		return fmt.Errorf("the format has no variable %q; it has %s", name, strings.Join(f.Variables(), ", "))
	case !strings.HasPrefix(name, "$"):
		return fmt.Errorf("%q is no variable; write %q", name, "$"+plain)
	}
	f.vars[fieldCustomer] = i
	return nil
}

// NewParser returns a parser of the format's lines. Each goroutine needs its
// own.
func (f *Format) NewParser() agent.Parser { return &parser{f: f} }

// HasTime reports whether the format logs a time. Without one, usage can't be
// put in an hour.
func (f *Format) HasTime() bool { return f.time != timeNone }

// Fields returns where the parts of a record come from.
func (f *Format) Fields() Fields {
	name := func(fields ...field) string {
		for _, k := range fields {
			if i := f.vars[k]; i >= 0 {
				return f.tmpl.vars[i].name
			}
		}
		return ""
	}
	return Fields{
		Time:     name(fieldTime),
		Method:   name(fieldMethod, fieldRequest),
		Path:     name(fieldRequest, fieldTarget, fieldPath),
		Status:   name(fieldStatus),
		Customer: name(fieldCustomer),
	}
}

// Variables returns the format's variables as its text names them, each once,
// in the order in which they first stand there.
func (f *Format) Variables() []string {
	var names []string
	for i := range f.tmpl.vars {
		if name := f.tmpl.vars[i].name; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Assumptions returns what the proof relies on beyond what nginx guarantees:
// the charsets of the Spec.
func (f *Format) Assumptions() []string { return f.assumptions }

// Warnings returns what a person should know before billing from the format.
func (f *Format) Warnings() []string { return f.warnings }
