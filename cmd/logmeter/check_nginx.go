package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/logmeter/logmeter/agent/config"
	"github.com/logmeter/logmeter/agent/host"
	"github.com/logmeter/logmeter/parsers"
)

// nginxCheck compares an nginx.conf with agent.toml.
type nginxCheck struct {
	*checker
	c *config.Config
	n *host.Nginx
	// followed has, for each log of nginx, the sources that follow it.
	followed [][]config.Source
}

// checkNginx compares, and returns the tables to paste for the logs that no
// source follows.
func checkNginx(ch *checker, c *config.Config, n *host.Nginx) (paste string) {
	ch.topic = "nginx"
	missing := compareNginx(ch, c, n)
	if len(missing) == 0 {
		return ""
	}
	paste = pasteSources(n, c, missing)
	ch.topic = "paste"
	ch.proven("to paste", paste)
	return paste
}

// compareNginx says for each log of nginx which source follows it and whether
// its format is the same, and returns the logs that none follows.
func compareNginx(ch *checker, c *config.Config, n *host.Nginx) (missing []int) {
	nc := &nginxCheck{checker: ch, c: c, n: n}
	ch.add(n.Findings()...)
	for i, l := range n.Logs {
		nc.followed = append(nc.followed, nil)
		if l.Path == "" {
			continue
		}
		for _, s := range c.Sources() {
			if follows(s, l) {
				nc.followed[i] = append(nc.followed[i], s)
			}
		}
	}
	seen := map[string]bool{}
	for i, l := range n.Logs {
		for _, s := range nc.followed[i] {
			if key := s.Name + "\x00" + l.Path + "\x00" + l.Format; !seen[key] {
				seen[key] = true
				nc.compareFormat(s, l)
			}
		}
		if len(nc.followed[i]) > 1 {
			nc.problem("%s is followed by %s: each of its lines is billed by each of them\nhint: leave it in one source", l.Path, sourceNames(nc.followed[i]))
		}
		if len(nc.followed[i]) == 0 && followable(l) && !seen[l.Path] {
			seen[l.Path] = true
			nc.warn("%s writes %s (log_format %s, %s), and no source follows it\nhint: if its calls are billed, paste what stands below", l.Where(n), l.Path, l.Format, l.Context)
			missing = append(missing, i)
		}
	}
	nc.strangers()
	nc.twice()
	return missing
}

// followable reports whether a log of nginx can be one of a source.
func followable(l host.AccessLog) bool { return l.Path != "" && !l.Unused && !l.Gzip && !l.Device() }

// follows reports whether a source reads a log of nginx.
func follows(s config.Source, l host.AccessLog) bool {
	if l.Variable() {
		if s.Path == l.Glob() {
			return true
		}
		ok, _ := filepath.Match(s.Path, strings.ReplaceAll(l.Glob(), "*", "x"))
		return ok
	}
	if ok, _ := filepath.Match(s.Path, l.Path); ok || host.SameFile(s.Path, l.Path) {
		return true
	}
	paths, _ := filepath.Glob(s.Path)
	return slices.ContainsFunc(paths, func(p string) bool { return host.SameFile(p, l.Path) })
}

func sourceNames(sources []config.Source) string {
	var names []string
	for _, s := range sources {
		names = append(names, "source "+s.Name)
	}
	return strings.Join(names, " and ")
}

// nginxSpec is a log_format as the parsers take it.
func nginxSpec(f host.LogFormat) parsers.Spec { return parsers.Spec{Nginx: f.Directive()} }

// compareFormat compares the format of a source with the one that nginx writes.
func (nc *nginxCheck) compareFormat(s config.Source, l host.AccessLog) {
	spec, f := nc.c.Format[s.Format].Spec, nc.n.Formats[l.Format]
	at := "built into nginx"
	if f.File != "" {
		at = "at " + f.Place.String()
	}
	switch {
	case f.Name == "":
		return // said already: there is no such log_format
	case spec.Wrap != "":
		nc.problem("source %s: format %s has wrap = %q, but nginx writes plain lines to %s\nhint: take wrap out", s.Name, s.Format, spec.Wrap, l.Path)
		return
	case spec.JSON != nil:
		nc.ok("source %s: reads %s as JSON; log_format %s, %s, isn't compared with that", s.Name, l.Path, f.Name, at)
		return
	case spec.Nginx == "":
		nc.problem("source %s: format %s is one of Envoy, but nginx writes %s (%s)\nhint: paste log_format %s: nginx = '''…'''", s.Name, s.Format, l.Path, l.Place, f.Name)
		return
	case f.Inexact:
		nc.warn("source %s: log_format %s, %s, holds bytes that aren't UTF-8, so it can't be compared with format %s\nhint: compare them by eye", s.Name, f.Name, at, s.Format)
		return
	}
	diff, err := parsers.CompareNginx(spec, nginxSpec(f))
	switch {
	case err != nil:
		nc.problem("source %s: log_format %s, %s, can't be read: %v", s.Name, f.Name, at, err)
	case diff != nil:
		nc.problem("source %s: format %s isn't what nginx writes to %s, log_format %s %s:\n%s\nhint: paste log_format %s into [format.%s] as it stands in nginx.conf",
			s.Name, s.Format, l.Path, f.Name, at, sayDifference(nc.c.File, nc.n.File, diff), f.Name, s.Format)
	default:
		nc.ok("source %s: follows %s, and format %s is log_format %s, %s", s.Name, l.Path, s.Format, f.Name, at)
	}
}

// sayDifference shows where two formats part.
func sayDifference(fileA, fileB string, d *parsers.Difference) string {
	nameA, nameB := filepath.Base(fileA), filepath.Base(fileB)
	width := max(len(nameA), len(nameB), len("both"))
	side := func(name, text string) string {
		if text == "" {
			text = "(nothing)"
		}
		return fmt.Sprintf("\n  %-*s  %s", width, name, text)
	}
	return strings.TrimPrefix(side("both", d.After)+side(nameA, d.A)+side(nameB, d.B), "\n")
}

// strangers tells of sources whose log nginx doesn't write.
func (nc *nginxCheck) strangers() {
	for _, s := range nc.c.Sources() {
		spec := nc.c.Format[s.Format].Spec
		written := slices.ContainsFunc(nc.followed, func(by []config.Source) bool { return slices.Contains(by, s) })
		if written || spec.Nginx == "" || spec.Wrap != "" {
			continue
		}
		hint := "correct path, or take the source out; a log of another nginx needs a check with that one's configuration"
		for _, l := range nc.n.Logs {
			if l.Path != "" && filepath.Base(l.Path) == filepath.Base(s.Path) {
				hint = fmt.Sprintf("did you mean %s?", l.Glob())
			}
		}
		nc.warn("source %s: %s doesn't have nginx write %s\nhint: %s", s.Name, nc.n.File, s.Path, hint)
	}
}

// twice tells of calls that stand in several logs that are followed.
func (nc *nginxCheck) twice() {
	for _, group := range nc.n.Together {
		var logs []string
		var by []config.Source
		for _, i := range group {
			if len(nc.followed[i]) > 0 && !slices.Contains(logs, nc.n.Logs[i].Path) {
				logs = append(logs, nc.n.Logs[i].Path)
				by = append(by, nc.followed[i][0])
			}
		}
		if len(logs) > 1 {
			nc.problem("every call (%s) stands in %s, which %s read: it is billed %d times\nhint: follow one of these logs",
				nc.n.Logs[group[0]].Context, strings.Join(logs, " and "), sourceNames(slices.Compact(by)), len(logs))
		}
	}
}
