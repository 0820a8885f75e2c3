package source

import (
	"path/filepath"
	"slices"
	"strings"
)

// family is a log with everything that was rotated from it: the names in dir
// that are base, or base with something added.
type family struct {
	dir, base string
	// live says that base is what the source is configured to read. In other
	// families only logs that are known already are looked for.
	live bool
}

// kind is what a file's name says about it.
type kind int

const (
	stranger kind = iota // not of the family
	live                 // the log itself
	rotated              // a name that rotation gives, such as access.log.2
	sibling              // another name with the same beginning: read only if its content is known
)

// compressions are the endings of compressed files; only gzip can be read.
var compressions = []string{".gz", ".z", ".zst", ".bz2", ".xz", ".lz4", ".lzma", ".zip", ".br"}

// compressed reports whether name is that of a compressed file.
func compressed(name string) bool { return compression(name) != "" }

func compression(name string) string {
	ext := filepath.Ext(name)
	if slices.Contains(compressions, strings.ToLower(ext)) {
		return ext
	}
	return ""
}

// kindOf says what name is in the family of base.
func kindOf(name, base string) kind {
	if name == base {
		return live
	}
	plain := strings.TrimSuffix(name, compression(name))
	if rest, ok := strings.CutPrefix(plain, base); ok {
		switch {
		case rest == "" || rotationSuffix(rest):
			return rotated
		case strings.ContainsAny(rest[:1], ".-_"):
			return sibling
		}
	}
	// logrotate's "extension": access-20261124.log comes from access.log.
	if ext := filepath.Ext(base); ext != "" {
		middle, ok := strings.CutPrefix(plain, strings.TrimSuffix(base, ext))
		if ok && strings.HasSuffix(middle, ext) && rotationSuffix(strings.TrimSuffix(middle, ext)) {
			return rotated
		}
	}
	return stranger
}

// rotationSuffix reports whether s is what rotation adds to a name: a
// separator, then a number or a date, such as .1, -20261124 or .2026-11-24_18.
func rotationSuffix(s string) bool {
	if len(s) < 2 || !strings.ContainsAny(s[:1], ".-_") {
		return false
	}
	digits := 0
	for _, c := range []byte(s[1:]) {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case !strings.ContainsRune(".-_:+TZ", rune(c)):
			return false
		}
	}
	return digits > 0
}

// stem returns the name of the log that name was rotated from, as far as the
// name tells.
func stem(name string) string {
	name = strings.TrimSuffix(name, compression(name))
	for i := range len(name) {
		if i > 0 && rotationSuffix(name[i:]) {
			return name[:i]
		}
	}
	return name
}

// find returns the family that name belongs to, among those of one directory,
// and what it is there. Where several fit, the longest base does.
func find(fams map[string]family, name string) (family, kind) {
	if fam, ok := fams[name]; ok {
		return fam, live
	}
	return relative(fams, name)
}

// relative is find for a name that isn't a log itself.
func relative(fams map[string]family, name string) (family, kind) {
	plain := strings.TrimSuffix(name, compression(name))
	if fam, ok := fams[plain]; ok && plain != name {
		return fam, rotated
	}
	ext := filepath.Ext(plain)
	var other family
	best := stranger
	for i := len(plain) - 1; i > 0; i-- {
		if !strings.ContainsAny(plain[i:i+1], ".-_") {
			continue
		}
		for _, base := range []string{plain[:i], plain[:i] + ext} {
			fam, ok := fams[base]
			if !ok {
				continue
			}
			switch k := kindOf(name, base); {
			case k == rotated:
				return fam, rotated
			case k == sibling && best == stranger:
				other, best = fam, sibling
			}
		}
	}
	return other, best
}
