package parsers

import (
	"encoding/binary"
	"math/bits"
)

// Eight bytes of a line are looked at in one word where that is enough to say
// that nothing is the matter with them.

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// literal is a text of the template, in a form that is quick to compare.
type literal struct {
	text string
	// word is the text when it has eight bytes at most, as they lie in memory;
	// mask covers as many. mask is 0 for a longer one.
	word, mask uint64
}

func newLiteral(text string) literal {
	l := literal{text: text}
	if len(text) > 0 && len(text) <= 8 {
		var b, m [8]byte
		copy(b[:], text)
		for i := range len(text) {
			m[i] = 0xFF
		}
		l.word, l.mask = binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(m[:])
	}
	return l
}

// at reports whether the text stands in line[:end] at a place that isn't
// negative.
func (l *literal) at(line []byte, at, end int) bool {
	if end-at < len(l.text) {
		return false
	}
	if l.mask != 0 && at+8 <= len(line) {
		return binary.LittleEndian.Uint64(line[at:])&l.mask == l.word
	}
	return string(line[at:at+len(l.text)]) == l.text
}

// zeros returns a word that is not 0 when a byte of w is 0, and perhaps when
// one is 0x80 or more.
func zeros(w uint64) uint64 { return (w - ones) &^ w & highs }

// plainDefault reports whether text is surely without a byte that nginx's
// escape=default prints only in an escape, the backslash included.
func plainDefault(text []byte) bool {
	for len(text) >= 8 {
		w := binary.LittleEndian.Uint64(text)
		// Below a blank, 80 and more, 7F: then the two that are printable.
		if (w-ones*' '|w|w+ones)&highs|zeros(w^ones*'"')|zeros(w^ones*'\\') != 0 {
			return false
		}
		text = text[8:]
	}
	for _, c := range text {
		if c < ' ' || c >= 0x7F || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// plainJSON is plainDefault for escape=json, which prints bytes from 7F on as
// they are.
func plainJSON(text []byte) bool {
	for len(text) >= 8 {
		w := binary.LittleEndian.Uint64(text)
		if (w-ones*' ')&^w&highs|zeros(w^ones*'"')|zeros(w^ones*'\\') != 0 {
			return false
		}
		text = text[8:]
	}
	for _, c := range text {
		if c < ' ' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// indexQuoteOrBackslash returns where the first of either stands in text, its
// length when there is none.
func indexQuoteOrBackslash(text []byte) int {
	i := 0
	for ; i+8 <= len(text); i += 8 {
		w := binary.LittleEndian.Uint64(text[i:])
		// The lowest byte that zeros finds is one: what it borrows from above
		// can only make it see more behind that.
		if found := zeros(w^ones*'"') | zeros(w^ones*'\\'); found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(text); i++ {
		if text[i] == '"' || text[i] == '\\' {
			break
		}
	}
	return i
}
