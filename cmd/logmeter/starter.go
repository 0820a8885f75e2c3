package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/config"
	"github.com/logmeter/logmeter/agent/host"
	"github.com/logmeter/logmeter/parsers"
)

// paster writes the tables of agent.toml that follow logs of nginx.
type paster struct {
	n *host.Nginx
	c *config.Config // nil when there is none yet
	b strings.Builder

	sources []string          // names that are taken
	formats map[string]string // by the name of the log_format
}

// pasteSources returns the tables for some of nginx's logs, by their index.
func pasteSources(n *host.Nginx, c *config.Config, logs []int) string {
	p := &paster{n: n, c: c, formats: map[string]string{}}
	for _, i := range logs {
		p.source(i, logs)
	}
	return p.b.String()
}

// source writes the tables of one log.
func (p *paster) source(i int, logs []int) {
	l := p.n.Logs[i]
	if p.b.Len() > 0 {
		p.b.WriteByte('\n')
	}
	if j, ok := p.sameCalls(i, logs); ok {
		fmt.Fprintf(&p.b, "# %s holds the same calls as %s\n# (%s): following both would bill them twice.\n", l.Path, p.n.Logs[j].Path, l.Place)
		return
	}
	name, format := p.sourceName(l), p.formatName(l)
	fmt.Fprintf(&p.b, "# %s: %s\n", l.Place, l.Context)
	if l.Implicit {
		p.b.WriteString("# No access_log is set: this is the one that nginx writes then.\n")
	}
	fmt.Fprintf(&p.b, "[source.%s]\npath = %s\nformat = %s\n", tableKey(name), tomlString(l.Glob()), tomlString(format))
	if p.formats[l.Format] == "" {
		p.formats[l.Format] = format
		p.format(l, format)
	}
}

// sameCalls returns the log that is followed instead of one whose calls it
// has too: of those that stand together, the one that names a customer best.
func (p *paster) sameCalls(i int, logs []int) (int, bool) {
	rank := func(k int) int {
		_, r := p.customer(p.n.Formats[p.n.Logs[k].Format])
		return r
	}
	for _, group := range p.n.Together {
		if !slices.Contains(group, i) {
			continue
		}
		best := i
		for _, k := range group {
			if slices.Contains(logs, k) && (rank(k) > rank(best) || rank(k) == rank(best) && k < best) {
				best = k
			}
		}
		if best != i {
			return best, true
		}
	}
	return 0, false
}

// sourceName makes a name of a log's file name.
func (p *paster) sourceName(l host.AccessLog) string {
	base := strings.TrimSuffix(filepath.Base(l.Glob()), ".log")
	base = strings.Trim(strings.TrimSuffix(strings.TrimPrefix(base, "access"), "access"), "._-*")
	name := plainName(base)
	if name == "" {
		name = "access"
	}
	taken := func(s string) bool {
		if p.c != nil {
			if _, ok := p.c.Source[s]; ok {
				return true
			}
		}
		return slices.Contains(p.sources, s)
	}
	name = freeName(name, taken)
	p.sources = append(p.sources, name)
	return name
}

// formatName returns the name of the table that has a log's format: one that
// is there already, a built-in one, or a new one.
func (p *paster) formatName(l host.AccessLog) string {
	if name := p.formats[l.Format]; name != "" {
		return name
	}
	f := p.n.Formats[l.Format]
	if p.c != nil {
		for _, s := range p.c.Sources() {
			have := p.c.Format[s.Format]
			if have.Spec.Nginx == "" || have.Spec.Wrap != "" {
				continue
			}
			if diff, err := parsers.CompareNginx(have.Spec, nginxSpec(f)); err == nil && diff == nil {
				p.formats[l.Format] = s.Format
				return s.Format
			}
		}
	}
	if f.File == "" {
		return f.Name
	}
	taken := func(s string) bool {
		if _, builtin := parsers.Builtin(s); builtin {
			return true
		}
		if p.c != nil {
			if _, ok := p.c.Format[s]; ok {
				return true
			}
		}
		for _, other := range p.formats {
			if other == s {
				return true
			}
		}
		return false
	}
	return freeName(firstNonEmpty(plainName(f.Name), "nginx"), taken)
}

func firstNonEmpty(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// freeName adds a number to a name that is taken.
func freeName(name string, taken func(string) bool) string {
	free := name
	for k := 2; taken(free); k++ {
		free = fmt.Sprintf("%s-%d", name, k)
	}
	return free
}

// plainName keeps what may stand in the name of a table.
func plainName(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-' {
			b.WriteByte(c)
		} else {
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String()[:min(b.Len(), 48)], "-._")
}

// tableKey quotes a name whose dots would lead into other tables.
func tableKey(name string) string {
	if strings.Contains(name, ".") {
		return tomlString(name)
	}
	return name
}

