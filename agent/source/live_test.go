package source

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nxadm/tail"
	"golang.org/x/sys/unix"
)

// writer writes lines as nginx does, one system call each, and is rotated.
type writer struct {
	t    *testing.T
	dir  string
	file *os.File
	n    int
}

func (w *writer) line(n int) string {
	return fmt.Sprintf(`10.0.0.1 - - [24/Nov/2026:20:00:00 +0000] "GET /v1/things/%d HTTP/1.1" 200 5 "-" "curl/8" "acme"`, n)
}

func (w *writer) open() {
	file, err := os.OpenFile(filepath.Join(w.dir, "access.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		w.t.Error(err)
		return
	}
	if w.file != nil {
		w.file.Close()
	}
	w.file = file
}

// write writes n lines, evenly over d.
func (w *writer) write(n int, d time.Duration) {
	tick := time.NewTicker(max(d/time.Duration(n), time.Microsecond))
	defer tick.Stop()
	for range n {
		if _, err := w.file.WriteString(w.line(w.n) + "\n"); err != nil {
			w.t.Error(err)
			return
		}
		w.n++
		<-tick.C
	}
}

// rotate renames the log; the writer reopens it only after late more lines, as
// nginx does when the signal comes late.
func (w *writer) rotate(k, late int, d time.Duration) {
	log := filepath.Join(w.dir, "access.log")
	if err := os.Rename(log, fmt.Sprintf("%s.%d", log, k)); err != nil {
		w.t.Error(err)
	}
	w.write(late, d)
	w.open()
}

// collect reads a follower until it has n lines.
func collect(t *testing.T, f *Follower, n int, got *atomic.Int64) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var lines []string
	for len(lines) < n && ctx.Err() == nil {
		b, err := f.Next(ctx, 200*time.Millisecond)
		if err != nil {
			t.Error(err)
			break
		}
		for rest := b.Lines; len(rest) > 0; {
			line, tail, _ := bytes.Cut(rest, []byte("\n"))
			lines = append(lines, string(line))
			rest = tail
		}
		f.Positions()
		got.Store(int64(len(lines)))
	}
	return lines
}

// TestBesideTail follows a log that is rotated under a writer that reopens it
// late, side by side with the TailFile of the library whose watch is used here.
// The library closes the old file at the rename; its loss is reported, ours
// must be nothing.
func TestBesideTail(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two seconds")
	}
	t.Parallel()
	w := &writer{t: t, dir: t.TempDir()}
	w.open()
	f, err := Open(Options{Name: "edge", Path: filepath.Join(w.dir, "access.log"), FromStart: true})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	other, err := tail.TailFile(filepath.Join(w.dir, "access.log"), tail.Config{
		Follow: true, ReOpen: true, CompleteLines: true, Logger: tail.DiscardingLogger,
	})
	if err != nil {
		t.Fatal(err)
	}
	const rotations, before, late = 5, 200, 200
	const all = rotations * (before + late)
	var theirs atomic.Int64
	var readers sync.WaitGroup
	readers.Go(func() {
		for range other.Lines {
			theirs.Add(1)
		}
	})
	var mine []string
	var ours atomic.Int64
	readers.Go(func() {
		mine = collect(t, f, all, &ours)
		// What the library hasn't by now, a second after the last line at the
		// latest, it won't have.
		if err := other.Stop(); err != nil {
			t.Log(err)
		}
	})
	for k := range rotations {
		w.write(before, 50*time.Millisecond)
		w.rotate(k+1, late, 100*time.Millisecond)
	}
	readers.Wait()
	w.file.Close()
	var want []string
	for n := range all {
		want = append(want, w.line(n))
	}
	checkLines(t, mine, want)
	t.Logf("%d rotations: of %d lines we lost 0, TailFile %d", rotations, all, all-theirs.Load())
}

// arm makes the log idle and waits until it is watched. Scans and polls are
// put off, so that nothing but the watch finds what comes.
func (r *rig) arm() {
	r.t.Helper()
	r.pass(2 * busyFor)
	r.scan()
	deadline := time.Now().Add(10 * time.Second)
	for r.f.files[0].hint == nil || !r.f.files[0].hint.armed.Load() {
		if time.Now().After(deadline) {
			r.t.Fatal("the watch isn't armed")
		}
		r.f.listen(r.f.clock())
		runtime.Gosched()
	}
	r.f.heard(r.f.clock())
	r.f.nextScan = r.f.clock().Add(time.Hour)
	r.f.nextPoll = r.f.nextScan
}

// A line in an idle log is read at once, by its watch, and a rename is noticed.
func TestWatch(t *testing.T) {
	if !canWatch() {
		t.Skip("no inotify here")
	}
	r := follow(t)
	r.write(3)
	r.scan()
	wait := func() {
		t.Helper()
		b, err := r.f.Next(context.Background(), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		r.got = append(r.got, strings.TrimSuffix(string(b.Lines), "\n"))
		r.check()
	}
	for range 3 {
		r.arm()
		r.write(1)
		wait()
	}
	r.arm()
	r.rename("access.log", "access.log.1")
	r.open("access.log")
	r.write(1)
	wait()
}

// Without inotify everything is found by scans.
func TestWithoutWatch(t *testing.T) {
	r := follow(t)
	r.f.canWatch = func() bool { return false }
	r.write(3)
	r.scan()
	r.pass(2 * busyFor)
	r.f.listen(r.f.clock())
	if !r.f.deaf || r.f.files[0].hint != nil {
		t.Error("a watch was armed though there is none")
	}
	r.write(3)
	r.scan()
	r.check()
}

// Watches don't pile up, and descriptors aren't left open.
func TestWatchesAreReleased(t *testing.T) {
	before := descriptors(t)
	for range 20 {
		r := follow(t)
		r.write(1)
		r.scan()
		r.pass(2 * busyFor)
		r.scan()
		r.f.listen(r.f.clock())
		r.kill()
		r.file.Close()
		r.file = nil
	}
	// The library keeps one inotify instance for the process, which is an
	// epoll descriptor, an inotify descriptor and a pipe.
	if n := descriptors(t); n > before+6 {
		t.Errorf("%d descriptors open, %d before", n, before)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	n := 0
	for fd := range 1024 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			n++
		}
	}
	return n
}
