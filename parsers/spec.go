package parsers

import (
	"errors"
	"fmt"
	"strings"
)

// Spec is one [format.NAME] table of agent.toml. Exactly one of Nginx,
// EnvoyText, EnvoyJSON and JSON is given.
type Spec struct {
	// Nginx is a log_format: the whole directive, only its strings, a bare
	// format, or the name of a built-in one ("combined", "ingress-nginx").
	Nginx string
	// Escape is nginx's escape=: "default", "json" or "none". Empty means
	// what the directive says, else "default".
	Escape string
	// EnvoyText is the text_format of an Envoy access log, the YAML that it
	// stands in, or the name of a built-in one ("envoy", "istio").
	EnvoyText string
	// EnvoyJSON is the json_format of an Envoy access log, as JSON or YAML,
	// alone or in the piece of configuration that it stands in, or the name of
	// a built-in one ("istio-json").
	EnvoyJSON string
	// JSON says which key of a line of JSON holds what: time, status, method,
	// path (the target as sent) or request (the request line), host and
	// customer. A dot leads into nested objects.
	JSON map[string]string
	// Customer says who is billed, as the format names it: the variable
	// "$http_x_customer_id", the operator "%REQ(X-CUSTOMER-ID)%", or the
	// dotted key "x_customer_id" in EnvoyJSON and JSON. Empty means nobody.
	Customer string
	// Fields are the variables that Record.Fields holds, in that order, named
	// as Customer is. An empty name stands for a variable that this format
	// doesn't have: its value is nil in every line.
	Fields []string
	// Host says that Record.Host is wanted. Format.Fields tells which variable
	// it is taken from, if there is one.
	Host bool
	// CustomerVerified says that the edge sets or checks what Customer names,
	// so that a caller can't choose it.
	CustomerVerified bool
	// Charset narrows what variables can hold, "$http_x_customer_id" to an
	// expression such as [A-Za-z0-9_-]{1,64}, over their text as the log prints
	// it. The proof relies on it, and a line in which the variable is neither
	// absent nor matches is refused.
	Charset map[string]string
	// AcceptAmbiguous takes a format in which what a client sends can change
	// who or what is billed. Its lines are read in the way in which the first
	// variables are shortest.
	AcceptAmbiguous bool
	// Wrap is what stands around each line: "" for nothing, "cri", "docker"
	// or "syslog".
	Wrap string
	// Prefix is a text that stands before each line, inside the wrap.
	Prefix string
	// Skip are expressions (RE2) of lines, without their wrap, that are no
	// access records: one that the format refuses and an expression matches
	// anywhere gives ErrSkip. A line that is of the format is never skipped.
	Skip []string
	// PathMode says by whose rules a target becomes Record.Path: "nginx",
	// "envoy" or "raw". Empty means those of the proxy that writes the format;
	// of nginx for other lines of JSON.
	PathMode string
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

// Compile compiles a Spec. An error is a *SpecError, or several in an error
// whose Unwrap returns them.
func Compile(s Spec) (*Format, error) {
	f := &Format{slots: nothingWanted()}
	kind, compile, err := s.compiler()
	if err != nil {
		return nil, err
	}
	f.kind = kind
	errs := unjoin(compile(f, &s))
	errs = append(errs, unjoin(f.choosePathMode(s.PathMode))...)
	errs = append(errs, unjoin(f.compileAround(&s))...)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	f.lint(&s)
	return f, nil
}

// unjoin returns the errors that were joined to err.
func unjoin(err error) []error {
	if err == nil {
		return nil
	}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return []error{err}
}

// compiler returns the key of the format that is given, and what compiles it.
func (s *Spec) compiler() (kind string, compile func(*Format, *Spec) error, err error) {
	kinds := []struct {
		key     string
		given   bool
		compile func(*Format, *Spec) error
	}{
		{"nginx", s.Nginx != "", compileNginx},
		{"envoy_text", s.EnvoyText != "", compileEnvoyText},
		{"envoy_json", s.EnvoyJSON != "", compileEnvoyJSON},
		{"json", s.JSON != nil, compileJSON},
	}
	var keys []string
	for _, k := range kinds {
		if k.given {
			keys = append(keys, k.key)
			compile = k.compile
		}
	}
	switch len(keys) {
	case 0:
		return "", nil, specError("nginx", errors.New("the format is empty; paste nginx's log_format directive, or use a built-in name: combined, ingress-nginx"))
	case 1:
	default:
		return "", nil, specError(keys[1], fmt.Errorf("a format has only one of %s", strings.Join(keys, " and ")))
	}
	if s.Escape != "" && keys[0] != "nginx" {
		return "", nil, specError("escape", errors.New("only an nginx format has an escape; leave it out"))
	}
	if len(s.Charset) > 0 && strings.HasSuffix(keys[0], "json") {
		return "", nil, specError("charset", errors.New("in JSON every value ends where its writer says, so there is nothing to tell apart; leave charset out"))
	}
	return keys[0], compile, nil
}
