package parsers

import (
	"bytes"
	"math/bits"

	"github.com/logmeter/logmeter/agent"
)

// jsonScanner reads one object of JSON a line and notes the values of the
// wanted keys. It is stricter than most: a wanted key that is there twice, or
// anything behind the object, refuses the line. It is laxer where the writers
// of logs are: Envoy writes bytes that aren't UTF-8 as \ooo.
type jsonScanner struct {
	// keys are the wanted keys. A dot leads into a nested object, or is part
	// of a key's name; one line can't have both.
	keys []string
	// first[c] is the set of the keys that begin with the byte c.
	first [256]uint64
}

func newJSONScanner(keys []string) *jsonScanner {
	s := &jsonScanner{keys: keys}
	for i, key := range keys {
		s.first[key[0]] |= 1 << i
	}
	return s
}

// jsonKind is the kind of a value.
type jsonKind uint8

const (
	jsonAbsent jsonKind = iota
	jsonString
	jsonEscaped // a string with a backslash
	jsonNumber
	jsonNull
	jsonBool
	jsonOther // an object or a list
)

// jsonValue is the value of a key: without its quotes, escapes not decoded.
type jsonValue struct {
	kind jsonKind
	span span
}

// maxKeys is how many keys can be wanted: one bit each in a mask.
const maxKeys = 64

// maxDepth bounds how deep objects and lists may nest.
const maxDepth = 64

// jsonScan is the work on one line.
type jsonScan struct {
	*jsonScanner
	line   []byte
	at     int
	values []jsonValue
	key    []byte // decoded key; the memory stays from line to line
	err    *agent.Refused
}

func newJSONScan(s *jsonScanner) *jsonScan {
	return &jsonScan{jsonScanner: s, values: make([]jsonValue, len(s.keys))}
}

// text returns the value of wanted key i, in the line when it has no escapes,
// else in buf; nil when there is none.
func (s *jsonScan) text(i int, buf *[]byte) ([]byte, *agent.Refused) {
	v := s.values[i]
	switch v.kind {
	case jsonAbsent, jsonNull:
		return nil, nil
	case jsonString, jsonNumber:
		return s.line[v.span.from:v.span.to], nil
	case jsonEscaped:
		var ok bool
		if *buf, ok = decodeJSON((*buf)[:0], s.line[v.span.from:v.span.to]); !ok {
			return nil, refusedEscape
		}
		return *buf, nil
	}
	return nil, refusedType
}

// field is text for a value that nothing but its text is wanted of: it may be
// true or false as well.
func (s *jsonScan) field(i int, buf *[]byte) ([]byte, *agent.Refused) {
	if v := s.values[i]; v.kind == jsonBool {
		return s.line[v.span.from:v.span.to], nil
	}
	return s.text(i, buf)
}

// scan notes the value of each wanted key in s.values.
func (s *jsonScan) scan(line []byte) *agent.Refused {
	s.line, s.at, s.err = line, 0, nil
	clear(s.values)
	s.blank()
	if s.peek() != '{' || !s.object(1<<len(s.keys)-1, 0, 1) {
		return s.failure()
	}
	if s.blank(); s.at != len(line) {
		return refusedJSON
	}
	return nil
}

func (s *jsonScan) failure() *agent.Refused {
	if s.err != nil {
		return s.err
	}
	return refusedJSON
}

func (s *jsonScan) blank() {
	if s.at < len(s.line) && s.line[s.at] > ' ' {
		return
	}
	s.blanks()
}

