package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	crossplane "github.com/nginxinc/nginx-go-crossplane"

	"github.com/logmeter/logmeter/parsers"
)

const (
	// maxConf is the size in bytes of the largest configuration file that is
	// read, and maxConfs of all of them together.
	maxConf  = 4 << 20
	maxConfs = 64 << 20
	// maxDirectives bounds how much is walked through: files that include
	// others several times multiply.
	maxDirectives = 1_000_000
)

// confFiles opens the files of one nginx configuration.
type confFiles struct {
	left  int64             // of maxConfs
	cache map[string][]byte // the parser opens a file that is named without a glob twice
}

// open returns a file without its blocks of Lua.
func (c *confFiles) open(path string) (io.ReadCloser, error) {
	if text, ok := c.cache[path]; ok {
		return io.NopCloser(bytes.NewReader(text)), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s isn't a file", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxConf+1))
	if err != nil {
		return nil, err
	}
	if c.left -= int64(len(text)); len(text) > maxConf || c.left < 0 {
		return nil, fmt.Errorf("%s is too large for a configuration", path)
	}
	text, err = blankLua(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c.cache[path] = text
	return io.NopCloser(bytes.NewReader(text)), nil
}

// glob expands the pattern of an include as nginx's does: * and ? match no
// dot at the beginning of a name, and [!x] is "not x".
func glob(pattern string) ([]string, error) {
	names, err := filepath.Glob(strings.ReplaceAll(pattern, "[!", "[^"))
	if err != nil {
		return nil, fmt.Errorf("include %s: %w", pattern, err)
	}
	if !strings.HasPrefix(filepath.Base(pattern), ".") {
		names = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(filepath.Base(n), ".") })
	}
	return names, nil
}

// conf is a parsed nginx configuration.
type conf struct {
	files []crossplane.Config
	left  int   // of maxDirectives
	stack []int // the files that are being walked through
	// faults is what couldn't be read, each with its place.
	faults []string
}

var errTooMany = errors.New("the configuration has too many directives")

// readConf parses a configuration with all that it includes.
func readConf(path string) (c *conf, err error) {
	// A strange file must not take the caller down without a word.
	defer func() {
		if p := recover(); p != nil {
			c, err = nil, fmt.Errorf("%s: the parser can't read this configuration: %v", path, p)
		}
	}()
	files := &confFiles{left: maxConfs, cache: map[string][]byte{}}
	payload, err := crossplane.Parse(path, &crossplane.ParseOptions{
		Open: files.open, Glob: glob,
		// What nginx takes where and with how many words is its own matter, and
		// that of its modules.
		SkipDirectiveContextCheck: true, SkipDirectiveArgsCheck: true,
	})
	if err != nil {
		if strings.Contains(err.Error(), "include cycle") {
			err = errors.New("its files include each other in a circle")
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if main := payload.Config[0]; len(main.Parsed) == 0 && len(main.Errors) > 0 {
		return nil, main.Errors[0].Error
	}
	c = &conf{files: payload.Config, left: maxDirectives}
	for _, e := range payload.Errors {
		c.faults = append(c.faults, e.Error.Error())
	}
	return c, nil
}

// directive is one directive with the place where it stands.
type directive struct {
	*crossplane.Directive
	Place
	args []string // as nginx reads them
	file int      // the index in conf.files
}

// block returns the directives of a block, those of included files among them,
// in the order in which nginx reads them.
func (c *conf) block(file int, ds crossplane.Directives) (all []directive, err error) {
	for _, d := range ds {
		if c.left--; c.left < 0 {
			return nil, errTooMany
		}
		if !d.IsInclude() {
			all = append(all, directive{d, Place{c.files[file].File, d.Line}, unescapeAll(d.Args), file})
			continue
		}
		for _, i := range d.Includes {
			if i < 0 || i >= len(c.files) || slices.Contains(c.stack, i) {
				continue
			}
			c.stack = append(c.stack, i)
			more, err := c.block(i, c.files[i].Parsed)
			c.stack = c.stack[:len(c.stack)-1]
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
		}
	}
	return all, nil
}

func unescapeAll(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = parsers.UnescapeNginx(a)
	}
	return out
}
