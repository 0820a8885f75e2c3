// Package host reads what a machine's own configuration says about the logs
// that are billed from: nginx.conf and logrotate's, the users who write and
// read them, and the file systems that they lie on.
//
// Its one idea is that nearly every line that is ever lost was lost by a
// setting that stood in plain sight before: a log that is truncated instead of
// renamed, a worker that can't reopen it, a call that isn't logged at all. The
// package finds those and says what to change.
//
// It changes nothing, reads only what the user who runs it may read, and never
// speaks to the network. What it can't know it doesn't guess at: an unreadable
// configuration is a finding of its own. It knows nothing of agent.toml; the
// command compares the two.
package host

import (
	"fmt"

	"github.com/logmeter/logmeter/agent"
)

// Place is a line of a configuration file.
type Place struct {
	File string
	Line int
}

func (p Place) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// findings collects what is found on one topic.
type findings struct {
	topic string
	all   []agent.Finding
}

func (f *findings) ok(format string, args ...any) {
	f.all = append(f.all, agent.Finding{Severity: agent.OK, Topic: f.topic, Text: fmt.Sprintf(format, args...)})
}

func (f *findings) warn(hint, format string, args ...any) {
	f.all = append(f.all, agent.Finding{Severity: agent.Warning, Topic: f.topic, Text: fmt.Sprintf(format, args...), Hint: hint})
}

func (f *findings) problem(hint, format string, args ...any) {
	f.all = append(f.all, agent.Finding{Severity: agent.Problem, Topic: f.topic, Text: fmt.Sprintf(format, args...), Hint: hint})
}