func (s *jsonScan) blanks() {
	for s.at < len(s.line) {
		switch s.line[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// peek returns the next byte, 0 at the end.
func (s *jsonScan) peek() byte {
	if s.at < len(s.line) {
		return s.line[s.at]
	}
	return 0
}

// object reads an object whose names lead to the wanted keys in the set mask,
// of which the first off bytes have been read.
func (s *jsonScan) object(mask uint64, off, depth int) bool {
	var entered uint64 // the keys that an object seen here leads to
	s.at++
	if s.blank(); s.peek() == '}' {
		s.at++
		return true
	}
	for {
		s.blank()
		name, ok := s.name()
		if !ok {
			return false
		}
		s.blank()
		if s.peek() != ':' {
			return false
		}
		s.at++
		s.blank()
		leaf, sub := s.match(name, mask, off)
		if leaf >= 0 && s.values[leaf].kind != jsonAbsent || sub&entered != 0 {
			s.err = refusedTwice
			return false
		}
		entered |= sub
		nextOff := off + len(name) + 1
		if sub == 0 {
			nextOff = 0
		}
		v, ok := s.value(sub, nextOff, depth)
		if !ok {
			return false
		}
		if leaf >= 0 {
			s.values[leaf] = v
		}
		if done, ok := s.next('}'); !ok || done {
			return ok
		}
	}
}

// match returns the wanted key that name completes, or -1, and those that go
// on inside.
func (s *jsonScan) match(name []byte, mask uint64, off int) (leaf int, sub uint64) {
	leaf = -1
	if off == 0 && len(name) > 0 {
		mask &= s.first[name[0]]
	}
	for ; mask != 0; mask &= mask - 1 {
		i := bits.TrailingZeros64(mask)
		rest := s.keys[i][off:]
		if len(rest) < len(name) || rest[:len(name)] != string(name) {
			continue
		}
		if len(rest) == len(name) {
			leaf = i
		} else if rest[len(name)] == '.' {
			sub |= 1 << i
		}
	}
	return leaf, sub
}

// next reads a comma or the closing byte.
func (s *jsonScan) next(closing byte) (done, ok bool) {
	s.blank()
	c := s.peek()
	s.at++
	return c == closing, c == closing || c == ','
}

// name reads an object's key and decodes it.
func (s *jsonScan) name() ([]byte, bool) {
	v, ok := s.quoted()
	if !ok || v.kind == jsonString {
		return s.line[v.span.from:v.span.to], ok
	}
	s.key, ok = decodeJSON(s.key[:0], s.line[v.span.from:v.span.to])
	return s.key, ok
}

// value reads any value; mask and off are for an object.
func (s *jsonScan) value(mask uint64, off, depth int) (v jsonValue, ok bool) {
	v.span.from = s.at
	switch c := s.peek(); {
	case c == '"':
		return s.quoted()
	case c == '{' && depth < maxDepth:
		v.kind, ok = jsonOther, s.object(mask, off, depth+1)
	case c == '[' && depth < maxDepth:
		v.kind, ok = jsonOther, s.list(depth+1)
	case c == '-' || isDigit(c):
		v.kind, ok = jsonNumber, s.number()
	case c == 'n':
		v.kind, ok = jsonNull, s.word("null")
	case c == 't':
		v.kind, ok = jsonBool, s.word("true")
	case c == 'f':
		v.kind, ok = jsonBool, s.word("false")
	}
	v.span.to = s.at
	return v, ok
}

func (s *jsonScan) list(depth int) bool {
	s.at++
	if s.blank(); s.peek() == ']' {
		s.at++
		return true
	}
	for {
		s.blank()
		if _, ok := s.value(0, 0, depth); !ok {
			return false
		}
		if done, ok := s.next(']'); !ok || done {
			return ok
		}
	}
}

// quoted reads a string.
func (s *jsonScan) quoted() (v jsonValue, ok bool) {
	if s.peek() != '"' {
		return v, false
	}
	s.at++
	rest := s.line[s.at:]
	n := indexQuoteOrBackslash(rest)
	kind := jsonString
	if n < len(rest) && rest[n] == '\\' {
		kind, n = jsonEscaped, indexUnescaped(rest)
	}
	if n < 0 || n == len(rest) {
		return v, false
	}
	v = jsonValue{kind, span{s.at, s.at + n}}
	s.at += n + 1
	return v, true
}

func (s *jsonScan) word(w string) bool {
	ok := bytes.HasPrefix(s.line[s.at:], []byte(w))
	s.at += len(w)
	return ok
}

func (s *jsonScan) number() bool {
	if s.peek() == '-' {
		s.at++
	}
	if s.peek() == '0' {
		s.at++
	} else if !s.digits() {
		return false
	}
	if s.peek() == '.' {
		s.at++
		if !s.digits() {
			return false
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		return s.digits()
	}
	return true
}

// digits reads one digit or more.
func (s *jsonScan) digits() bool {
	from := s.at
	for isDigit(s.peek()) {
		s.at++
	}
	return s.at > from
}
