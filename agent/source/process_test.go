package source

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// TestMain lets the test binary be a follower in a process of its own.
func TestMain(m *testing.M) {
	if path := os.Getenv("LOGMETER_TEST_FOLLOW"); path != "" {
		if err := followForParent(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// committed is one transaction of a follower in another process: it counts
// when its line has arrived whole.
type committed struct {
	Lines     []string
	Positions []agent.Position
}

// followForParent follows a log from the positions that come on standard input,
// and writes each commit as a line of JSON, until standard input ends.
func followForParent(path string) error {
	var positions []agent.Position
	if err := json.NewDecoder(os.Stdin).Decode(&positions); err != nil {
		return err
	}
	f, err := Open(Options{Name: "edge", Path: path, FromStart: true, Positions: positions})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	out := json.NewEncoder(os.Stdout)
	var c committed
	last := time.Now()
	for ctx.Err() == nil {
		b, err := f.Next(ctx, 50*time.Millisecond)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(b.Lines)) {
			c.Lines = append(c.Lines, strings.TrimSuffix(line, "\n"))
		}
		if time.Since(last) < 100*time.Millisecond && len(c.Lines) < 2000 {
			continue
		}
		c.Positions = f.Positions()
		if len(c.Lines)+len(c.Positions) > 0 {
			if err := out.Encode(c); err != nil {
				return err
			}
		}
		c, last = committed{}, time.Now()
	}
	return f.Close()
}

// yard is a directory that root writes logs to and rotates them in, while a
// follower reads them in a process of its own: as nobody, in the group that may
// read the logs, if the test is root's.
type yard struct {
	t       *testing.T
	rnd     *rand.Rand
	dir     string
	program string
	root    bool
	ops     []string

	mu   sync.Mutex // guards what the writer and the rotator share
	file *os.File   // the log as the writer has it open
	want []string
	half string // what the writer has still to write of a line

	child     *exec.Cmd
	stop      io.Closer
	read      sync.WaitGroup
	store     sync.Mutex // guards what the child has committed
	got       []string
	positions map[uint64]agent.Position
	failed    bytes.Buffer // what the child says
	names     []string     // of rotated files, the youngest first
}

const (
	nobody = 65534
	adm    = 4 // the group that may read logs on Debian
)

func newYard(t *testing.T, seed uint64) *yard {
	t.Helper()
	y := &yard{t: t, rnd: rand.New(rand.NewPCG(seed, 2)), root: os.Getuid() == 0, positions: map[uint64]agent.Position{}}
	base := t.TempDir()
	y.dir, y.program = filepath.Join(base, "log"), filepath.Join(base, "follower")
	b, err := os.ReadFile(os.Args[0])
	y.must(err)
	y.must(os.WriteFile(y.program, b, 0o755))
	y.must(os.Mkdir(y.dir, 0o750))
	if y.root {
		y.must(os.Chmod(base, 0o755))
		y.must(os.Chmod(filepath.Dir(base), 0o755))
		y.must(os.Chown(y.dir, 0, adm))
	}
	y.start()
	t.Cleanup(func() {
		y.kill()
		if y.file != nil {
			y.file.Close()
		}
		if t.Failed() {
			t.Logf("the follower says: %s\noperations: %v", y.failed.String(), y.ops)
		}
	})
	return y
}

func (y *yard) must(err error) {
	y.t.Helper()
	if err != nil {
		y.t.Fatal(err)
	}
}

func (y *yard) path(name string) string { return filepath.Join(y.dir, name) }

func (y *yard) note(format string, args ...any) { y.ops = append(y.ops, fmt.Sprintf(format, args...)) }

// start begins a life of the follower with what is committed.
func (y *yard) start() {
	y.t.Helper()
	y.child = exec.Command(y.program)
	y.child.Env = append(os.Environ(), "LOGMETER_TEST_FOLLOW="+y.path("access.log"))
	if y.root {
		y.child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{adm}}}
	}
	in, err := y.child.StdinPipe()
	y.must(err)
	out, err := y.child.StdoutPipe()
	y.must(err)
	y.child.Stderr = &y.failed
	y.must(y.child.Start())
	y.store.Lock()
	var ps []agent.Position
	for _, id := range slices.Sorted(maps.Keys(y.positions)) {
		ps = append(ps, y.positions[id])
	}
	y.store.Unlock()
	y.must(json.NewEncoder(in).Encode(ps))
	y.stop = in
	y.read.Go(func() { y.commits(out) })
}

