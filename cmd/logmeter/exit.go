package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/logmeter/logmeter/agent/config"
	"github.com/logmeter/logmeter/checkpoint"
)

// Exit codes. 78 is EX_CONFIG of sysexits.h: a supervisor needn't try again
// before a person mended something.
const (
	exitFailed = 1
	exitUsage  = 2
	exitConfig = 78
)

// failure is an error of a command that did its work, as opposed to one of
// cobra about how it was called. A nil err means that all was said already.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit code %d", f.code)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// failed makes err the failure of a command; nil stays nil.
func failed(err error) error {
	if err == nil {
		return nil
	}
	code := exitFailed
	if errors.Is(err, checkpoint.ErrBound) {
		code = exitConfig
	}
	return &failure{code, err}
}

// exitCode writes what a person must know of err and returns the exit code.
func exitCode(err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	var f *failure
	if !errors.As(err, &f) {
		fmt.Fprintf(stderr, "logmeter: %v\n  hint: logmeter --help, or logmeter COMMAND --help\n", err)
		return exitUsage
	}
	var problems config.Problems
	switch {
	case f.err == nil:
	case errors.As(err, &problems):
		fmt.Fprintln(stderr, problems)
	default:
		fmt.Fprintf(stderr, "logmeter: %v\n", f.err)
	}
	return f.code
}
