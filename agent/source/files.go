package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/logmeter/logmeter/agent"
)

// Files reads finished logs from beginning to end, one after the other. What
// is compressed with gzip is uncompressed, whatever its name.
type Files struct {
	name  string
	paths []string
	stdin io.Reader
	total int64

	next int // index into paths of the file that is opened next
	in   *os.File
	path string // of the file being read, for messages
	l    *liner
	read atomic.Int64

	lines uint64 // bytes returned as such
}

// OpenFiles returns the source of the files in paths, of which "-" is stdin.
// It reports every path that can't be read.
func OpenFiles(name string, paths []string, stdin io.Reader) (*Files, error) {
	f := &Files{name: name, paths: paths, stdin: stdin}
	var errs []error
	for _, path := range paths {
		if path == "-" {
			f.total = -1
			continue
		}
		in, err := os.Open(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		st, err := in.Stat()
		in.Close()
		switch {
		case err != nil:
			errs = append(errs, err)
		case st.IsDir():
			errs = append(errs, fmt.Errorf("%s is a directory; want a log file, a .gz file, or - for standard input", path))
		case f.total >= 0:
			f.total += st.Size()
		}
	}
	return f, errors.Join(errs...)
}

// Name implements agent.Source.
func (f *Files) Name() string { return f.name }

// Next implements agent.Source. The error is io.EOF behind the last line. The
// last line of a file may have no line end. It doesn't wait for anything but
// standard input.
func (f *Files) Next(ctx context.Context, _ time.Duration) (agent.Block, error) {
	for ctx.Err() == nil {
		if f.l == nil {
			if f.next == len(f.paths) {
				return agent.Block{}, io.EOF
			}
			if err := f.open(f.paths[f.next]); err != nil {
				return agent.Block{}, err
			}
			f.next++
		}
		got, err := f.l.next()
		if errors.Is(err, io.EOF) {
			f.shut()
			continue
		}
		if err != nil {
			return agent.Block{}, f.explain(err)
		}
		f.lines += uint64(len(got.lines))
		if len(got.lines) > 0 || got.tooLong > 0 {
			return agent.Block{Lines: got.lines, Path: f.path, Offset: got.offset, TooLong: got.tooLong}, nil
		}
	}
	return agent.Block{}, nil
}

// open begins with a file.
func (f *Files) open(path string) error {
	f.path = path
	var in io.Reader = f.stdin
	if path == "-" {
		f.path = "standard input"
	} else {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		f.in, in = file, file
	}
	b := bufio.NewReaderSize(&counted{in, &f.read}, 64<<10)
	in = b
	if magic, _ := b.Peek(2); gzipped(magic) {
		z, err := gzip.NewReader(b)
		if err != nil {
			return f.explain(err)
		}
		in = z
	}
	var err error
	f.l, err = newLiner(in, nil)
	return err
}

// explain says which file an error is about.
func (f *Files) explain(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) {
		err = archiveError(err)
	}
	return fmt.Errorf("%s: %w", f.path, err)
}

func (f *Files) shut() {
	f.l = nil
	if f.in != nil {
		f.in.Close()
		f.in = nil
	}
}

// Positions implements agent.Source. Finished logs have none.
func (f *Files) Positions() []agent.Position { return nil }

// Stats implements agent.Source.
func (f *Files) Stats() agent.SourceStats {
	read, total := f.Progress()
	st := agent.SourceStats{Path: f.path, Bytes: f.lines, Behind: max(0, total-read)}
	if f.in != nil {
		st.Open = 1
	}
	return st
}

// Progress returns how many bytes were read from disk and how many there were
// at the start; total is -1 when standard input is among them. It may be
// called from any goroutine.
func (f *Files) Progress() (read, total int64) { return f.read.Load(), f.total }

// Close implements agent.Source.
func (f *Files) Close() error {
	f.shut()
	f.next = len(f.paths)
	return nil
}

// counted counts what is read.
type counted struct {
	in io.Reader
	n  *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n.Add(int64(n))
	return n, err
}
