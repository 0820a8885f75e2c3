package host

import "strings"

// LogFormat is a log_format of nginx.
type LogFormat struct {
	Place   // where it stands; a built-in format stands nowhere
	Name    string
	Escape  string   // "default", "json" or "none"
	Strings []string // what it is made of, without their quotes
	// Inexact says that a byte of it isn't UTF-8 and was lost in reading.
	Inexact bool
}

// combined is the format that nginx has built in.
var combined = LogFormat{
	Name: "combined", Escape: "default",
	Strings: []string{`$remote_addr - $remote_user [$time_local] "$request" `, `$status $body_bytes_sent "$http_referer" "$http_user_agent"`},
}

// readLogFormat reads a log_format directive.
func readLogFormat(d directive) (LogFormat, bool) {
	if len(d.args) < 2 {
		return LogFormat{}, false
	}
	f := LogFormat{Place: d.Place, Name: d.args[0], Escape: "default", Strings: d.args[1:]}
	if esc, ok := strings.CutPrefix(f.Strings[0], "escape="); ok {
		f.Escape, f.Strings = esc, f.Strings[1:]
	}
	f.Inexact = strings.ContainsRune(strings.Join(f.Strings, ""), '\uFFFD')
	return f, len(f.Strings) > 0
}

// Directive returns the format as nginx.conf may hold it, each string on a
// line of its own.
func (f LogFormat) Directive() string {
	var b strings.Builder
	b.WriteString("log_format " + f.Name)
	indent := "\n" + strings.Repeat(" ", len("log_format ")+len(f.Name)+1)
	if f.Escape != "default" {
		b.WriteString(" escape=" + f.Escape)
		indent = "\n" + strings.Repeat(" ", len("log_format "))
	}
	for i, s := range f.Strings {
		if i == 0 && f.Escape == "default" {
			b.WriteByte(' ')
		} else {
			b.WriteString(indent)
		}
		b.WriteString(quote(s))
	}
	b.WriteByte(';')
	return b.String()
}

// quote writes a string so that nginx reads it as it is, with as few
// backslashes as can be.
func quote(s string) string {
	mark := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		mark = `"`
	}
	return mark + strings.NewReplacer(`\`, `\\`, mark, `\`+mark).Replace(s) + mark
}
