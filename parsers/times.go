package parsers

import (
	"bytes"
	"time"
)

// clock reads times as nginx prints them and remembers the last one, since
// most lines share their second with the line before.
type clock struct {
	text   [26]byte
	len    int   // of text that is known
	minute int64 // text without its seconds, in seconds since the epoch
	millis int64
	// utc is the start of the last time of RFC 3339 in UTC, up to its seconds,
	// and utcMinute what that stands for.
	utc       [17]byte
	utcMinute int64
}

// local reads $time_local, "24/Nov/2026:18:42:53 +0000".
func (c *clock) local(b []byte) (millis int64, ok bool) {
	if len(b) != 26 {
		return 0, false
	}
	if c.len == 26 && string(c.text[:]) == string(b) {
		return c.millis, true
	}
	if c.len == 26 && string(c.text[:18]) == string(b[:18]) && string(c.text[20:]) == string(b[20:]) {
		return c.seconds(b, 18)
	}
	c.len = 0
	month, ok := monthNumber(string(b[3:6]))
	if !ok || b[2] != '/' || b[6] != '/' || b[11] != ':' || b[14] != ':' || b[17] != ':' || b[20] != ' ' {
		return 0, false
	}
	zone, ok := zoneSeconds(b[21], b[22:24], b[24:26])
	if !ok || !c.set(b[7:11], month, b[0:2], b[12:14], b[15:17], zone) {
		return 0, false
	}
	return c.seconds(b, 18)
}

// iso reads $time_iso8601, "2026-11-24T18:42:53+00:00".
func (c *clock) iso(b []byte) (millis int64, ok bool) {
	if len(b) != 25 {
		return 0, false
	}
	if c.len == 25 && string(c.text[:25]) == string(b) {
		return c.millis, true
	}
	if c.len == 25 && string(c.text[:17]) == string(b[:17]) && string(c.text[19:25]) == string(b[19:]) {
		return c.seconds(b, 17)
	}
	c.len = 0
	month, ok := twoDigits(b[5:7])
	if !ok || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' || b[22] != ':' {
		return 0, false
	}
	zone, ok := zoneSeconds(b[19], b[20:22], b[23:25])
	if !ok || !c.set(b[0:4], month, b[8:10], b[11:13], b[14:16], zone) {
		return 0, false
	}
	return c.seconds(b, 17)
}

// set fixes the minute; zone is seconds east of UTC.
func (c *clock) set(year []byte, month int, day, hour, minute []byte, zone int) bool {
	century, ok1 := twoDigits(year[:2])
	y, ok2 := twoDigits(year[2:])
	d, ok3 := twoDigits(day)
	h, ok4 := twoDigits(hour)
	m, ok5 := twoDigits(minute)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || month < 1 || month > 12 || h > 23 || m > 59 {
		return false
	}
	t := time.Date(100*century+y, time.Month(month), d, h, m, 0, 0, time.UTC)
	c.minute = t.Unix() - int64(zone)
	return t.Day() == d
}

// seconds reads the seconds at b[at:] and remembers b.
func (c *clock) seconds(b []byte, at int) (millis int64, ok bool) {
	s, ok := twoDigits(b[at : at+2])
	if !ok || s > 60 {
		c.len = 0
		return 0, false
	}
	c.len = copy(c.text[:], b)
	c.millis = (c.minute + int64(s)) * 1000
	return c.millis, true
}

// parseMsec reads $msec, seconds since the epoch with three decimals.
func parseMsec(b []byte) (millis int64, ok bool) {
	n := len(b) - 4
	if n < 1 || n > 12 || b[n] != '.' {
		return 0, false
	}
	for i, c := range b {
		if i == n {
			continue
		}
		if !isDigit(c) {
			return 0, false
		}
		millis = 10*millis + int64(c-'0')
	}
	return millis, true
}

func twoDigits(b []byte) (int, bool) {
	if !isDigit(b[0]) || !isDigit(b[1]) {
		return 0, false
	}
	return int(b[0]-'0')*10 + int(b[1]-'0'), true
}

func zoneSeconds(sign byte, hours, minutes []byte) (int, bool) {
	h, ok1 := twoDigits(hours)
	m, ok2 := twoDigits(minutes)
	if !ok1 || !ok2 || h > 23 || m > 59 {
		return 0, false
	}
	switch sign {
	case '+':
		return h*3600 + m*60, true
	case '-':
		return -h*3600 - m*60, true
	}
	return 0, false
}

