package host

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/logmeter/logmeter/agent"
)

// mostPlaces bounds how many places of one kind are listed.
const mostPlaces = 5

// Findings says what in the configuration keeps calls from being billed, or
// from being billed in time, whatever agent.toml says.
func (n *Nginx) Findings() []agent.Finding {
	f := &findings{topic: "nginx"}
	for _, fault := range n.faults {
		f.warn("nginx -t says what nginx thinks of it; what can't be read is left out here", "%s", fault)
	}
	n.findSilence(f)
	if len(n.Logs) == 0 && len(n.silent) == 0 {
		f.warn("set access_log and log_format in its http block", "%s: no access_log is set, so nginx writes the log that it was built with, which isn't known here", n.File)
	}
	for _, l := range n.Logs {
		n.findLog(f, l)
	}
	n.findMixed(f)
	n.findDoubled(f)
	return f.all
}

// findSilence tells of calls that aren't logged at all.
func (n *Nginx) findSilence(f *findings) {
	if len(n.silent) == 0 {
		return
	}
	var places []string
	for _, s := range n.silent {
		places = append(places, fmt.Sprintf("%s (%s)", s.Place, s.context))
	}
	f.warn("well for health checks and files; where billed calls go, take it out", "access_log is off at %s: calls there are in no log, so they can't be billed", list(places))
}

// list joins places, the first few of them.
func list(places []string) string {
	more := ""
	if n := len(places) - mostPlaces; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
		places = places[:mostPlaces]
	}
	return strings.Join(places, ", ") + more
}

// findLog tells of one log.
func (n *Nginx) findLog(f *findings, l AccessLog) {
	if l.Unused {
		f.ok("%s would write %s, but every server has an access_log of its own", l.Where(n), l.Given)
		return
	}
	if l.Path == "" {
		f.warn("log to a file as well; or follow the file that syslogd writes, with wrap = \"syslog\", and expect lines to be lost: nginx sends them by UDP", "%s logs to %s, which is no file", l.Place, l.Given)
		return
	}
	if device, ok := isStandard(l.Path); ok {
		hint := "give access_log a file of its own, or follow the container's log with wrap = \"cri\" or \"docker\""
		if device == "/dev/null" {
			hint = "give access_log a file"
		}
		f.problem(hint, "%s writes %s, which leads to %s and can't be followed", l.Where(n), l.Path, device)
		return
	}
	if _, known := n.Formats[l.Format]; !known {
		f.problem("nginx -t says the same; correct the name, or add the log_format", "%s: access_log %s names the format %q, and there is no such log_format", l.Place, l.Given, l.Format)
	}
	if l.Gzip {
		f.problem("take gzip= out; let logrotate compress rotated logs, with delaycompress", "%s compresses %s as it writes; such a log can't be followed", l.Where(n), l.Path)
	}
	if l.If != "" {
		f.warn("make sure that the condition holds for every billed call, or take it out", "%s logs a call to %s only if %s is neither empty nor 0; what isn't logged can't be billed", l.Where(n), l.Path, l.If)
	}
	if l.Buffer != "" && l.Flush == "" {
		f.warn("add flush=5s", "%s keeps up to %s of lines for %s in memory, for as long as it takes to fill: they are billed late, perhaps in another run, and a crash of nginx loses them", l.Where(n), l.Buffer, l.Path)
	}
	if !l.Implicit && !filepath.IsAbs(l.Given) {
		f.warn("write the whole path; nginx -V names the prefix", "%s: the path %s begins at nginx's prefix; it is taken for %s", l.Place, l.Given, l.Path)
	}
	if l.Variable() {
		f.warn(fmt.Sprintf("follow them with a glob such as %q; the workers' user must be able to create files there, and a caller should not be able to choose the name", l.Glob()),
			"%s writes several files, %s", l.Place, l.Path)
	}
}

// findMixed tells of files with lines of different formats.
func (n *Nginx) findMixed(f *findings) {
	var seen []string
	for i, l := range n.Logs {
		if l.Path == "" || l.Unused || slices.Contains(seen, l.Path) {
			continue
		}
		seen = append(seen, l.Path)
		for _, other := range n.Logs[i+1:] {
			if other.Path != l.Path || other.Unused || other.Format == l.Format {
				continue
			}
			f.problem("use one log_format for all of them, or a file for each",
				"%s gets lines of different formats: %s at %s, %s at %s; one of them is refused line by line", l.Path, l.Format, l.Place, other.Format, other.Place)
			break
		}
	}
}

// findDoubled tells of calls that stand twice in one file.
func (n *Nginx) findDoubled(f *findings) {
	for _, group := range n.Together {
		for k, i := range group {
			for _, j := range group[:k] {
				if a, b := n.Logs[j], n.Logs[i]; a.Path != "" && a.Path == b.Path {
					f.problem("take one of them out", "every call (%s) is written to %s twice, at %s and %s, and would be billed twice", b.Context, b.Path, a.Place, b.Place)
				}
			}
		}
	}
}
