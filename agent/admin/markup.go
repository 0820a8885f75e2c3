package admin

import (
	"fmt"
	"html"
	"strings"
	"unicode"
)

// markup writes HTML. html/template isn't used: it keeps the linker from
// dropping methods that nothing calls, in the whole program.
type markup struct{ strings.Builder }

// f writes HTML that we wrote, with arguments of which every string is
// escaped; so is all else that may hold one.
func (m *markup) f(format string, args ...any) {
	for i, a := range args {
		switch v := a.(type) {
		case int, int64, uint64:
		default:
			args[i] = html.EscapeString(visible(fmt.Sprint(v)))
		}
	}
	fmt.Fprintf(m, format, args...)
}

// thinSpace stands between thousands.
const thinSpace = '\u202f'

// visible replaces what a browser wouldn't show or would act upon.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == thinSpace {
			return r
		}
		return '\uFFFD'
	}, s)
}
