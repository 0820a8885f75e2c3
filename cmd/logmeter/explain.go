package main

import (
	"fmt"
	"strings"

	"github.com/logmeter/logmeter/agent"
)

// explainText says what the meters make of a line, a line for each meter: of
// all of them, or of those alone that came closest when none wants it.
func explainText(all []agent.Explanation, closestOnly bool) string {
	closest := agent.RulePath
	for _, e := range all {
		if closestOnly && e.Matched {
			return ""
		}
		closest = max(closest, e.Rule)
	}
	const most = 20
	var b strings.Builder
	shown := 0
	for _, e := range all {
		if closestOnly && (e.Rule != closest || closest == agent.RulePath && len(all) > 1) {
			continue
		}
		if shown++; shown > most {
			b.WriteString("\n  and more; logmeter parse --explain shows all of them")
			break
		}
		mark := "no "
		if e.Matched {
			mark = "yes"
		}
		fmt.Fprintf(&b, "\n  %s %s: %s", mark, e.Meter, e.Text)
	}
	return b.String()
}

// fieldsText shows the fields of a record that meters read.
func fieldsText(names []string, rec *agent.Record) string {
	var b strings.Builder
	if rec.Host != nil {
		b.WriteString(", host " + printable(string(rec.Host)))
	}
	for i, name := range names {
		if name != "" {
			fmt.Fprintf(&b, ", %s %s", name, orNone(rec.Fields[i]))
		}
	}
	return b.String()
}

// explainedMeter is what parse --explain says of one meter. Its form is a
// promise to whoever pipes it.
type explainedMeter struct {
	Meter   string `json:"meter"`
	Matched bool   `json:"matched"`
	Rule    string `json:"rule,omitempty"` // the condition that it fails
	Text    string `json:"text"`
}

func explained(all []agent.Explanation) []explainedMeter {
	rows := make([]explainedMeter, len(all))
	for i, e := range all {
		rows[i] = explainedMeter{Meter: e.Meter, Matched: e.Matched, Text: e.Text}
		if !e.Matched {
			rows[i].Rule = e.Rule.String()
		}
	}
	return rows
}