// format writes the table of a log_format, or says what is missing in one that
// is built in.
func (p *paster) format(l host.AccessLog, name string) {
	f := p.n.Formats[l.Format]
	if f.File == "" {
		p.withoutCustomer(l, f)
		return
	}
	fmt.Fprintf(&p.b, "\n# %s\n[format.%s]\nnginx = %s\n", f.Place, tableKey(name), multiline(f.Directive()))
	customer, rank := p.customer(f)
	if customer == "" {
		p.withoutCustomer(l, f)
		return
	}
	fmt.Fprintf(&p.b, "# Who is billed: is it this?\ncustomer = %s\n", tomlString(customer))
	if rank < safeRank {
		p.b.WriteString("# Callers write it. Say true once your edge sets or checks it; else let them\n# be billed for one another, or log what they can't write, such as\n# $upstream_http_x_customer_id, a header of the API's answer.\n#customer_verified = true\n")
	}
}

// withoutCustomer says how a log comes to name a customer.
func (p *paster) withoutCustomer(l host.AccessLog, f host.LogFormat) {
	const customer = "$upstream_http_x_customer_id"
	g := f
	g.Strings = append(slices.Clone(f.Strings), ` "`+customer+`"`)
	if f.Escape == "json" {
		fmt.Fprintf(&p.b, "# It names no customer, so nothing can be billed from it yet. Log who called,\n# best something that callers can't write, such as %s,\n# a header of the API's answer; reload nginx and run this again.\n", customer)
		return
	}
	if f.File == "" {
		g.Name = "api"
	}
	fmt.Fprintf(&p.b, "# It names no customer, so nothing can be billed from it yet. In nginx.conf log\n# who called, best something that callers can't write, such as a header of the\n# API's answer; reload nginx and run this again:\n#\n")
	for line := range strings.SplitSeq(g.Directive(), "\n") {
		fmt.Fprintf(&p.b, "#   %s\n", line)
	}
	fmt.Fprintf(&p.b, "#   access_log %s %s;\n", l.Given, g.Name)
}

// tomlString writes a text as a TOML string; JSON's strings are ones too, but
// for DEL.
func tomlString(s string) string {
	var b bytes.Buffer
	if err := newJSON(&b).Encode(s); err != nil {
		return `""` // a string can always be encoded
	}
	return strings.ReplaceAll(strings.TrimSpace(b.String()), "\x7f", `\u007f`)
}

// multiline writes a text as TOML, as it is where that can be.
func multiline(s string) string {
	if strings.Contains(s, "'''") || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }) {
		return tomlString(s)
	}
	return "'''\n" + s + "\n'''"
}

// proven notes what is wrong with a text that is to be the configuration, or a
// part of it. Only formats can be: everything else in it is ours.
func (c *checker) proven(file, text string) *config.Config {
	parsed, err := config.Parse(file, []byte(text), func(string) string { return "" })
	if err != nil {
		c.configProblems(err)
		return nil
	}
	for _, w := range parsed.Warnings() {
		c.configProblem(agent.Warning, w)
	}
	return parsed
}

// startLogs returns the logs of nginx that can be followed, each file once.
func startLogs(n *host.Nginx) (logs []int) {
	seen := map[string]bool{}
	for i, l := range n.Logs {
		if followable(l) && !seen[l.Path] {
			seen[l.Path] = true
			logs = append(logs, i)
		}
	}
	return logs
}

// startConfig returns a whole agent.toml for the logs of nginx.
func startConfig(n *host.Nginx, logs []int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# logmeter's configuration, made from %s by\n#   logmeter check --nginx %s\n# What each key means, and which others there are, stands in agent.toml.example.\n\n", n.File, n.File)
	if len(logs) == 0 {
		b.WriteString("# nginx writes no log that can be followed; the findings say why.\n")
	}
	b.WriteString(pasteSources(n, nil, logs))
	b.WriteString("\n# What is billed: a [meter.NAME] for each thing that you sell. event_name is that\n# of the meter at Stripe.\n[meter.api-calls]\nevent_name = \"api_calls\"\n")
	paths := `"/v1/*"`
	if len(n.Routes) > 0 {
		const most = 8
		var quoted []string
		for _, r := range n.Routes[:min(most, len(n.Routes))] {
			quoted = append(quoted, tomlString(strings.TrimSuffix(r, "/")+"/*"))
		}
		paths = strings.Join(quoted, ", ")
		if len(quoted) > 1 {
			paths = "[" + paths + "]"
		}
		b.WriteString("# What nginx passes on; leave what is billed.\n")
	}
	fmt.Fprintf(&b, "match = { path = %s, status = \"2xx\" }\n", paths)
	b.WriteString("\n# Until there is a key usage is counted and kept. A live key needs live = true.\n[stripe]\n#api_key_file = \"/etc/logmeter/stripe.key\"\n#live = true\n")
	return b.String()
}
