package parsers

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// layout is how %START_TIME(…)% prints a time.
type layout struct {
	items []layoutItem
	expr  string // of what it prints
	zoned bool   // the time is in UTC, or says how far from it
}

// layoutItem is a literal byte, or a part of the time.
type layoutItem struct {
	part  byte // as in strftime, 'f' for a fraction of a second, 0 for a literal
	width int  // in bytes; 0 means as many as there are
	lit   byte
	words []string // that the part is one of
}

const defaultLayout = `%Y-%m-%dT%H:%M:%S.%3fZ`

// layoutDigits are the parts that are numbers of a fixed width.
var layoutDigits = map[byte]int{'Y': 4, 'y': 2, 'm': 2, 'd': 2, 'e': 2, 'j': 3, 'H': 2, 'I': 2, 'M': 2, 'S': 2}

// layoutWords are the parts that are names, in the order of their numbers. No
// name begins another of the same part, but for May.
var layoutWords = map[byte][]string{
	'b': {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
	'B': {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	'a': {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"},
	'A': {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
	'p': {"AM", "PM"},
	'Z': {"UTC", "GMT"},
}

// layoutShort spells out the parts that stand for several.
var layoutShort = strings.NewReplacer(
	"%%", "%%",
	"%F", "%Y-%m-%d", "%T", "%H:%M:%S", "%R", "%H:%M", "%D", "%m/%d/%y", "%X", "%H:%M:%S", "%x", "%m/%d/%y",
	"%r", "%I:%M:%S %p", "%c", "%a %b %e %H:%M:%S %Y", "%h", "%b", "%n", "\n", "%t", "\t", "%E4Y", "%Y")

// parseLayout reads the argument of START_TIME: strftime, with %1f to %9f and
// the extensions of Abseil, which Envoy prints times with. An empty one means
// Envoy's default.
func parseLayout(text string) (layout, error) {
	if text == "" {
		text = defaultLayout
	}
	whole := text
	text = layoutShort.Replace(text)
	var l layout
	var expr strings.Builder
	seen := map[byte]bool{}
	for len(text) > 0 {
		items, e, n := layoutPart(text)
		if n == 0 {
			return layout{}, fmt.Errorf("the time format %q has %q, which isn't understood; want %%Y %%m %%d %%H %%M %%S and their like, %%s, %%z and %%3f", whole, text[:min(len(text), 3)])
		}
		for _, it := range items {
			seen[it.part] = true
		}
		l.items = append(l.items, items...)
		expr.WriteString(e)
		text = text[n:]
	}
	date := (seen['Y'] || seen['y']) && (seen['j'] || (seen['m'] || seen['b'] || seen['B']) && (seen['d'] || seen['e']))
	clock := (seen['H'] || seen['I'] && seen['p']) && seen['M']
	if !seen['s'] && (!date || !clock) {
		return layout{}, fmt.Errorf("the time format %q doesn't say the minute of a request; want %%s, or all of %%Y %%m %%d %%H %%M", whole)
	}
	l.expr, l.zoned = expr.String(), seen['z'] || seen['s'] || seen['Z']
	return l, nil
}

// layoutPart reads the literal or part at the start of text and returns what
// it is, the expression of what it prints, and its length; 0 when it isn't
// understood.
func layoutPart(text string) (items []layoutItem, expr string, n int) {
	c := text[0]
	if c != '%' || len(text) == 1 {
		return []layoutItem{{lit: c, width: 1}}, regexp.QuoteMeta(text[:1]), 1
	}
	second, fraction := layoutItem{part: 'S', width: 2}, layoutItem{part: 'f'}
	switch c = text[1]; {
	case c == '%':
		return []layoutItem{{lit: '%', width: 1}}, `%`, 2
	case layoutWords[c] != nil:
		return []layoutItem{{part: c, words: layoutWords[c]}}, `(?:` + strings.Join(layoutWords[c], "|") + `)`, 2
	case c == 'e':
		return []layoutItem{{part: 'e', width: 2}}, `[ 0-9][0-9]`, 2
	case layoutDigits[c] > 0:
		return []layoutItem{{part: c, width: layoutDigits[c]}}, fmt.Sprintf(`[0-9]{%d}`, layoutDigits[c]), 2
	case c == 's':
		return []layoutItem{{part: 's'}}, `[0-9]+`, 2
	case c == 'z':
		return []layoutItem{{part: 'z', width: 5}}, `[+-][0-9]{4}`, 2
	case c == 'f':
		fraction.width = 9
		return []layoutItem{fraction}, `[0-9]{9}`, 2
	case len(text) > 2 && c >= '1' && c <= '9' && text[2] == 'f':
		fraction.width = int(c - '0')
		return []layoutItem{fraction}, fmt.Sprintf(`[0-9]{%d}`, fraction.width), 3
	case strings.HasPrefix(text, "%Ez"):
		return []layoutItem{{part: 'z', width: 6}}, `[+-][0-9]{2}:[0-9]{2}`, 3
	case len(text) > 3 && c == 'E' && text[2] >= '1' && text[2] <= '9' && text[3] == 'S':
		fraction.width = int(text[2] - '0')
		return []layoutItem{second, {lit: '.', width: 1}, fraction}, fmt.Sprintf(`[0-9]{2}\.[0-9]{%d}`, fraction.width), 4
	}
	return nil, "", 0
}

// parse reads a time; without a zone it is in UTC, as Envoy prints it.
func (l *layout) parse(b []byte) (millis int64, ok bool) {
	year, month, day, hour, minute, second, zone := 1970, 1, 1, 0, 0, int64(0), 0
	afternoon, epoch := -1, int64(-1)
	for i := range l.items {
		it := &l.items[i]
		v, text, ok := it.take(b)
		if !ok {
			return 0, false
		}
		b = b[len(text):]
		switch it.part {
		case 'Y':
			year = int(v)
		case 'y':
			year = 2000 + int(v)
		case 'm', 'b', 'B':
			month = int(v)
		case 'd', 'e':
			day = int(v)
		case 'j':
			month, day = 1, int(v)
		case 'H', 'I':
			hour = int(v)
		case 'p':
			afternoon = int(v) - 1
		case 'M':
			minute = int(v)
		case 'S':
			second = v
		case 's':
			epoch = v
		case 'f':
			millis = v
		case 'z':
			if zone, ok = zoneSeconds(text[0], text[1:3], text[len(text)-2:]); !ok {
				return 0, false
			}
		}
	}
	if afternoon >= 0 {
		if hour < 1 || hour > 12 {
			return 0, false
		}
		hour = hour%12 + 12*afternoon
	}
	t := time.Date(year, time.Month(month), day, hour, minute, 0, 0, time.UTC)
	whole := month == 1 && day > 31 && t.Year() == year && l.yearDay() || t.Day() == day && t.Month() == time.Month(month)
	if len(b) != 0 || !whole || hour > 23 || minute > 59 {
		return 0, false
	}
	if epoch >= 0 {
		return epoch*1000 + millis, true // whatever else is said of it
	}
	return (t.Unix()+second-int64(zone))*1000 + millis, true
}

// yearDay reports whether the layout counts days from the start of the year.
func (l *layout) yearDay() bool {
	return slices.ContainsFunc(l.items, func(it layoutItem) bool { return it.part == 'j' })
}

// take reads the part at the start of b and returns its number and its text.
func (it *layoutItem) take(b []byte) (v int64, text []byte, ok bool) {
	if it.words != nil {
		for i, w := range it.words {
			if len(b) >= len(w) && string(b[:len(w)]) == w {
				return int64(i) + 1, b[:len(w)], true
			}
		}
		return 0, nil, false
	}
	n := it.width
	if it.part == 's' {
		for n < len(b) && n < 11 && isDigit(b[n]) {
			n++
		}
	}
	if n == 0 || n > len(b) {
		return 0, nil, false
	}
	text = b[:n]
	switch it.part {
	case 0:
		return 0, text, text[0] == it.lit
	case 'z':
		return 0, text, n == 5 || text[3] == ':'
	case 'f':
		v, ok = parseFraction(text)
		return v, text, ok
	case 'e':
		if text[0] == ' ' {
			v, ok = parseDigits(text[1:], 2)
			return v, text, ok
		}
	}
	v, ok = parseDigits(text, 11)
	return v, text, ok
}
