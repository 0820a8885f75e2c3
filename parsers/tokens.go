package parsers

import (
	"fmt"
	"strings"
)

// token is one argument of an nginx directive, its quotes and backslashes
// resolved as nginx resolves them.
type token struct {
	text   string
	quoted bool
	line   int // 0-based, where it begins
}

// lineError is a problem at a 0-based line of a pasted text.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return e.err.Error() }
func (e *lineError) Unwrap() error { return e.err }

func errorAt(line int, format string, args ...any) error {
	return &lineError{line, fmt.Errorf(format, args...)}
}

// lexer reads the tokens of nginx's configuration grammar
// (ngx_conf_read_token).
type lexer struct {
	src  string
	pos  int
	line int
}

// arguments reads tokens up to a semicolon or the end of the text. ended says
// that there was a semicolon.
func (l *lexer) arguments() (tokens []token, ended bool, err error) {
	for {
		l.blank()
		switch {
		case l.pos == len(l.src):
			return tokens, false, nil
		case l.src[l.pos] == ';':
			l.pos++
			return tokens, true, nil
		case l.src[l.pos] == '{', l.src[l.pos] == '}':
			return nil, false, errorAt(l.line, "a %q outside of quotes; a format that holds one has to stand in quotes", l.src[l.pos])
		}
		var t token
		if c := l.src[l.pos]; c == '\'' || c == '"' {
			t, err = l.quoted(c)
		} else {
			t, err = l.bare()
		}
		if err != nil {
			return nil, false, err
		}
		tokens = append(tokens, t)
	}
}

// blank skips white space and comments.
func (l *lexer) blank() {
	for l.pos < len(l.src) {
		switch l.src[l.pos] {
		case '\n':
			l.line++
		case ' ', '\t', '\r':
		case '#':
			if i := strings.IndexByte(l.src[l.pos:], '\n'); i >= 0 {
				l.pos += i
			} else {
				l.pos = len(l.src)
			}
			continue
		default:
			return
		}
		l.pos++
	}
}

func (l *lexer) quoted(quote byte) (token, error) {
	t := token{quoted: true, line: l.line}
	start := l.pos + 1
	for l.pos++; ; l.pos++ {
		if l.pos >= len(l.src) {
			return t, errorAt(t.line, "the text that begins with %c has no closing %c", quote, quote)
		}
		switch l.src[l.pos] {
		case '\\':
			if l.pos++; l.pos < len(l.src) && l.src[l.pos] == '\n' {
				l.line++
			}
		case '\n':
			l.line++
		case quote:
			t.text = UnescapeNginx(l.src[start:l.pos])
			l.pos++
			if l.pos < len(l.src) && !strings.ContainsRune(" \t\r\n;{)", rune(l.src[l.pos])) {
				return t, errorAt(l.line, "%q follows the closing %c; nginx wants a blank or a semicolon there", l.src[l.pos], quote)
			}
			return t, nil
		}
	}
}

func (l *lexer) bare() (token, error) {
	t := token{line: l.line}
	start := l.pos
	for ; l.pos < len(l.src); l.pos++ {
		switch l.src[l.pos] {
		case '\\':
			if l.pos++; l.pos < len(l.src) && l.src[l.pos] == '\n' {
				l.line++
			}
			continue
		case ' ', '\t', '\r', '\n', ';':
			t.text = UnescapeNginx(l.src[start:l.pos])
			return t, nil
		case '{':
			if l.src[l.pos-1] != '$' {
				t.text = UnescapeNginx(l.src[start:l.pos])
				return t, nil
			}
		}
	}
	l.pos = len(l.src)
	t.text = UnescapeNginx(l.src[start:])
	return t, nil
}

// UnescapeNginx resolves the backslashes that nginx resolves in a word of its
// configuration; before any other character a backslash stays.
func UnescapeNginx(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			if k := strings.IndexByte(`"'\trn`, s[i+1]); k >= 0 {
				b.WriteByte("\"'\\\t\r\n"[k])
				i++
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
