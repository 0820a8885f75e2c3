package config

import (
	"strings"

	"github.com/BurntSushi/toml"
)

// scan returns the places of everything in a TOML text. They are right for a
// text that the decoder takes; for any other the scan ends all the same, with
// places that are as good as the text.
func scan(text string) *place {
	s := &scanner{text: text, line: 1}
	return s.document()
}

// maxNesting is how deep lists and inline tables may stand in one another. The
// decoder recurses without a limit, and running out of stack can't be caught.
const maxNesting = 64

// scanner walks over a TOML text; line is that of text[pos], from 1.
type scanner struct {
	text    string
	pos     int
	line    int
	nesting int // of the value at pos
	deepAt  int // the line where maxNesting was passed and the scan ended, or 0
}

func (s *scanner) document() *place {
	root := &place{line: 1, named: true}
	table := root
	for s.space(); s.pos < len(s.text); s.space() {
		if s.peek() != '[' {
			s.pair(table)
			continue
		}
		array := s.has("[[")
		line := s.line
		s.take("[[")
		s.take("[")
		table = root.child(s.key(), line)
		table.name(line)
		if array {
			table.items = append(table.items, &place{line: line, named: true})
			table = table.last()
		}
		s.take("]]")
		s.take("]")
	}
	return root
}

// peek returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func (s *scanner) has(prefix string) bool { return strings.HasPrefix(s.text[s.pos:], prefix) }

// take steps over prefix, which holds no newline, if it is next.
func (s *scanner) take(prefix string) bool {
	if !s.has(prefix) {
		return false
	}
	s.pos += len(prefix)
	return true
}

// step goes n bytes on, counting lines.
func (s *scanner) step(n int) {
	end := min(s.pos+n, len(s.text))
	s.line += strings.Count(s.text[s.pos:end], "\n")
	s.pos = end
}

// space steps over blanks, newlines and comments.
func (s *scanner) space() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.step(1)
		case '#':
			s.restOfLine()
		default:
			return
		}
	}
}

func (s *scanner) restOfLine() {
	if i := strings.IndexByte(s.text[s.pos:], '\n'); i >= 0 {
		s.pos += i
		return
	}
	s.pos = len(s.text)
}

// pair reads key = value into the table's places.
func (s *scanner) pair(table *place) {
	line := s.line
	p := table.child(s.key(), line)
	p.name(line)
	s.blanks()
	if !s.take("=") {
		s.restOfLine() // not TOML; the decoder says so
		return
	}
	s.blanks()
	s.value(p)
}

func (s *scanner) blanks() {
	for s.peek() == ' ' || s.peek() == '\t' {
		s.pos++
	}
}

// key reads a dotted key.
func (s *scanner) key() []string {
	var parts []string
	for {
		s.blanks()
		start := s.pos
		if c := s.peek(); c == '"' || c == '\'' {
			s.quoted(&place{}, s.text[s.pos:s.pos+1])
			parts = append(parts, unquote(s.text[start:s.pos]))
		} else {
			for s.pos < len(s.text) && !strings.ContainsRune(" \t\r\n.=[]{},#\"'", rune(s.text[s.pos])) {
				s.pos++
			}
			parts = append(parts, s.text[start:s.pos])
		}
		s.blanks()
		if !s.take(".") {
			return parts
		}
	}
}

// unquote returns what a quoted key means.
func unquote(quoted string) string {
	if strings.HasPrefix(quoted, "'") {
		return strings.Trim(quoted, "'")
	}
	var v struct{ Key string }
	if _, err := toml.Decode("Key = "+quoted, &v); err != nil {
		return quoted
	}
	return v.Key
}

// value reads a value that belongs to p.
func (s *scanner) value(p *place) {
	s.nesting++
	defer func() { s.nesting-- }()
	switch {
	case s.nesting > maxNesting:
		s.deepAt, s.pos = s.line, len(s.text)
	case s.has(`"""`), s.has("'''"):
		s.quoted(p, s.text[s.pos:s.pos+3])
	case s.has(`"`), s.has("'"):
		s.quoted(p, s.text[s.pos:s.pos+1])
	case s.take("["):
		for s.between("]") {
			item := &place{line: s.line, named: true}
			p.items = append(p.items, item)
			s.value(item)
		}
	case s.take("{"):
		for s.between("}") {
			s.pair(p)
		}
	default: // a number, a boolean, a time
		start := s.pos
		for s.pos < len(s.text) && !strings.ContainsRune(",]}#\n", rune(s.text[s.pos])) {
			s.pos++
		}
		if s.pos == start {
			s.step(1) // not TOML; go on all the same
		}
	}
}

// between steps to the next element of a list or an inline table. It reports
// false behind the closing bracket.
func (s *scanner) between(closing string) bool {
	s.space()
	for s.take(",") {
		s.space()
	}
	return s.pos < len(s.text) && !s.take(closing)
}

// quoted reads a string between quotes of one or three characters, and notes
// where the lines of its text stand.
func (s *scanner) quoted(p *place, quote string) {
	s.pos += len(quote)
	multi, escapes := len(quote) == 3, quote[0] == '"'
	if multi && (s.has("\n") || s.has("\r\n")) {
		s.step(1 + strings.IndexByte(s.text[s.pos:], '\n'))
	}
	p.lines = []int{s.line}
	for s.pos < len(s.text) {
		switch {
		case s.take(quote):
			// Up to two quotes may stand right before the closing three.
			for i := 0; multi && i < 2 && s.peek() == quote[0]; i++ {
				s.pos++
			}
			return
		case s.peek() == '\n' && !multi:
			return // not TOML
		case s.peek() == '\n':
			s.step(1)
			p.lines = append(p.lines, s.line)
		case escapes && s.peek() == '\\':
			s.escape(p)
		default:
			s.pos++
		}
	}
}

// escape reads a backslash and what it stands before. At the end of a line it
// joins the next text to this one, so the text has no line break there.
func (s *scanner) escape(p *place) {
	rest := s.text[s.pos+1:]
	blank := len(rest) - len(strings.TrimLeft(rest, " \t\r\n"))
	switch {
	case strings.Contains(rest[:blank], "\n"):
		s.step(1 + blank)
	case strings.HasPrefix(rest, "n"):
		s.pos += 2
		p.lines = append(p.lines, s.line)
	default:
		s.step(min(2, 1+len(rest)))
	}
}