// commits takes what the follower commits until it ends.
func (y *yard) commits(out io.Reader) {
	lines := bufio.NewReaderSize(out, 1<<20)
	for {
		b, err := lines.ReadBytes('\n')
		if err != nil {
			return // the rest of a commit doesn't count
		}
		var c committed
		if err := json.Unmarshal(b, &c); err != nil {
			y.t.Error(err)
			return
		}
		y.store.Lock()
		y.got = append(y.got, c.Lines...)
		for _, p := range c.Positions {
			if y.positions[p.ID] = p; p.Gone {
				delete(y.positions, p.ID)
			}
		}
		y.store.Unlock()
	}
}

// kill ends the follower's life with SIGKILL.
func (y *yard) kill() {
	if y.child == nil {
		return
	}
	y.child.Process.Kill()
	y.read.Wait()
	y.child.Wait()
	y.stop.Close()
	y.child = nil
}

// open is what the writer does on a signal.
func (y *yard) open() {
	y.t.Helper()
	y.mu.Lock()
	defer y.mu.Unlock()
	y.reopen()
}

// reopen is open for one who holds the writer back.
func (y *yard) reopen() {
	y.t.Helper()
	y.finishLine()
	file, err := os.OpenFile(y.path("access.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	y.must(err)
	y.mine("access.log")
	if y.file != nil {
		y.file.Close()
	}
	y.file = file
}

// mine gives a file to the group that may read logs.
func (y *yard) mine(name string) {
	y.t.Helper()
	if y.root {
		y.must(os.Chown(y.path(name), 0, adm))
		y.must(os.Chmod(y.path(name), 0o640))
	}
}

// write writes lines at random moments until ctx ends, some in two pieces.
func (y *yard) write(ctx context.Context, rnd *rand.Rand) {
	for n := 0; ctx.Err() == nil; {
		y.mu.Lock()
		y.finishLine()
		for range rnd.IntN(20) {
			n++
			l := fmt.Sprintf(`10.0.0.%d - - [24/Nov/2026:20:%02d:%02d +0000] "GET /v1/things/%d HTTP/1.1" 200 %d`, n%256, n/60%60, n%60, n, n*7)
			y.want = append(y.want, l)
			if _, err := y.file.WriteString(l + "\n"); err != nil {
				y.t.Error(err)
			}
		}
		if rnd.IntN(4) == 0 {
			n++
			l := fmt.Sprintf(`10.0.0.%d - - in two pieces: %d`, n%256, n)
			y.want = append(y.want, l)
			k := rnd.IntN(len(l))
			if _, err := y.file.WriteString(l[:k]); err != nil {
				y.t.Error(err)
			}
			y.half = l[k:] + "\n"
		}
		y.mu.Unlock()
		time.Sleep(time.Duration(rnd.IntN(4000)) * time.Microsecond)
	}
	y.mu.Lock()
	y.finishLine()
	y.mu.Unlock()
}

func (y *yard) finishLine() {
	if y.half != "" {
		if _, err := y.file.WriteString(y.half); err != nil {
			y.t.Error(err)
		}
		y.half = ""
	}
}

// pause lets up to d go by.
func (y *yard) pause(d time.Duration) { time.Sleep(time.Duration(y.rnd.Int64N(int64(d)))) }

// shift renames the rotated files, as logrotate does.
func (y *yard) shift() {
	y.t.Helper()
	for i := len(y.names) - 1; i >= 0; i-- {
		to := fmt.Sprintf("access.log.%d%s", i+2, compression(y.names[i]))
		y.must(os.Rename(y.path(y.names[i]), y.path(to)))
		y.names[i] = to
	}
}

func (y *yard) rotate() {
	y.t.Helper()
	y.note("rotate")
	y.shift()
	y.must(os.Rename(y.path("access.log"), y.path("access.log.1")))
	y.names = append([]string{"access.log.1"}, y.names...)
	if y.rnd.IntN(2) == 0 {
		y.note("create")
		y.must(os.WriteFile(y.path("access.log"), nil, 0o640))
		y.mine("access.log")
	}
	y.pause(250 * time.Millisecond)
	y.open()
}

// compress runs gzip on a rotated file that nothing is written to any more.
func (y *yard) compress() {
	y.t.Helper()
	for i, name := range y.names {
		if compression(name) == "" && y.rnd.IntN(3) > 0 {
			y.note("gzip %s", name)
			out, err := exec.Command("gzip", y.path(name)).CombinedOutput()
			if err != nil {
				y.t.Fatalf("gzip: %v\n%s", err, out)
			}
			y.names[i] = name + ".gz"
			return
		}
	}
}

// copyTruncate keeps the writer waiting between the copy and the truncation:
// what a real one loses there is nobody's.
func (y *yard) copyTruncate() {
	y.t.Helper()
	y.note("copytruncate")
	y.shift()
	y.mu.Lock()
	defer y.mu.Unlock()
	y.finishLine()
	b, err := os.ReadFile(y.path("access.log"))
	y.must(err)
	to, err := os.OpenFile(y.path("access.log.1"), os.O_CREATE|os.O_WRONLY, 0o640)
	y.must(err)
	y.mine("access.log.1")
	for len(b) > 0 {
		n := min(len(b), 64<<10)
		_, err := to.Write(b[:n])
		y.must(err)
		b = b[n:]
		y.pause(time.Millisecond)
	}
	y.must(to.Close())
	y.names = append([]string{"access.log.1"}, y.names...)
	y.must(os.Truncate(y.path("access.log"), 0))
}

// replace puts a copy in the log's place, and the writer opens that. It waits
// meanwhile: what it wrote to the old file, which has no name any more, would be
// gone with a follower that is killed.
func (y *yard) replace() {
	y.t.Helper()
	y.note("replace")
	y.mu.Lock()
	defer y.mu.Unlock()
	y.finishLine()
	b, err := os.ReadFile(y.path("access.log"))
	y.must(err)
	y.must(os.WriteFile(y.path("copy"), b, 0o640))
	y.mine("copy")
	y.must(os.Rename(y.path("copy"), y.path("access.log")))
	y.reopen()
}

// forbid takes the right to read the log or its directory away for a while, and
// rotates, or kills the follower, meanwhile.
func (y *yard) forbid() {
	y.t.Helper()
	name, mode := "access.log", os.FileMode(0o640)
	if y.rnd.IntN(2) == 0 {
		name, mode = ".", 0o750
	}
	y.note("forbid %s", name)
	y.must(os.Chmod(y.path(name), 0))
	y.pause(200 * time.Millisecond)
	switch y.rnd.IntN(3) {
	case 0:
		y.die()
	case 1:
		if name == "." {
			y.rotate()
		}
	}
	y.pause(200 * time.Millisecond)
	y.note("allow")
	y.must(os.Chmod(y.path(name), mode))
}

func (y *yard) die() {
	y.t.Helper()
	y.note("kill")
	y.kill()
	y.pause(300 * time.Millisecond)
	y.start()
}

// TestUnprivileged follows a log in a process of its own that has no rights but
// to read it, while root writes and rotates it in every way, takes the rights
// away and gives them back, stops the process and kills it. Every line must
// have been committed once.
//
// LOGMETER_LIVE sets for how many seconds, LOGMETER_SEED the schedule.
func TestUnprivileged(t *testing.T) {
	if testing.Short() {
		t.Skip("takes six seconds")
	}
	t.Parallel()
	if os.Getuid() != 0 {
		t.Log("not root: the follower runs with the same rights, and none are taken away")
	}
	y := newYard(t, uint64(number(t, "LOGMETER_SEED", 1)))
	y.open()
	y.wait(func() bool { return len(y.positions) > 0 }) // the first look
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(number(t, "LOGMETER_LIVE", 2))*time.Second)
	defer cancel()
	var writer sync.WaitGroup
	writer.Go(func() { y.write(ctx, rand.New(rand.NewPCG(y.rnd.Uint64(), 3))) })
	for ctx.Err() == nil {
		switch n := y.rnd.IntN(20); {
		case n < 6:
			y.rotate()
		case n < 9:
			y.compress()
		case n < 12:
			y.copyTruncate()
		case n < 13:
			y.replace()
		case n < 15:
			y.die()
		case n < 16:
			y.note("stop")
			y.must(y.child.Process.Signal(syscall.SIGSTOP))
			y.pause(300 * time.Millisecond)
			y.must(y.child.Process.Signal(syscall.SIGCONT))
		case n < 18 && y.root:
			y.forbid()
		default:
			y.pause(300 * time.Millisecond)
		}
	}
	writer.Wait()
	y.die() // what a deleted file keeps back for a minute is found elsewhere at once
	y.wait(func() bool { return len(y.got) >= len(y.want) })
	y.kill()
	checkLines(t, y.got, y.want)
	t.Logf("%d lines, %d operations, %d rotated files: every line once", len(y.want), len(y.ops), len(y.names))
}

// wait waits until what is committed is so, but not for ever.
func (y *yard) wait(so func() bool) {
	for range 2000 {
		y.store.Lock()
		is := so()
		y.store.Unlock()
		if is {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
