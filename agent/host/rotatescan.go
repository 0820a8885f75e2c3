package host

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// rotateScan reads the text of one of logrotate's files, as logrotate does: a
// directive with a value has the rest of the line, one without takes just its
// word, and a # is a comment only where a directive could begin.
type rotateScan struct {
	r     *rotateReader
	text  string
	pos   int
	at    Place
	depth int
	entry *Policy // within { and }, else nil
}

// scripts are the directives that a script follows, up to "endscript".
var scripts = []string{"prerotate", "postrotate", "firstaction", "lastaction", "preremove"}

// all reads to the end of the text.
func (s *rotateScan) all() {
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; {
		case c == '\n':
			s.at.Line++
			s.pos++
		case c == ' ', c == '\t', c == '\r':
			s.pos++
		case c == '#':
			s.restOfLine()
		case c == '}':
			s.pos++
			s.close()
		case isLetter(c):
			s.directive()
		case s.entry == nil && strings.IndexByte(`/"'~`, c) >= 0:
			s.open()
		default:
			s.fail("a line begins with neither a directive nor a path")
			s.restOfLine()
		}
	}
	if s.entry != nil {
		s.fail("the entry has no closing }")
		s.close()
	}
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// restOfLine returns what is left of the line, without the end of the line.
func (s *rotateScan) restOfLine() string {
	rest, _, _ := strings.Cut(s.text[s.pos:], "\n")
	s.pos += len(rest)
	return strings.TrimSpace(rest)
}

// fail notes why logrotate passes over the entry that is read, or over a line
// outside of entries.
func (s *rotateScan) fail(why string) {
	if s.entry == nil {
		s.r.fault(s.at, why)
	} else if s.entry.Broken == "" {
		s.entry.Broken = s.at.String() + ": " + why
	}
}

// policy is what a directive changes.
func (s *rotateScan) policy() *Policy {
	if s.entry != nil {
		return s.entry
	}
	return &s.r.global
}

// open reads the paths of an entry, up to its brace.
func (s *rotateScan) open() {
	entry := s.r.global
	entry.Place, entry.Patterns = s.at, nil
	entry.Scripts = maps.Clone(s.r.global.Scripts)
	s.entry = &entry
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; c {
		case '\n':
			s.at.Line++
			s.pos++
		case ' ', '\t', '\r', ',':
			s.pos++
		case '#':
			s.restOfLine()
		case '{':
			s.pos++
			return
		default:
			entry.Patterns = append(entry.Patterns, s.pattern())
		}
	}
}

// pattern reads one path with the quoting of a shell.
func (s *rotateScan) pattern() string {
	var b strings.Builder
	for quote := byte(0); s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; {
		case quote == 0 && strings.IndexByte(" \t\r\n{", c) >= 0:
			return b.String()
		case c == '\n':
			return b.String() // a quote without an end
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == '\\' && quote != '\'' && s.pos+1 < len(s.text) && s.text[s.pos+1] != '\n':
			s.pos++
			b.WriteByte(s.text[s.pos])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// close ends the entry.
func (s *rotateScan) close() {
	if s.entry == nil {
		s.fail("a } without an entry")
		return
	}
	s.r.lr.Policies = append(s.r.lr.Policies, *s.entry)
	s.entry = nil
}

// directive reads a directive.
func (s *rotateScan) directive() {
	begin := s.pos
	for s.pos < len(s.text) && isLetter(s.text[s.pos]) {
		s.pos++
	}
	key := s.text[begin:s.pos]
	if slices.Contains(scripts, key) {
		s.script(key)
		return
	}
	if set, ok := flags[key]; ok {
		set(s.policy())
		return
	}
	if slices.Contains(silent, key) {
		return
	}
	value := s.restOfLine()
	value = strings.TrimSpace(strings.TrimPrefix(value, "="))
	switch key {
	case "include":
		s.include(value)
		return
	case "tabooext":
		s.taboo(value)
		return
	}
	switch err := s.policy().set(key, value); {
	case errors.Is(err, errUnknown):
		// logrotate says so and reads on.
		s.r.fault(s.at, "unknown directive "+key+"; logrotate passes over it")
	case err != nil:
		s.fail(err.Error())
	}
}

// script reads the lines up to "endscript".
func (s *rotateScan) script(key string) {
	s.restOfLine()
	var b strings.Builder
	ended := false
	for s.pos < len(s.text) {
		if s.text[s.pos] == '\n' {
			s.at.Line++
			s.pos++
		}
		line := s.restOfLine()
		if line == "endscript" || strings.HasPrefix(line, "endscript ") || strings.HasPrefix(line, "endscript\t") {
			ended = true
			break
		}
		b.WriteString(line + "\n")
	}
	p := s.policy()
	if p.Scripts == nil {
		p.Scripts = map[string]string{}
	}
	p.Scripts[key] = b.String()
	if !ended {
		s.fail(key + " has no endscript")
	}
}

func (s *rotateScan) include(path string) {
	path = strings.Trim(path, `"'`)
	if !filepath.IsAbs(path) {
		// logrotate takes it from where it runs, which isn't known here.
		path = filepath.Join(filepath.Dir(s.at.File), path)
	}
	if err := s.r.file(path, s.depth+1); err != nil {
		s.r.fault(s.at, err.Error())
	}
}

func (s *rotateScan) taboo(value string) {
	if rest, ok := strings.CutPrefix(value, "+"); ok {
		value = rest
	} else {
		s.r.taboo = nil
	}
	s.r.taboo = append(s.r.taboo, strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(", \t", r) })...)
}
