package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nxadm/tail"
)

// benchLines is how many lines of 250 bytes the benchmarks read.
const benchLines = 200_000

func benchLog(b *testing.B, lines int) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "access.log")
	var text bytes.Buffer
	for n := range lines {
		fmt.Fprintf(&text, `10.0.%3d.%3d - - [24/Nov/2026:20:00:00 +0000] "GET /v1/accounts/%012d/score?verbose=1&locale=en-GB HTTP/1.1" 200 5120 "-" `+
			`"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36" "acme-%06d" "edge" 0.123`+"\n",
			n%256, n/256%256, n, n%1000)
	}
	if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(text.Len()))
	return path
}

func reportLines(b *testing.B, lines int) {
	b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mlines/s")
}

// BenchmarkFollow reads a log from its beginning to its end. Allocations are
// those of a whole run.
func BenchmarkFollow(b *testing.B) {
	path := benchLog(b, benchLines)
	b.ReportAllocs()
	for b.Loop() {
		f, err := Open(Options{Name: "edge", Path: path, FromStart: true})
		if err != nil {
			b.Fatal(err)
		}
		lines := 0
		for {
			block, err := f.Next(context.Background(), 0)
			if err != nil {
				b.Fatal(err)
			}
			if len(block.Lines) == 0 {
				break
			}
			lines += bytes.Count(block.Lines, []byte{'\n'})
		}
		f.Close()
		if lines != benchLines {
			b.Fatalf("%d lines; want %d", lines, benchLines)
		}
	}
	reportLines(b, benchLines)
}

// BenchmarkWC counts the same lines with wc -l.
func BenchmarkWC(b *testing.B) {
	path := benchLog(b, benchLines)
	for b.Loop() {
		if err := exec.Command("wc", "-l", path).Run(); err != nil {
			b.Skip(err)
		}
	}
	reportLines(b, benchLines)
}

// BenchmarkTailFile reads the same lines with the TailFile of nxadm/tail.
func BenchmarkTailFile(b *testing.B) {
	path := benchLog(b, benchLines)
	b.ReportAllocs()
	for b.Loop() {
		f, err := tail.TailFile(path, tail.Config{Logger: tail.DiscardingLogger})
		if err != nil {
			b.Fatal(err)
		}
		lines := 0
		for range f.Lines {
			lines++
		}
		if lines != benchLines {
			b.Fatalf("%d lines; want %d", lines, benchLines)
		}
	}
	reportLines(b, benchLines)
}

// BenchmarkFiles reads a finished log, plain and compressed.
func BenchmarkFiles(b *testing.B) {
	for _, ending := range []string{"", ".gz"} {
		b.Run("log"+ending, func(b *testing.B) {
			path := benchLog(b, benchLines)
			if ending == ".gz" {
				if err := exec.Command("gzip", path).Run(); err != nil {
					b.Skip(err)
				}
				path += ending
			}
			b.ReportAllocs()
			for b.Loop() {
				f, err := OpenFiles("bench", []string{path}, nil)
				if err != nil {
					b.Fatal(err)
				}
				for err == nil {
					_, err = f.Next(context.Background(), 0)
				}
				if !errors.Is(err, io.EOF) {
					b.Fatal(err)
				}
			}
			reportLines(b, benchLines)
		})
	}
}

// BenchmarkPoll is one look at a log that grew by a line, with its commit.
func BenchmarkPoll(b *testing.B) {
	path := benchLog(b, 100)
	b.SetBytes(0)
	log, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	f, err := Open(Options{Name: "edge", Path: path})
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	line := bytes.Repeat([]byte("x"), 249)
	line = append(line, '\n')
	b.ReportAllocs()
	for b.Loop() {
		if _, err := log.Write(line); err != nil {
			b.Fatal(err)
		}
		f.nextPoll = time.Time{}
		if _, err := f.Next(context.Background(), 0); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScan is one scan of idle logs: at most a hundredth of the time goes
// into these.
func BenchmarkScan(b *testing.B) {
	for _, files := range []int{1, 30, 1000} {
		b.Run(fmt.Sprint(files, " logs"), func(b *testing.B) {
			dir := b.TempDir()
			for i := range files {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("vhost-%d.log", i)), []byte("a line\n"), 0o644); err != nil {
					b.Fatal(err)
				}
			}
			f, err := Open(Options{Name: "edge", Path: filepath.Join(dir, "*.log")})
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			for b.Loop() {
				f.nextScan = time.Time{}
				if _, err := f.Next(context.Background(), 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
