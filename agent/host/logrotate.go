package host

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// LogrotateConf is where logrotate's configuration is.
const LogrotateConf = "/etc/logrotate.conf"

// Logrotate is what logrotate's configuration says.
type Logrotate struct {
	// File is the configuration as it was named.
	File string
	// Policies are its entries in the order in which logrotate reads them. For
	// a log that several match, the first holds.
	Policies []Policy

	faults []Fault
}

// Fault is something in a configuration that the program it is for passes
// over.
type Fault struct {
	Place
	Text string
}

// Policy says how the logs of one entry are rotated.
type Policy struct {
	Place
	Patterns []string

	Every            time.Duration // 0: by size alone
	Size             int64         // rotate whenever it is larger, in bytes; 0: not by size
	Count            int           // rotated files that are kept; -1: all
	MaxAge           int           // days after which a rotated file is removed; 0: never
	Compress, Delay  bool
	CompressWith     string // the program, "" for gzip
	CompressExt      string // the ending that it gives, "" for its own
	CopyTruncate     bool
	Copy             bool // the log is left as it is
	Create           bool
	CreateMode       os.FileMode // when HasMode
	HasMode          bool
	Owner, Group     string // of a created log, "" as before
	OldDir           string
	Shred            bool
	SuUser, SuGroup  string
	Scripts          map[string]string // by prerotate, postrotate, …
	Broken           string            // why logrotate passes over the entry
	IgnoreDuplicates bool
}

// ReadLogrotate reads the configuration at path and all that it includes. An
// error wraps fs.ErrNotExist when there is none.
func ReadLogrotate(path string) (*Logrotate, error) {
	r := &rotateReader{lr: &Logrotate{File: path}, taboo: slices.Clone(tabooExts)}
	if err := r.file(path, 0); err != nil {
		return nil, fmt.Errorf("read logrotate's configuration: %w", err)
	}
	r.lr.findDuplicates()
	return r.lr, nil
}

// findDuplicates marks the entries that logrotate passes over because one of
// their files stands in an earlier entry.
func (lr *Logrotate) findDuplicates() {
	owner := map[string]*Policy{}
	for i := range lr.Policies {
		p := &lr.Policies[i]
		var files []string
		for _, pattern := range p.Patterns {
			found, _ := filepath.Glob(pattern)
			files = append(files, found...)
		}
		for _, f := range files {
			if first := owner[f]; first != nil && p.Broken == "" && !p.IgnoreDuplicates {
				p.Broken = fmt.Sprintf("%s stands in the entry at %s too", f, first.Place)
			}
		}
		if p.Broken == "" {
			for _, f := range files {
				if owner[f] == nil {
					owner[f] = p
				}
			}
		}
	}
}

// For returns the entry that rotates a log, nil when none does.
func (lr *Logrotate) For(log string) *Policy {
	for i := range lr.Policies {
		p := &lr.Policies[i]
		if p.Broken == "" && p.matches(log) {
			return p
		}
	}
	return nil
}

// broken returns an entry for a log that logrotate passes over.
func (lr *Logrotate) broken(log string) *Policy {
	for i := range lr.Policies {
		if p := &lr.Policies[i]; p.Broken != "" && p.matches(log) {
			return p
		}
	}
	return nil
}

func (p *Policy) matches(log string) bool {
	return slices.ContainsFunc(p.Patterns, func(pattern string) bool {
		ok, _ := filepath.Match(pattern, log)
		return ok || pattern == log || SameFile(pattern, log)
	})
}

// tabooExts are the endings of files that logrotate doesn't include.
var tabooExts = []string{
	",v", ".bak", ".cfsaved", ".disabled", ".dpkg-bak", ".dpkg-del", ".dpkg-dist", ".dpkg-new", ".dpkg-old", ".dpkg-tmp",
	".rpmnew", ".rpmorig", ".rpmsave", ".swp", ".ucf-dist", ".ucf-new", ".ucf-old", "~",
}

// rotateReader reads logrotate's files. What stands outside of entries holds
// for those that follow, also for those of other files.
type rotateReader struct {
	lr     *Logrotate
	global Policy
	taboo  []string
	files  int
}

const (
	// maxInclude is how deep logrotate's files may include each other, and
	// maxRotateFiles how many are read.
	maxInclude     = 16
	maxRotateFiles = 10_000
)

// file reads one file.
func (r *rotateReader) file(path string, depth int) error {
	if r.files++; depth > maxInclude || r.files > maxRotateFiles {
		return fmt.Errorf("%s: its files include each other too often", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		return r.dir(path, depth)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s isn't a file", path)
	}
	if info.Mode().Perm()&0o022 != 0 {
		r.fault(Place{path, 1}, fmt.Sprintf("logrotate passes over the whole file because others than its owner may write it (%v); chmod 0644 it", info.Mode().Perm()))
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(f, maxConf+1))
	if err != nil {
		return err
	}
	if len(text) > maxConf {
		return fmt.Errorf("%s is too large for a configuration", path)
	}
	(&rotateScan{r: r, text: string(text), at: Place{path, 1}, depth: depth}).all()
	return nil
}

// dir reads the files of a folder in the order of their names.
func (r *rotateReader) dir(path string, depth int) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || slices.ContainsFunc(r.taboo, func(ext string) bool { return strings.HasSuffix(name, ext) }) {
			continue
		}
		if err := r.file(filepath.Join(path, name), depth+1); err != nil {
			r.fault(Place{filepath.Join(path, name), 1}, err.Error())
		}
	}
	return nil
}

