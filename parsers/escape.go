package parsers

import "bytes"

// escape is how a format writes the text of a variable.
type escape uint8

const (
	escapeDefault escape = iota // nginx: \xHH for control bytes, quote, backslash and 7F-FF
	escapeJSON                  // nginx: as in a JSON string, 7F-FF as they are
	escapeNone                  // the bytes as they are
)

// escapeNames are nginx's names, in the order of the constants.
var escapeNames = []string{"default", "json", "none"}

// anything returns the expression of all that the escape can print.
func (e escape) anything() string {
	switch e {
	case escapeDefault:
		return `(?:[ !#-\[\]-~]|\\x(?:[01][0-9A-F]|22|5C|7F|[89A-F][0-9A-F]))*`
	case escapeJSON:
		return `(?:[ !#-\[\]-\xff]|\\["\\bfnrt]|\\u00(?:0[0-7BEF]|1[0-9A-F]))*`
	}
	return `[^\n]*`
}

// Flags of a byte within a printed value.
const (
	flagEscape = 1 << iota // begins an escape
	flagWrong              // the escape never prints it
)

// flags returns the flags of every byte.
func (e escape) flags() *[256]uint8 {
	var f [256]uint8
	for b := range 256 {
		wrong := b < 0x20 || b == '"'
		if e == escapeDefault {
			wrong = wrong || b >= 0x7F
		}
		if wrong {
			f[b] = flagWrong
		}
	}
	f['\\'] = flagEscape
	if e == escapeJSON {
		f['"'] = flagEscape // only behind a backslash, which decode checks
	}
	if e == escapeNone {
		f = [256]uint8{'\n': flagWrong}
	}
	return &f
}

// surelyPlain reports whether printed is the text as it stands. When it says no,
// flags has to tell.
func (e escape) surelyPlain(printed []byte) bool {
	switch e {
	case escapeDefault:
		return plainDefault(printed)
	case escapeJSON:
		return plainJSON(printed)
	}
	return false
}

// decode appends the text that printed stands for to dst. It reports false
// when printed holds a quote or backslash that the escape never prints so.
func (e escape) decode(dst, printed []byte) ([]byte, bool) {
	if e == escapeNone {
		return append(dst, printed...), true
	}
	for {
		i := bytes.IndexByte(printed, '\\')
		if i < 0 {
			return append(dst, printed...), bytes.IndexByte(printed, '"') < 0
		}
		if bytes.IndexByte(printed[:i], '"') >= 0 {
			return dst, false
		}
		dst = append(dst, printed[:i]...)
		var c byte
		var n int
		if e == escapeDefault {
			c, n = decodeHex(printed[i:])
		} else {
			c, n = decodeShort(printed[i:])
		}
		if n == 0 {
			return dst, false
		}
		dst = append(dst, c)
		printed = printed[i+n:]
	}
}

// decodeHex decodes \xHH at the start of s and returns its length, 0 when it
// isn't one that nginx writes.
func decodeHex(s []byte) (c byte, n int) {
	if len(s) < 4 || s[1] != 'x' {
		return 0, 0
	}
	hi, lo := upperHex(s[2]), upperHex(s[3])
	if hi > 15 || lo > 15 {
		return 0, 0
	}
	c = hi<<4 | lo
	if c >= 0x20 && c < 0x7F && c != '"' && c != '\\' {
		return 0, 0
	}
	return c, 4
}

// decodeShort decodes \n, \u001F and their like at the start of s and returns
// its length, 0 when it isn't one that nginx writes.
func decodeShort(s []byte) (c byte, n int) {
	if len(s) < 2 {
		return 0, 0
	}
	if k := bytes.IndexByte([]byte(`"\bfnrt`), s[1]); k >= 0 {
		return "\"\\\b\f\n\r\t"[k], 2
	}
	if len(s) < 6 || s[1] != 'u' || s[2] != '0' || s[3] != '0' {
		return 0, 0
	}
	hi, lo := upperHex(s[4]), upperHex(s[5])
	c = hi<<4 | lo
	if hi > 1 || lo > 15 || c >= 8 && c <= 13 && c != 11 {
		return 0, 0
	}
	return c, 6
}

// indexUnescaped returns where in text the first quote stands that no
// backslash escapes, or -1.
func indexUnescaped(text []byte) int {
	for from := 0; ; {
		i := bytes.IndexByte(text[from:], '"')
		if i < 0 {
			return -1
		}
		i += from
		n := i
		for n > from && text[n-1] == '\\' {
			n--
		}
		if (i-n)%2 == 0 {
			return i
		}
		from = i + 1
	}
}

// upperHex returns the value of a digit as nginx writes it, or 255.
func upperHex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
