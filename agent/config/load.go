package config

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/logmeter/logmeter/agent"
)

// maxFile is the size in bytes of the largest file that is read.
const maxFile = 1 << 20

// Load reads the configuration at path with the environment of the process.
// The error is Problems when the file could be read, else it names the file.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return Parse(path, text, os.Getenv)
}

// Parse reads a configuration from text. Messages call it name; relative paths
// in it begin in name's directory. The environment is env. The error is
// Problems: everything that is wrong, each with its line.
func Parse(name string, text []byte, env func(string) string) (*Config, error) {
	r := &reader{file: name, env: env}
	dir, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		return nil, fmt.Errorf("find the directory of %s: %w", name, err)
	}
	r.dir = dir
	if len(text) > maxFile {
		r.fault(1, "", "the file is larger than 1 MiB")
		return nil, r.problems.err()
	}
	toml, ok := r.decode(unmark(string(text)))
	if !ok {
		return nil, r.problems.err()
	}
	c := Default()
	r.read(toml, &c)
	if err := r.problems.err(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(r.warnings, func(a, b *Problem) int { return cmp.Compare(a.Line, b.Line) })
	c.warnings = r.warnings
	return &c, nil
}

// unmark takes byte order marks off the front, as the decoder would: places
// must be those of the text that it reads.
func unmark(text string) string {
	for _, mark := range []string{"\ufeff", "\xff\xfe", "\xfe\xff"} {
		if rest, ok := strings.CutPrefix(text, mark); ok {
			return unmark(rest)
		}
	}
	return text
}

// decode returns the top table of a TOML text. It reports false, and why, when
// the text isn't TOML.
func (r *reader) decode(text string) (top table, ok bool) {
	defer func() {
		// The decoder panics where it finds itself broken. A strange file must
		// not take the daemon down without a word.
		if p := recover(); p != nil {
			r.fault(1, "", "the TOML decoder can't read this file: %v", p)
			ok = false
		}
	}()
	s := &scanner{text: text, line: 1}
	places := s.document()
	if s.deepAt > 0 {
		r.fault(s.deepAt, "", "lists or tables stand in one another more than %d deep", maxNesting)
		return table{}, false
	}
	var values map[string]any
	if _, err := toml.Decode(text, &values); err != nil {
		r.syntax(text, err)
		return table{}, false
	}
	return table{r: r, values: values, at: places}, true
}

// read fills c from the top table.
func (r *reader) read(top table, c *Config) {
	c.File = r.file
	c.lines = map[string]int{}
	r.checkKeys(top)
	r.readInstance(top, c)
	if top.str("state_dir", &c.StateDir) {
		c.StateDir = top.path("state_dir", c.StateDir)
	}
	names, meters := top.tables("meter")
	for _, name := range names {
		c.Meter[name] = meters[name].meter(name)
	}
	r.checkEventNames(meters, c.Meter)
	// The meters come first: what they ask for is cut from the lines, and no
	// more.
	r.fields, r.host = agent.Fields(c.Meters()), agent.WantsHost(c.Meters())
	names, formats := top.tables("format")
	for _, name := range names {
		c.Format[name] = formats[name].format(name)
		c.lines[name] = formats[name].at.line
	}
	names, sources := top.tables("source")
	for _, name := range names {
		c.Source[name] = sources[name].source(name)
		r.checkFormat(sources[name], c)
	}
	r.checkOverlap(names, sources, c.Source)
	r.checkUse(c.Sources(), formats)
	r.checkFields(meters, c)
	top.table("customers").customers(&c.Customers)
	top.table("stripe").stripe(&c.Stripe)
	top.table("report").report(&c.Report)
	top.table("admin").admin(&c.Admin)
}

// readInstance finds the name of this agent: the environment's, the file's or
// the host's.
func (r *reader) readInstance(top table, c *Config) {
	const accepted = "want 1 to 64 characters of A-Z a-z 0-9 . _ -"
	given := top.str("instance", &c.Instance)
	if given && !isName(c.Instance) {
		top.fault("instance", "%s can't be a name; %s", show(c.Instance), accepted)
	}
	if name := r.env("LOGMETER_INSTANCE"); name != "" {
		c.Instance = name
		if !isName(name) {
			top.fault("instance", "LOGMETER_INSTANCE is %s, which can't be a name; %s", show(name), accepted)
		}
		return
	}
	if top.has("instance") {
		return
	}
	host, err := os.Hostname()
	if err != nil || !isName(host) {
		top.hint("instance", fmt.Sprintf("the host name %s can't be a name; %s", show(host), accepted), `set it here: instance = "edge-1"`)
		return
	}
	c.Instance = host
	if short, _, _ := strings.Cut(host, "."); short == "localhost" {
		top.warn("instance", "the host is called "+show(host)+", as others may be", "two agents of one instance would have Stripe drop one another's usage; set a name of its own here: instance = \"edge-1\"")
	}
}

// path returns a path of the file as an absolute one.
func (t table) path(key, path string) string {
	switch {
	case strings.HasPrefix(path, "~"):
		t.fault(key, "%s begins with ~, which isn't expanded; want the whole path", show(path))
	case strings.ContainsRune(path, 0):
		t.fault(key, "%s holds a zero byte; want %s", show(path), want(join(t.pattern, key)))
	case !filepath.IsAbs(path):
		return filepath.Join(t.r.dir, path)
	}
	return filepath.Clean(path)
}
