package config

import (
	"errors"
	"fmt"

	"github.com/logmeter/logmeter/parsers"
)

// compile makes the parser of a format, or reports what is wrong with it: a
// fault of a pasted log_format at its own line within the text.
func (t table) compile(f *Format) {
	var err error
	f.Compiled, err = parsers.Compile(parsers.Spec{Nginx: f.Nginx, Escape: f.Escape, Customer: f.Customer})
	for _, err := range each(err) {
		var spec *parsers.SpecError
		if !errors.As(err, &spec) {
			t.r.fault(t.at.line, t.name, "%v", err)
			continue
		}
		at := t.at.key(spec.Key)
		t.r.fault(at.textLine(spec.Line), t.full(spec.Key), "%v", spec.Err)
	}
}

// builtin makes the parser of a built-in format, which always compiles.
func builtin(name string) (Format, error) {
	compiled, err := parsers.Compile(parsers.Spec{Nginx: name})
	if err != nil {
		return Format{}, fmt.Errorf("compile the built-in format %s: %w", name, err)
	}
	return Format{Name: name, Nginx: name, Compiled: compiled}, nil
}

// each returns the errors that err joins.
func each(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// lacking returns what a record of the format hasn't and a daemon needs: a
// customer to bill, a time for the hour, a path to be routed, and what the
// meters ask for.
func (f Format) lacking(meters map[string]Meter) []string {
	var lacks []string
	fields := f.Compiled.Fields()
	if fields.Customer == "" && len(meters) > 0 {
		lacks = append(lacks, "customer, so there is nobody to bill; want a table [format.NAME] with customer = \"$variable\", "+
			"the variable of the log that says who called, such as $upstream_http_x_customer_id")
	}
	if !f.Compiled.HasTime() {
		lacks = append(lacks, "time, so usage can't be put in an hour; want $time_local, $time_iso8601 or $msec in it")
	}
	if fields.Path == "" {
		lacks = append(lacks, "path, so no line fits a meter; want $request, or $request_method and $request_uri in it")
	}
	method, status := false, false
	for _, m := range meters {
		method = method || len(m.Methods) > 0
		status = status || !m.Status.Empty()
	}
	if method && fields.Method == "" && fields.Path != "" {
		lacks = append(lacks, "method, which a meter asks for; want $request or $request_method in it")
	}
	if status && fields.Status == "" {
		lacks = append(lacks, "status, which a meter asks for; want $status in it")
	}
	return lacks
}
