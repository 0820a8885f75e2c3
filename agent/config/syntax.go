package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// syntax reports why a text isn't TOML. The decoder stops at the first fault,
// so there is only one of these.
func (r *reader) syntax(text string, err error) {
	var parse toml.ParseError
	if !errors.As(err, &parse) {
		r.fault(1, "", "%s", strings.TrimPrefix(err.Error(), "toml: "))
		return
	}
	// The decoder's own line is one too high where a line ends too early.
	start := max(0, min(parse.Position.Start, len(text)))
	line := 1 + strings.Count(text[:start], "\n")
	source := lineOf(text, line)
	msg, key := parse.Message, parse.LastKey
	name, found, _ := strings.Cut(source, "=")
	if name = strings.TrimSpace(name); !isName(name) {
		name = "key"
	}
	has := func(part string) bool { return strings.Contains(msg, part) }
	switch {
	case has("already been defined"), has("already created"):
		r.twice(text, line, msg)
	case has("expected value but found"), has("expected a digit but got"), has("floats must start"):
		r.bareValue(line, key, name, strings.TrimSpace(found))
	case has("strings cannot contain newlines"):
		r.hint(line, key, "the string has no closing quote on its line", "text of several lines stands between ''' and '''")
	case has("unexpected EOF") && (has(`"`) || has("'")):
		r.fault(opening(text, key, line), key, "the string that begins here has no closing %s", strings.TrimPrefix(msg, "unexpected EOF; expected "))
	case has("array terminator"), has("inline table terminator"):
		r.fault(line, key, "a list or table is broken here; want a comma between its elements, and ] or } at its end")
	case has("invalid escape"):
		r.hint(line, key, "a backslash between double quotes begins an escape that TOML doesn't know", `between single quotes a backslash is a backslash: '\d'`)
	case has("end table name"), has("end of table"), has("table separator"):
		r.fault(line, "", "the header isn't whole; want [table] or [table.NAME] on a line of its own")
	case has("expected '.' or '='"), has("key separator"), has("key name appears blank"):
		r.fault(line, "", "the line isn't a key with a value; want key = value, a [table], or # before a comment")
	case has("top-level item to end") && strings.HasPrefix(strings.TrimSpace(source), "["):
		r.fault(line, key, "there is more on the line than the header; want it on a line of its own")
	case has("top-level item to end"):
		r.hint(line, key, "there is more on the line than one key and its value", "one key a line; # before a comment; a string that holds ' stands between double quotes or '''")
	case has("NULL"):
		r.fault(line, "", "the file is binary, or text in UTF-16; want text in UTF-8")
	case has("control characters"), has("invalid UTF-8"):
		_, char, _ := strings.Cut(msg, "0x")
		r.fault(line, key, "holds the byte 0x%s, which isn't text; want text in UTF-8", strings.Trim(char, "'"))
	default:
		r.fault(line, key, "isn't TOML: %s", strings.ReplaceAll(msg, "\n", `\n`))
	}
}

// twice reports a key or table that stands there a second time.
func (r *reader) twice(text string, line int, msg string) {
	_, key, _ := strings.Cut(msg, "Key '")
	if i := strings.LastIndex(key, "' "); i >= 0 {
		key = key[:i]
	}
	parts := (&scanner{text: key, line: 1}).key()
	if p := scan(text).find(parts); p != nil && p.line < line {
		r.fault(line, key, "is there twice, first on line %d; want it once", p.line)
		return
	}
	r.fault(line, key, "is there twice; want it once")
}

// bareValue reports a value that isn't TOML, nearly always text without
// quotes. The value isn't shown: it may be the API key.
func (r *reader) bareValue(line int, key, name, value string) {
	switch word := strings.ToLower(strings.TrimSpace(strings.SplitN(value, "#", 2)[0])); word {
	case "":
		r.fault(line, key, "has no value; want %s = value on one line", name)
	case "yes", "on", "true":
		r.fault(line, key, "isn't a boolean of TOML; want %s = true", name)
	case "no", "off", "false":
		r.fault(line, key, "isn't a boolean of TOML; want %s = false", name)
	default:
		r.hint(line, key, "the value isn't TOML; want text between quotes, a number, true or false", fmt.Sprintf("write %s = \"…\"", name))
	}
}

// opening returns the line on which the value of a key begins, which is not
// below line.
func opening(text, key string, line int) int {
	parts := (&scanner{text: key, line: 1}).key()
	if p := scan(text).find(parts); p != nil && p.line < line {
		return p.line
	}
	return line
}

// lineOf returns a line of text, counted from 1.
func lineOf(text string, line int) string {
	for ; line > 1; line-- {
		_, text, _ = strings.Cut(text, "\n")
	}
	text, _, _ = strings.Cut(text, "\n")
	return text
}
