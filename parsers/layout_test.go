package parsers

import (
	"strings"
	"testing"
)

func TestLayout(t *testing.T) {
	for _, tt := range []struct{ format, text, want string }{
		{"", "2026-11-24T18:42:53.917Z", "2026-11-24T18:42:53.917Z"},
		{"%s", "1795543580", "2026-11-24T18:06:20Z"},
		{"%s.%3f", "1795543580.917", "2026-11-24T18:06:20.917Z"},
		{"%s.%9f", "1795543580.917654321", "2026-11-24T18:06:20.917Z"},
		{"%s.%f", "1795543580.917654321", "2026-11-24T18:06:20.917Z"},
		{"%s%3f", "1795543580917", ""}, // where the seconds end can't be told
		{"%Y/%m/%dT%H:%M:%S%z %s", "2026/11/24T18:06:20+0000 1795543580", "2026-11-24T18:06:20Z"},
		{"%F %T.%6f %z", "2026-11-24 18:42:53.917123 +0100", "2026-11-24T17:42:53.917Z"},
		{"%FT%T%Ez", "2026-11-24T18:42:53-03:30", "2026-11-24T22:12:53Z"},
		{"%FT%T%Ez", "2026-11-24T18:42:53-0330x", ""},
		{"%d/%b/%Y:%H:%M:%S %z", "24/Nov/2026:18:42:53 +0000", "2026-11-24T18:42:53Z"},
		{"%Y%m%d%H%M", "202611241842", "2026-11-24T18:42:00Z"},
		{"%a, %d %b %Y %T %Z", "Tue, 24 Nov 2026 18:42:53 UTC", "2026-11-24T18:42:53Z"},
		{"%A, %B %e %Y %I:%M:%S %p", "Sunday, November  8 2026 12:42:53 AM", "2026-11-08T00:42:53Z"},
		{"%A, %B %e %Y %I:%M:%S %p", "Tuesday, November 24 2026 12:42:53 PM", "2026-11-24T12:42:53Z"},
		{"%A, %B %e %Y %I:%M:%S %p", "Tuesday, November 24 2026 06:42:53 PM", "2026-11-24T18:42:53Z"},
		{"%D %R", "11/24/26 18:42", "2026-11-24T18:42:00Z"},
		{"%c", "Tue Nov 24 18:42:53 2026", "2026-11-24T18:42:53Z"},
		{"%x %X", "11/24/26 18:42:53", "2026-11-24T18:42:53Z"},
		{"%Y-%j %H:%M:%E3S", "2026-328 18:42:53.917", "2026-11-24T18:42:53.917Z"},
		{"%Y-%j %H:%M", "2026-365 18:42", "2026-12-31T18:42:00Z"},
		{"%Y-%j %H:%M", "2026-366 18:42", ""},
		{"%Y-%j %H:%M", "2026-000 18:42", ""},
		{"100%% %F %T", "100% 2026-11-24 18:42:53", "2026-11-24T18:42:53Z"},
		{"%%F %F %T", "%F 2026-11-24 18:42:53", "2026-11-24T18:42:53Z"},
		{"%F %T", "2026-02-30 18:42:53", ""},
		{"%F %T", "2026-02-31 18:42:53", ""},
		{"%F %T", "2026-13-01 18:42:53", ""},
		{"%F %T", "2026-11-24 18:42", ""},
		{"%F %T", "2026-11-24 18:42:53Z", ""},
		{"%F %T", "2026-11-24T18:42:53", ""},
		{"%F %I:%M %p", "2026-11-24 13:42 PM", ""},
	} {
		l, err := parseLayout(tt.format)
		if err != nil {
			t.Errorf("%s: %v", tt.format, err)
			continue
		}
		got, ok := l.parse([]byte(tt.text))
		if ok != (tt.want != "") || ok && got != millis(t, tt.want) {
			t.Errorf("%s: %s: got %d, %v; want %s", tt.format, tt.text, got, ok, tt.want)
		}
		if !ok {
			continue
		}
		if lang, err := newLanguage(l.expr); err != nil || !lang.has([]byte(tt.text)) {
			t.Errorf("%s: %s isn't of the language of what it prints, %s (%v)", tt.format, tt.text, l.expr, err)
		}
	}
	for _, format := range []string{"%H:%M", "%F", "%q %s", "%Y-%j", "%U %s", "%I:%M %F", "%"} {
		if _, err := parseLayout(format); err == nil {
			t.Errorf("%s was taken", format)
		} else if !strings.Contains(err.Error(), "want %") {
			t.Errorf("%s: %v doesn't say what is taken", format, err)
		}
	}
}