func (r *rotateReader) fault(at Place, text string) {
	r.lr.faults = append(r.lr.faults, Fault{at, text})
}

// flags are the directives without a value.
var flags = map[string]func(*Policy){
	"hourly": func(p *Policy) { p.Every, p.Size = time.Hour, 0 }, "daily": func(p *Policy) { p.Every, p.Size = day, 0 },
	"monthly": func(p *Policy) { p.Every, p.Size = 30*day, 0 }, "yearly": func(p *Policy) { p.Every, p.Size = 365*day, 0 },
	"compress": func(p *Policy) { p.Compress = true }, "nocompress": func(p *Policy) { p.Compress = false },
	"delaycompress": func(p *Policy) { p.Delay = true }, "nodelaycompress": func(p *Policy) { p.Delay = false },
	"copytruncate": func(p *Policy) { p.CopyTruncate = true }, "nocopytruncate": func(p *Policy) { p.CopyTruncate = false },
	"copy": func(p *Policy) { p.Copy = true }, "nocopy": func(p *Policy) { p.Copy = false },
	"nocreate": func(p *Policy) { p.Create = false }, "noolddir": func(p *Policy) { p.OldDir = "" },
	"shred": func(p *Policy) { p.Shred = true }, "noshred": func(p *Policy) { p.Shred = false },
	"ignoreduplicates": func(p *Policy) { p.IgnoreDuplicates = true },
}

const day = 24 * time.Hour

// quiet are the directives with a value that says nothing about which lines
// can be read.
var quiet = []string{
	"minage", "minsize", "maxsize", "mail", "start", "dateformat", "extension", "addextension", "compressoptions",
	"uncompresscmd", "shredcycles", "createolddir", "taboopat", "errors",
}

// silent are the directives without a value that say nothing of that kind.
var silent = []string{
	"missingok", "nomissingok", "ifempty", "notifempty", "dateext", "nodateext", "dateyesterday", "datehourago", "nomail", "mailfirst",
	"maillast", "sharedscripts", "nosharedscripts", "renamecopy", "norenamecopy", "allowhardlink", "noallowhardlink", "nocreateolddir",
}

// set takes over a directive that has a value. An error says why logrotate
// doesn't.
func (p *Policy) set(key, value string) error {
	words := strings.Fields(value)
	switch key {
	case "weekly":
		p.Every, p.Size = 7*day, 0
	case "rotate":
		n, err := strconv.Atoi(value)
		if err != nil || n < -1 {
			return fmt.Errorf("%q is no count of files to keep", value)
		}
		p.Count = n
	case "maxage":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is no number of days", value)
		}
		p.MaxAge = n
	case "size":
		n, err := byteSize(value)
		if err != nil {
			return err
		}
		p.Size, p.Every = n, 0
	case "create":
		return p.setCreate(words)
	case "olddir":
		p.OldDir = strings.Trim(value, `"'`)
	case "su":
		p.SuUser, p.SuGroup = "", ""
		if len(words) > 0 {
			p.SuUser = words[0]
		}
		if len(words) > 1 {
			p.SuGroup = words[1]
		}
	case "compresscmd":
		p.CompressWith = strings.Trim(value, `"'`)
	case "compressext":
		p.CompressExt = strings.Trim(value, `"'`)
	default:
		if !slices.Contains(quiet, key) {
			return errUnknown
		}
	}
	return nil
}

var errUnknown = errors.New("unknown")

// setCreate reads what follows "create": a mode, an owner and a group, or an
// owner and a group.
func (p *Policy) setCreate(words []string) error {
	p.Create, p.HasMode, p.Owner, p.Group = true, false, "", ""
	if len(words) > 0 {
		if mode, err := strconv.ParseUint(words[0], 8, 12); err == nil {
			p.CreateMode, p.HasMode = os.FileMode(mode)&os.ModePerm, true
			words = words[1:]
		}
	}
	switch len(words) {
	case 2:
		p.Group = words[1]
		fallthrough
	case 1:
		p.Owner = words[0]
	case 0:
	default:
		return errors.New("create takes a mode, an owner and a group")
	}
	return nil
}

// byteSize reads a size such as 100k, 10M or 1G.
func byteSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "kMG")
	n, err := strconv.ParseInt(digits, 10, 64)
	shift := map[string]uint{"": 0, "k": 10, "M": 20, "G": 30}
	by, ok := shift[s[len(digits):]]
	if err != nil || n < 0 || !ok || n > 1<<32 {
		return 0, fmt.Errorf("%q is no size", s)
	}
	return n << by, nil
}
