package host

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// AccessLog is an access_log of nginx, or the one that it writes where no
// access_log stands.
type AccessLog struct {
	Place
	// Context is where it stands: "http", "server api.example.com", and the
	// location in it.
	Context string
	// Given is the path as it is written, and Path the file that it means:
	// absolute, with its $variables. Path is "" for a log that is no file.
	Given, Path string
	// Format is a key of Nginx.Formats, or unknown.
	Format string
	// Buffer and Flush are what the parameters of these names say.
	Buffer, Flush string
	If            string // the condition of if=
	Gzip          bool
	// Implicit says that nginx writes it because nothing else is said.
	Implicit bool
	// Unused says that every server below it has logs of its own.
	Unused bool
}

// variable matches a variable within a path.
var variable = regexp.MustCompile(`\$\{[A-Za-z0-9_]*\}|\$[A-Za-z0-9_]+`)

// Glob is Path as a glob: a variable can be anything.
func (l AccessLog) Glob() string { return variable.ReplaceAllString(l.Path, "*") }

// Variable reports whether the log is several files.
func (l AccessLog) Variable() bool { return strings.Contains(l.Path, "$") }

// Where is the place of the log, for people.
func (l AccessLog) Where(n *Nginx) string {
	if l.Implicit {
		return n.File + ": no access_log is set, so nginx"
	}
	return l.Place.String() + ": nginx"
}

// readAccessLog reads an access_log directive that isn't "off".
func readAccessLog(d directive, context, prefix string) AccessLog {
	l := AccessLog{Place: d.Place, Context: context, Given: d.args[0], Format: combined.Name}
	if len(d.args) > 1 {
		l.Format = d.args[1]
	}
	if !strings.HasPrefix(l.Given, "syslog:") && l.Given != "memory" && !strings.HasPrefix(l.Given, "memory:") {
		l.Path = l.Given
		if !filepath.IsAbs(l.Path) {
			l.Path = filepath.Join(prefix, l.Path)
		}
		l.Path = filepath.Clean(l.Path)
	}
	for _, a := range d.args[min(2, len(d.args)):] {
		key, value, _ := strings.Cut(a, "=")
		switch key {
		case "buffer":
			l.Buffer = value
		case "flush":
			l.Flush = value
		case "gzip":
			l.Gzip = true
		case "if":
			l.If = value
		}
	}
	return l
}

// isOff reports whether an access_log directive says that nothing is logged.
func isOff(d directive) bool { return len(d.args) > 0 && d.args[0] == "off" }

// logsOf returns the access_log directives of one block; off says that one of
// them is "off", which holds for the whole block.
func logsOf(ds []directive) (logs []directive, off *directive) {
	for _, d := range ds {
		switch {
		case d.Directive.Directive != "access_log" || len(d.args) == 0:
		case isOff(d):
			off = &d
		default:
			logs = append(logs, d)
		}
	}
	return logs, off
}

// SameFile reports whether two paths name one file, also by symbolic links.
// Files that aren't there are compared by name.
func SameFile(a, b string) bool {
	return a == b || resolve(a) == resolve(b)
}

// resolve follows the symbolic links of a path, as far as it exists.
func resolve(path string) string {
	if r, err := filepath.EvalSymlinks(path); err == nil {
		return r
	}
	dir := filepath.Dir(path)
	if dir == path {
		return path
	}
	return filepath.Join(resolve(dir), filepath.Base(path))
}

// standard are the names of a process's own output.
var standard = []string{"/dev/stdout", "/dev/stderr", "/dev/null", "/proc/self/fd/1", "/proc/self/fd/2"}

// isStandard reports whether a log's path leads to a device, as in the
// official nginx image, and which.
func isStandard(path string) (string, bool) {
	if slices.Contains(standard, path) {
		return path, true
	}
	if target, err := os.Readlink(path); err == nil && slices.Contains(standard, target) {
		return target, true
	}
	return "", false
}

// Device reports whether the log is a process's own output or another device.
func (l AccessLog) Device() bool {
	_, ok := isStandard(l.Path)
	return ok
}
