package host

import (
	"bytes"
	"fmt"
)

// maxDepth is how deep blocks may stand in one another. nginx's own
// configurations stay below ten; the parser recurses, and a file of braces
// alone must not end the process.
const maxDepth = 100

// blankLua replaces the Lua code of OpenResty's *_by_lua_block directives by
// blanks, so that what follows is plain nginx grammar with the same lines. Lua
// has quotes, comments and brackets of its own, in which a brace or an
// apostrophe means nothing.
func blankLua(text []byte) ([]byte, error) {
	text = bytes.Clone(text)
	s := luaScan{text: text, line: 1}
	first := true // the next word is the name of a directive
	lua := false  // the directive is one with Lua code
	depth := 0
	for s.pos < len(text) {
		switch c := text[s.pos]; c {
		case ' ', '\t', '\r', '\n':
			s.next()
		case '#':
			s.until("\n")
		case ';':
			s.next()
			first, lua = true, false
		case '}':
			s.next()
			depth--
			first, lua = true, false
		case '{':
			s.next()
			if lua {
				if err := s.blank(); err != nil {
					return nil, err
				}
			}
			if depth++; depth > maxDepth {
				return nil, fmt.Errorf("line %d: blocks stand in one another more than %d deep", s.line, maxDepth)
			}
			first, lua = true, false
		case '"', '\'':
			at := s.line
			if !s.quoted(c) {
				return nil, fmt.Errorf("line %d: the text that begins with %c has no end", at, c)
			}
			first = false
		default:
			word := s.word()
			if first {
				lua = bytes.HasSuffix(word, []byte("_by_lua_block"))
			}
			first = false
		}
	}
	return text, nil
}

// luaScan reads over the text of a configuration.
type luaScan struct {
	text []byte
	pos  int
	line int
}

func (s *luaScan) next() {
	if s.pos < len(s.text) {
		if s.text[s.pos] == '\n' {
			s.line++
		}
		s.pos++
	}
}

// until goes on to the given text and not over it, or to the end.
func (s *luaScan) until(end string) bool {
	for s.pos < len(s.text) {
		if bytes.HasPrefix(s.text[s.pos:], []byte(end)) {
			return true
		}
		s.next()
	}
	return false
}

// quoted goes over a text in quotes. It reports whether that has an end.
func (s *luaScan) quoted(quote byte) bool {
	for s.next(); s.pos < len(s.text); s.next() {
		switch s.text[s.pos] {
		case '\\':
			s.next()
		case quote:
			s.next()
			return true
		}
	}
	return false
}

// word goes over a word without quotes, ${variables} included.
func (s *luaScan) word() []byte {
	begin := s.pos
	for ; s.pos < len(s.text); s.next() {
		switch s.text[s.pos] {
		case '\\':
			s.next()
		case ' ', '\t', '\r', '\n', ';':
			return s.text[begin:s.pos]
		case '{':
			if s.pos == begin || s.text[s.pos-1] != '$' {
				return s.text[begin:s.pos]
			}
			if !s.until("}") {
				return s.text[begin:]
			}
		case '}':
			if s.pos > begin {
				return s.text[begin:s.pos]
			}
		}
	}
	return s.text[begin:min(s.pos, len(s.text))]
}

// blank goes to the brace that closes a block of Lua, and blanks what is
// before it.
func (s *luaScan) blank() error {
	begin, at := s.pos, s.line
	for depth := 0; s.pos < len(s.text); {
		switch c := s.text[s.pos]; {
		case c == '}' && depth == 0:
			for i := begin; i < s.pos; i++ {
				if s.text[i] != '\n' {
					s.text[i] = ' '
				}
			}
			return nil
		case c == '}':
			depth--
			s.next()
		case c == '{':
			depth++
			s.next()
		case c == '"', c == '\'':
			s.quoted(c)
		case c == '[' && s.longBracket():
		case c == '-' && bytes.HasPrefix(s.text[s.pos:], []byte("--")):
			s.pos += 2
			if s.pos == len(s.text) || s.text[s.pos] != '[' || !s.longBracket() {
				s.until("\n")
			}
		default:
			s.next()
		}
	}
	return fmt.Errorf("line %d: the block of Lua has no end", at)
}

// longBracket goes over [[text]] or [=[text]=]. It reports whether there was
// one.
func (s *luaScan) longBracket() bool {
	n := 1
	for s.pos+n < len(s.text) && s.text[s.pos+n] == '=' {
		n++
	}
	if s.pos+n == len(s.text) || s.text[s.pos+n] != '[' {
		return false
	}
	end := "]" + string(s.text[s.pos+1:s.pos+n]) + "]"
	s.pos += n + 1
	if s.until(end) {
		s.pos += len(end)
	}
	return true
}
