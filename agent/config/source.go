package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// rotated matches names that logrotate and its kin give to finished logs.
var rotated = regexp.MustCompile(`(\.\d{1,3}|-\d{8}|\.gz|\.bz2|\.xz|\.zst)$`)

// source reads one [source.NAME].
func (t table) source(name string) Source {
	s := Source{Name: name}
	switch {
	case t.str("path", &s.Path):
		s.Path = t.path("path", s.Path)
		t.checkLog(s.Path)
	case !t.has("path"):
		t.missing("path")
	}
	if !t.str("format", &s.Format) && !t.has("format") {
		t.missing("format")
	}
	start := "end"
	t.choice("start", &start, "end", "beginning")
	s.FromStart = start == "beginning"
	t.str("customer_prefix", &s.CustomerPrefix)
	return s
}

// checkLog looks at the path of a log, which may be a glob.
func (t table) checkLog(path string) {
	if _, err := filepath.Match(path, ""); err != nil {
		t.fault("path", "%s isn't a glob; want * and ? for any characters, [abc] for one of them, each [ with its ]", show(path))
		return
	}
	const found = "rotated and compressed logs are found by themselves, and counted once"
	switch {
	case strings.Contains(path, "**"):
		t.warn("path", "** means no more than * here: it doesn't go into directories", "write one * for each level")
	case strings.HasSuffix(path, "*"):
		t.warn("path", "the glob takes in rotated logs too, such as access.log.1", found+`; end the glob with the live logs' own ending, such as "*.log"`)
	case rotated.MatchString(path):
		t.warn("path", show(filepath.Base(path))+" looks like a rotated log", "name the live log; "+found)
	}
}

// checkOverlap reports sources that read the same log: its lines would be
// billed twice. Two globs that meet aren't found here.
func (r *reader) checkOverlap(names []string, tables map[string]table, sources map[string]Source) {
	for i, name := range names {
		for _, other := range names[:i] {
			a, b := sources[name].Path, sources[other].Path
			if a == "" || b == "" {
				continue
			}
			inA, _ := filepath.Match(a, b)
			inB, _ := filepath.Match(b, a)
			if a != b && !inA && !inB {
				continue
			}
			t, first := tables[name], tables[other]
			if first.line("path") > t.line("path") {
				t, first = first, t
			}
			t.hint("path", fmt.Sprintf("%s on line %d reads the same log, so its lines would be billed twice; want each log in one source", first.name, first.line("path")), "several meters may count one line; that needs one source only")
		}
	}
}
