package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/config"
)

// findingOutputs are the forms in which findings can be written.
var findingOutputs = []string{"text", "json"}

// checker takes findings and remembers them. As text each is printed when it
// is found, since some take their time; as JSON all of them at the end.
type checker struct {
	out   io.Writer // nil prints nothing
	topic string    // of the findings that come next
	found []agent.Finding
	// explain says what every meter makes of a line, not only the closest one
	// of a line that none wants.
	explain bool
}

func (c *checker) ok(format string, args ...any) { c.note(agent.OK, format, args...) }

func (c *checker) warn(format string, args ...any) { c.note(agent.Warning, format, args...) }

func (c *checker) problem(format string, args ...any) { c.note(agent.Problem, format, args...) }

// line shows a line of a log as it is read.
func (c *checker) line(format string, args ...any) { c.note(agent.Info, format, args...) }

// note makes a finding of a text, whose hint follows "\nhint: ".
func (c *checker) note(s agent.Severity, format string, args ...any) {
	text, hint, _ := strings.Cut(fmt.Sprintf(format, args...), "\nhint: ")
	c.add(agent.Finding{Severity: s, Topic: c.topic, Text: text, Hint: hint})
}

// configProblems notes each of the problems of a configuration.
func (c *checker) configProblems(err error) {
	var problems config.Problems
	switch {
	case err == nil:
	case errors.As(err, &problems):
		for _, p := range problems {
			c.configProblem(agent.Problem, p.Error())
		}
	default:
		c.problem("%v", err)
	}
}

// configProblem notes a problem or a warning as the configuration words it.
func (c *checker) configProblem(s agent.Severity, text string) {
	text, hint, _ := strings.Cut(text, "\n  hint: ")
	c.add(agent.Finding{Severity: s, Topic: c.topic, Text: text, Hint: hint})
}

func (c *checker) add(findings ...agent.Finding) {
	for _, f := range findings {
		c.found = append(c.found, f)
		if c.out != nil {
			writeFinding(c.out, f)
		}
	}
}

// writeFinding writes a finding for people.
func writeFinding(out io.Writer, f agent.Finding) {
	label := f.Severity.String()
	if f.Severity == agent.Info {
		label = "  line"
	}
	text := f.Text
	if f.Hint != "" {
		text += "\nhint: " + f.Hint
	}
	fmt.Fprintf(out, "%-8s %s\n", label, strings.ReplaceAll(harmless(text), "\n", "\n         "))
}

// harmless takes out of a text what a terminal would obey: findings quote
// configurations and logs.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return utf8.RuneError
		}
		return r
	}, text)
}

// end writes what wasn't printed yet, with the tables to paste, and fails when
// there are problems.
func (c *checker) end(out io.Writer, paste string) error {
	if c.out == nil {
		if err := writeFindingsJSON(out, c.found, paste); err != nil {
			return failed(err)
		}
	} else if paste != "" {
		if _, err := fmt.Fprintf(out, "\nTo paste into the configuration:\n\n%s", paste); err != nil {
			return failed(err)
		}
	}
	problems := len(slices.DeleteFunc(slices.Clone(c.found), func(f agent.Finding) bool { return f.Severity != agent.Problem }))
	switch problems {
	case 0:
		return nil
	case 1:
		return &failure{exitFailed, fmt.Errorf("1 problem found")}
	}
	return &failure{exitFailed, fmt.Errorf("%d problems found", problems)}
}

// jsonFinding and the object around it are what --output json prints. Their
// form is a promise to whoever pipes it.
type jsonFinding struct {
	Severity agent.Severity `json:"severity"`
	Topic    string         `json:"topic"`
	Text     string         `json:"text"`
	Hint     string         `json:"hint,omitempty"`
}

func writeFindingsJSON(out io.Writer, found []agent.Finding, paste string) error {
	rows := make([]jsonFinding, len(found))
	for i, f := range found {
		rows[i] = jsonFinding(f)
	}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Findings []jsonFinding `json:"findings"`
		Paste    string        `json:"toml,omitempty"`
	}{rows, paste})
}
