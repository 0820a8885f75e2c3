package parsers

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// layout is how %START_TIME(…)% prints a time.
type layout struct {
	items []layoutItem
	expr  string // of what it prints
}

// layoutItem is a literal byte, or a part of the time.
type layoutItem struct {
	part  byte // as in strftime, 'f' for a fraction of a second, 0 for a literal
	width int  // in bytes; 0 means all digits
	lit   byte
}

const defaultLayout = `%Y-%m-%dT%H:%M:%S.%3fZ`

// layoutParts are the parts that can be read, with their widths.
var layoutParts = map[byte]int{'Y': 4, 'm': 2, 'd': 2, 'H': 2, 'M': 2, 'S': 2, 'b': 3, 'z': 5, 's': 0}

// parseLayout reads the argument of START_TIME, strftime with %1f to %9f; an
// empty one means Envoy's default.
func parseLayout(text string) (layout, error) {
	if text == "" {
		text = defaultLayout
	}
	whole := text
	text = strings.NewReplacer("%F", "%Y-%m-%d", "%T", "%H:%M:%S").Replace(text)
	var l layout
	var expr strings.Builder
	seen := map[byte]bool{}
	for i := 0; i < len(text); i++ {
		if text[i] != '%' || i+1 == len(text) {
			l.items = append(l.items, layoutItem{lit: text[i], width: 1})
			expr.WriteString(regexp.QuoteMeta(text[i : i+1]))
			continue
		}
		i++
		it := layoutItem{part: text[i], width: layoutParts[text[i]]}
		switch _, known := layoutParts[it.part]; {
		case it.part == 'f':
			it.width = 9
			expr.WriteString(`[0-9]{9}`)
		case it.part >= '1' && it.part <= '9' && i+1 < len(text) && text[i+1] == 'f':
			i++
			it = layoutItem{part: 'f', width: int(it.part - '0')}
			fmt.Fprintf(&expr, `[0-9]{%d}`, it.width)
		case !known:
			return layout{}, fmt.Errorf("the time format %q has %%%c, which isn't understood; want %%Y %%m %%d %%H %%M %%S %%b %%z %%F %%T %%s and %%3f", whole, it.part)
		case it.part == 'b':
			expr.WriteString(`[A-Z][a-z]{2}`)
		case it.part == 'z':
			expr.WriteString(`[+-][0-9]{4}`)
		case it.width == 0:
			expr.WriteString(`[0-9]+`)
		default:
			fmt.Fprintf(&expr, `[0-9]{%d}`, it.width)
		}
		seen[it.part] = true
		l.items = append(l.items, it)
	}
	if date := seen['Y'] && (seen['m'] || seen['b']) && seen['d'] && seen['H'] && seen['M']; !date && !seen['s'] {
		return layout{}, fmt.Errorf("the time format %q doesn't say the minute of a request; want %%s, or all of %%Y %%m %%d %%H %%M", whole)
	}
	l.expr = expr.String()
	return l, nil
}

// parse reads a time; without %z it is in UTC, as Envoy prints it.
func (l *layout) parse(b []byte) (millis int64, ok bool) {
	year, month, day, hour, minute, second, zone := 1970, 1, 1, 0, 0, int64(0), 0
	for _, it := range l.items {
		n := it.width
		if it.part == 's' {
			for n < len(b) && n < 11 && isDigit(b[n]) {
				n++
			}
		}
		if n == 0 || n > len(b) {
			return 0, false
		}
		text := b[:n]
		b = b[n:]
		ok := true
		var v int64
		switch it.part {
		case 0:
			ok = text[0] == it.lit
		case 'b':
			month, ok = monthNumber(string(text))
		case 'z':
			zone, ok = zoneSeconds(text[0], text[1:3], text[3:5])
		case 'f':
			millis, ok = parseFraction(text)
		default:
			v, ok = parseDigits(text, 11)
		}
		if !ok {
			return 0, false
		}
		switch it.part {
		case 'Y':
			year = int(v)
		case 'm':
			month = int(v)
		case 'd':
			day = int(v)
		case 'H':
			hour = int(v)
		case 'M':
			minute = int(v)
		case 'S', 's':
			second = v
		}
	}
	t := time.Date(year, time.Month(month), day, hour, minute, 0, 0, time.UTC)
	if len(b) != 0 || month < 1 || month > 12 || t.Day() != day || hour > 23 || minute > 59 {
		return 0, false
	}
	return (t.Unix()+second-int64(zone))*1000 + millis, true
}
