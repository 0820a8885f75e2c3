package parsers

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// decodeJSON appends the text of a JSON string, given without its quotes, to
// dst. Besides JSON's escapes it knows \ooo, which Envoy writes for the bytes
// of a value that isn't UTF-8, and \xHH of nginx's escape=default. It reports
// false for any other backslash and for half a surrogate pair, which would
// make one text of several.
func decodeJSON(dst, printed []byte) ([]byte, bool) {
	for {
		i := bytes.IndexByte(printed, '\\')
		if i < 0 {
			return append(dst, printed...), true
		}
		dst = append(dst, printed[:i]...)
		printed = printed[i:]
		if len(printed) < 2 {
			return dst, false
		}
		n := 2
		switch c := printed[1]; c {
		case '"', '\\', '/':
			dst = append(dst, c)
		case 'b', 'f', 'n', 'r', 't':
			dst = append(dst, "\b\f\n\r\t"[bytes.IndexByte([]byte("bfnrt"), c)])
		case 'x':
			var b byte
			if b, n = decodeHex(printed); n == 0 {
				return dst, false
			}
			dst = append(dst, b)
		case '0', '1', '2', '3':
			if n = 4; len(printed) < n || !isOctal(printed[2]) || !isOctal(printed[3]) {
				return dst, false
			}
			dst = append(dst, (c-'0')<<6|(printed[2]-'0')<<3|(printed[3]-'0'))
		case 'u':
			var r rune
			if r, n = decodeUnicode(printed); n == 0 {
				return dst, false
			}
			dst = utf8.AppendRune(dst, r)
		default:
			return dst, false
		}
		printed = printed[n:]
	}
}

func isOctal(c byte) bool { return c >= '0' && c <= '7' }

// decodeUnicode decodes \uHHHH, or a pair of them, at the start of s and
// returns its length, 0 when it stands for no character.
func decodeUnicode(s []byte) (r rune, n int) {
	r, ok := unit(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	low, ok := unit(s[6:])
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

func unit(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range s[2:6] {
		d := anyHex(c)
		if d > 15 {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}