func monthNumber(name string) (int, bool) {
	switch name {
	case "Jan":
		return 1, true
	case "Feb":
		return 2, true
	case "Mar":
		return 3, true
	case "Apr":
		return 4, true
	case "May":
		return 5, true
	case "Jun":
		return 6, true
	case "Jul":
		return 7, true
	case "Aug":
		return 8, true
	case "Sep":
		return 9, true
	case "Oct":
		return 10, true
	case "Nov":
		return 11, true
	case "Dec":
		return 12, true
	}
	return 0, false
}

// parseDuration reads milliseconds; absent is 0.
func parseDuration(b []byte) (millis int64, ok bool) {
	if isAbsent(b) {
		return 0, true
	}
	b, _, _ = bytes.Cut(b, []byte{'.'})
	return parseDigits(b, 12)
}

// parseDigits reads an unsigned number of at most limit digits.
func parseDigits(b []byte, limit int) (n int64, ok bool) {
	if len(b) == 0 || len(b) > limit {
		return 0, false
	}
	for _, c := range b {
		if !isDigit(c) {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// any reads a time in a form that it tells by its looks: seconds since the
// epoch, with a fraction or not, also whole milliseconds, microseconds or
// nanoseconds by the number of digits; RFC 3339; $time_local.
func (c *clock) any(b []byte) (millis int64, ok bool) {
	if len(b) == 26 && b[2] == '/' {
		return c.local(b)
	}
	if len(b) > 10 && b[4] == '-' {
		return c.rfc3339(b)
	}
	whole, fraction, found := bytes.Cut(b, []byte{'.'})
	n, ok := parseDigits(whole, 19)
	if !ok {
		return 0, false
	}
	if found {
		ms, ok := parseFraction(fraction)
		return n*1000 + ms, ok && len(whole) <= 11
	}
	switch {
	case len(whole) <= 11:
		return n * 1000, true
	case len(whole) <= 14:
		return n, true
	case len(whole) <= 17:
		return n / 1000, true
	}
	return n / 1_000_000, true
}

// parseFraction reads the digits behind a decimal point, cut to milliseconds.
func parseFraction(b []byte) (millis int64, ok bool) {
	if len(b) == 0 || len(b) > 12 {
		return 0, false
	}
	for i, c := range b {
		if !isDigit(c) {
			return 0, false
		}
		if i < 3 {
			millis = 10*millis + int64(c-'0')
		}
	}
	for i := len(b); i < 3; i++ {
		millis *= 10
	}
	return millis, true
}

// rfc3339 is parseRFC3339 for a time whose minute may be that of the last one.
func (c *clock) rfc3339(b []byte) (millis int64, ok bool) {
	n := len(b) - 1
	if n < 19 || b[n] != 'Z' {
		return parseRFC3339(b)
	}
	if string(c.utc[:]) != string(b[:17]) {
		if millis, ok = parseRFC3339(b); ok && millis >= 0 {
			copy(c.utc[:], b)
			seconds, _ := twoDigits(b[17:19])
			c.utcMinute = millis/1000 - int64(seconds)
		}
		return millis, ok
	}
	seconds, ok := twoDigits(b[17:19])
	if !ok || seconds > 60 {
		return 0, false
	}
	if n > 19 {
		if b[19] != '.' {
			return 0, false
		}
		if millis, ok = parseFraction(b[20:n]); !ok {
			return 0, false
		}
	}
	return (c.utcMinute+int64(seconds))*1000 + millis, true
}

// parseRFC3339 reads "2026-11-24T18:42:53.917Z" or with "+01:00" at its end.
func parseRFC3339(b []byte) (millis int64, ok bool) {
	if len(b) < 20 || b[10] != 'T' && b[10] != ' ' {
		return 0, false
	}
	zone := 0
	if n := len(b) - 6; b[len(b)-1] == 'Z' {
		b = b[:len(b)-1]
	} else if b[n+3] != ':' {
		return 0, false
	} else if zone, ok = zoneSeconds(b[n], b[n+1:n+3], b[n+4:]); !ok {
		return 0, false
	} else {
		b = b[:n]
	}
	if len(b) < 19 {
		return 0, false
	}
	if len(b) > 19 {
		if b[19] != '.' {
			return 0, false
		}
		if millis, ok = parseFraction(b[20:]); !ok {
			return 0, false
		}
	}
	var c clock
	month, ok1 := twoDigits(b[5:7])
	s, ok2 := twoDigits(b[17:19])
	if b[4] != '-' || b[7] != '-' || b[13] != ':' || b[16] != ':' || !ok1 || !ok2 || s > 60 ||
		!c.set(b[0:4], month, b[8:10], b[11:13], b[14:16], zone) {
		return 0, false
	}
	return (c.minute+int64(s))*1000 + millis, true
}
