package agent

import (
	"fmt"
	"strconv"
	"strings"
)

// StatusSet is a set of HTTP statuses from 0 to 999.
type StatusSet [16]uint64

// ParseStatus adds to the set a code ("200"), a class ("2xx") or a range
// ("200-299", both ends included).
func (s *StatusSet) ParseStatus(text string) error {
	wrong := fmt.Errorf("status %q isn't understood; want a code (\"200\"), a class (\"2xx\") or a range (\"200-299\")", text)
	lo, hi, isRange := strings.Cut(text, "-")
	if !isRange {
		hi = lo
		if len(text) == 3 && strings.EqualFold(text[1:], "xx") && text[0] >= '1' && text[0] <= '9' {
			lo, hi = text[:1]+"00", text[:1]+"99"
		}
	}
	from, err1 := strconv.ParseUint(lo, 10, 16)
	to, err2 := strconv.ParseUint(hi, 10, 16)
	if err1 != nil || err2 != nil || len(lo) != 3 || len(hi) != 3 || from > to {
		return wrong
	}
	for code := from; code <= to; code++ {
		s[code/64] |= 1 << (code % 64)
	}
	return nil
}

// Has reports whether code is in the set.
func (s *StatusSet) Has(code int) bool {
	return uint(code) < 1000 && s[code/64]&(1<<(code%64)) != 0
}

// Empty reports whether no status is in the set.
func (s *StatusSet) Empty() bool { return *s == StatusSet{} }

// String returns the set in the words of ParseStatus, such as "2xx or 304".
func (s *StatusSet) String() string {
	var words []string
	for code := 0; code < 1000; code++ {
		if !s.Has(code) {
			continue
		}
		from := code
		for s.Has(code + 1) {
			code++
		}
		switch {
		case from == code:
			words = append(words, fmt.Sprintf("%03d", from))
		case from >= 100 && from%100 == 0 && code == from+99:
			words = append(words, fmt.Sprintf("%dxx", from/100))
		default:
			words = append(words, fmt.Sprintf("%03d-%03d", from, code))
		}
	}
	return orList(words)
}

// orList joins words as "a, b or c".
func orList(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
	return strings.Join(words, "")
}
