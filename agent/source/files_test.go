package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// readAll returns the blocks of some finished logs, each with its path.
func readAll(t *testing.T, f *Files) (lines []string, tooLong int, err error) {
	t.Helper()
	offset := map[string]int64{}
	for {
		b, err := f.Next(context.Background(), 0)
		if errors.Is(err, io.EOF) {
			return lines, tooLong, nil
		}
		if err != nil {
			return lines, tooLong, err
		}
		if b.Offset < offset[b.Path] {
			t.Errorf("%s: a block at %d after one that ends at %d", b.Path, b.Offset, offset[b.Path])
		}
		offset[b.Path] = b.Offset + int64(len(b.Lines))
		tooLong += b.TooLong
		for rest := b.Lines; len(rest) > 0; {
			line, tail, _ := bytes.Cut(rest, []byte("\n"))
			lines = append(lines, string(line))
			rest = tail
		}
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, b []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	long := strings.Repeat("x", maxLine)
	many := strings.Repeat("a line of a log\n", 100_000)
	two := append(compress(t, []byte("one\ntw")), compress(t, []byte("o\nthree"))...)
	for _, tt := range []struct {
		name    string
		content []byte
		want    []string
		tooLong int
	}{
		{"plain", []byte("one\ntwo\r\n\nthree\n"), []string{"one", "two\r", "", "three"}, 0},
		{"no line end", []byte("one\ntwo"), []string{"one", "two"}, 0},
		{"empty", nil, nil, 0},
		{"gzip by content.log", compress(t, []byte("one\ntwo")), []string{"one", "two"}, 0},
		{"two members.gz", two, []string{"one", "two", "three"}, 0},
		{"empty.gz", compress(t, nil), nil, 0},
		{"plain.gz", []byte("not compressed\n"), []string{"not compressed"}, 0},
		{"longest", []byte(long + "\n" + long), []string{long, long}, 0},
		{"too long", []byte("a\n" + long + "x\nb\n" + long + long), []string{"a", "b"}, 2},
		{"many", []byte(many), strings.Split(strings.TrimSuffix(many, "\n"), "\n"), 0},
		{"many.gz", compress(t, []byte(many)), strings.Split(strings.TrimSuffix(many, "\n"), "\n"), 0},
		{"hole", []byte(strings.Repeat("\x00", 1<<20) + "a\nto\x00\x00rn" + strings.Repeat("\x00", 100) + "b\n" + strings.Repeat("\x00", 9)), []string{"a", "b"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := put(tt.name, tt.content)
			for _, stdin := range []bool{false, true} {
				var in io.Reader
				arg := path
				if stdin {
					in, arg = &dribble{b: tt.content}, "-"
				}
				f, err := OpenFiles("test", []string{arg}, in)
				if err != nil {
					t.Fatal(err)
				}
				lines, tooLong, err := readAll(t, f)
				if err != nil || tooLong != tt.tooLong || strings.Join(lines, "\n") != strings.Join(tt.want, "\n") {
					t.Errorf("stdin %v: got %d lines %.60q, %d too long, %v; want %d lines %.60q, %d",
						stdin, len(lines), lines, tooLong, err, len(tt.want), tt.want, tt.tooLong)
				}
				read, total := f.Progress()
				wantTotal := int64(len(tt.content))
				if stdin {
					wantTotal = -1
				}
				if read != int64(len(tt.content)) || total != wantTotal {
					t.Errorf("stdin %v: progress %d of %d; want %d of %d", stdin, read, total, len(tt.content), wantTotal)
				}
				f.Close()
			}
		})
	}
	t.Run("several", func(t *testing.T) {
		f, err := OpenFiles("test", []string{put("a", []byte("1\n2")), put("b.gz", compress(t, []byte("3\n")))}, nil)
		if err != nil {
			t.Fatal(err)
		}
		lines, _, err := readAll(t, f)
		if err != nil || strings.Join(lines, " ") != "1 2 3" {
			t.Errorf("got %q, %v; want 1, 2 and 3", lines, err)
		}
	})
}

// dribble is a reader of small pieces.
type dribble struct {
	b []byte
	n int
}

func (d *dribble) Read(p []byte) (int, error) {
	if len(d.b) == 0 {
		return 0, io.EOF
	}
	d.n = d.n*7%40_009 + 1
	n := copy(p, d.b[:min(d.n, len(d.b))])
	d.b = d.b[n:]
	return n, nil
}

func TestFilesErrors(t *testing.T) {
	dir := t.TempDir()
	z := compress(t, []byte(strings.Repeat("line\n", 1000)))
	path := filepath.Join(dir, "access.log.3.gz")
	for name, tt := range map[string]struct {
		content []byte
		want    string
	}{
		"cut off":  {z[:len(z)-6], "ends too early"},
		"checksum": {append(bytes.Clone(z[:len(z)-8]), 0, 0, 0, 0, 0, 0, 0, 0), "checksum is wrong"},
		"header":   {z[:5], "ends too early"},
		"garbage":  {append(bytes.Clone(z), "something else"...), "isn't gzip"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, tt.content, 0o644); err != nil {
				t.Fatal(err)
			}
			f, err := OpenFiles("test", []string{path}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			_, _, err = readAll(t, f)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v; want the path and %q", err, tt.want)
			}
		})
	}
	_, err := OpenFiles("test", []string{filepath.Join(dir, "absent"), dir}, nil)
	if err == nil || !strings.Contains(err.Error(), "absent") || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("error %v; want both paths explained", err)
	}
}

// FuzzFiles compares the blocks of any bytes with the plain rule: lines are
// what stands between line ends, whatever the reads are.
func FuzzFiles(f *testing.F) {
	f.Add([]byte("one\ntwo\n"))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Add([]byte("\x00\x00a\n\n\r\nb"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := OpenFiles("fuzz", []string{"-"}, &dribble{b: b})
		if err != nil {
			t.Fatal(err)
		}
		lines, _, err := readAll(t, s)
		if gzipped(b) || bytes.IndexByte(b, 0) >= 0 {
			return
		}
		want := strings.Split(string(b), "\n")
		if want[len(want)-1] == "" {
			want = want[:len(want)-1]
		}
		if err != nil || strings.Join(lines, "\n") != strings.Join(want, "\n") || len(lines) != len(want) {
			t.Fatalf("got %q, %v; want %q", lines, err, want)
		}
	})
}

// FuzzCut checks that no byte is lost or taken twice, whatever a log holds.
func FuzzCut(f *testing.F) {
	f.Add([]byte("a\n\x00\x00b\n"), true)
	f.Add(append([]byte("torn"), make([]byte, 100)...), false)
	f.Fuzz(func(t *testing.T, b []byte, more bool) {
		for len(b) > 0 {
			p := cut(b, more)
			switch {
			case p.lines > 0 && p.skip > 0, p.lines > len(b), p.skip > len(b), p.torn && p.skip == 0:
				t.Fatalf("cut %q: %+v", b, p)
			case p.lines > 0 && b[p.lines-1] != '\n':
				t.Fatalf("cut %q at %d, within a line", b, p.lines)
			case p.skip > 0 && bytes.IndexByte(b[:p.skip], '\n') >= 0:
				t.Fatalf("cut %q: %d bytes skipped with a line end in them", b, p.skip)
			}
			if p.lines+p.skip == 0 {
				return
			}
			b = b[p.lines+p.skip:]
		}
	})
}
