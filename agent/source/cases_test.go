package source

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/logmeter/logmeter/agent"
)

// follow returns a rig whose log was looked at before anything was in it.
func follow(t *testing.T, change ...func(*Options)) *rig {
	t.Helper()
	r := newRig(t, change...)
	r.scan()
	return r
}

// reopen is what nginx does on USR1.
func (r *rig) reopen(name string) {
	r.t.Helper()
	r.open(name)
}

func TestRename(t *testing.T) {
	r := follow(t)
	r.write(10)
	r.scan()
	r.rename("access.log", "access.log.1")
	r.write(5) // nginx still has the old file
	r.scan()
	old := r.file
	r.file = nil
	r.write(3)
	r.scan()
	if _, err := old.WriteString("late\n"); err != nil {
		t.Fatal(err)
	}
	r.want = append(r.want, "late")
	old.Close()
	r.scan()
	r.check()
	r.wantReadTo(true)
	r.wantEvent("log rotated")
}

func TestReopenFails(t *testing.T) {
	r := follow(t)
	r.write(3)
	r.scan()
	r.rename("access.log", "access.log.1")
	r.scan()
	for range 40 { // half an hour, also over the time after which it is closed
		r.write(1)
		r.pass(time.Minute)
		r.scan()
	}
	r.check()
	r.wantEvent("rotated log still grows")
	r.pass(renamedFor)
	r.settle()
	r.write(1) // closed meanwhile
	r.scan()
	r.check()
}

func TestRotatedWhileDown(t *testing.T) {
	for _, generations := range []int{1, 2, 5} {
		r := follow(t)
		r.write(20)
		r.scan()
		r.kill()
		r.write(4)
		var names []string
		for range generations {
			for i := len(names); i > 0; i-- {
				r.rename(names[i-1], "access.log."+string(rune('1'+i)))
				names[i-1] = "access.log." + string(rune('1'+i))
			}
			r.rename("access.log", "access.log.1")
			names = append([]string{"access.log.1"}, names...)
			r.reopen("access.log")
			r.write(5)
		}
		r.settle()
		r.check()
		r.wantReadTo(true)
	}
}

func TestRotatedWithDatesWhileDown(t *testing.T) {
	for _, names := range [][]string{
		{"access.log-20261123", "access.log-20261124"},
		{"access.log.2026-11-23_18", "access.log.2026-11-23_19"},
		{"access-20261123.log", "access-20261124.log"}, // logrotate's "extension .log"
		{"access.log-1795555747", "access.log-1795555748.gz"},
	} {
		r := follow(t)
		r.write(20)
		r.scan()
		r.kill()
		for _, name := range names {
			r.write(4)
			r.rename("access.log", strings.TrimSuffix(name, ".gz"))
			if strings.HasSuffix(name, ".gz") {
				r.gzip(strings.TrimSuffix(name, ".gz"))
			}
			r.reopen("access.log")
		}
		r.write(4)
		r.settle()
		r.check()
	}
}

func TestRotatedAndCompressedWhileDown(t *testing.T) {
	r := follow(t)
	r.write(500)
	r.scan()
	r.kill()
	r.write(40)
	r.rename("access.log", "access.log.1")
	r.reopen("access.log")
	r.gzip("access.log.1")
	r.write(30) // this generation isn't known by its inode
	r.rename("access.log.1.gz", "access.log.2.gz")
	r.rename("access.log", "access.log.1")
	r.reopen("access.log")
	r.gzip("access.log.1")
	r.write(5)
	r.settle()
	r.check()
	r.wantReadTo(true)
	r.kill() // what was counted out of an archive isn't counted again
	r.rename("access.log.2.gz", "access.log.3.gz")
	r.settle()
	r.check()
}

// An archive that is cut off, damaged, or still being written is left alone
// until it is whole.
func TestArchiveNotWholeYet(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"empty":      func([]byte) []byte { return nil },
		"one byte":   func(z []byte) []byte { return z[:1] },
		"header":     func(z []byte) []byte { return z[:7] },
		"half":       func(z []byte) []byte { return z[:len(z)/2] },
		"no trailer": func(z []byte) []byte { return z[:len(z)-5] },
		"checksum": func(z []byte) []byte {
			z = slices.Clone(z)
			z[len(z)-8] ^= 1
			return z
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := follow(t)
			r.write(100)
			r.scan()
			r.kill()
			r.write(100)
			z := compress(t, r.read("access.log"))
			r.rename("access.log", "moved")
			r.reopen("access.log")
			r.put("access.log.1.gz", spoil(z))
			r.settle()
			if len(r.got) != 100 {
				t.Fatalf("%d lines; want the 100 that were counted before", len(r.got))
			}
			r.put("access.log.1.gz", z)
			r.settle()
			r.check()
		})
	}
}

func TestArchiveInMiddleWhenKilled(t *testing.T) {
	r := follow(t)
	r.write(10)
	r.scan()
	r.kill()
	r.write(20_000) // many blocks
	r.rename("access.log", "access.log.1")
	r.reopen("access.log")
	r.gzip("access.log.1")
	for range 4 {
		r.start()
		r.pass(time.Minute)
		r.next()
		r.next()
		r.commit()
		r.next()
		r.kill()
	}
	r.settle()
	r.check()
}

func TestArchiveOfTwoMembers(t *testing.T) {
	r := follow(t)
	r.write(50)
	r.scan()
	r.kill()
	r.write(50)
	b := r.read("access.log")
	r.rename("access.log", "moved")
	r.reopen("access.log")
	r.put("access.log.1.gz", append(compress(t, b[:len(b)/3]), compress(t, b[len(b)/3:])...))
	r.settle()
	r.check()
}

func TestUnreadableCompressions(t *testing.T) {
	r := follow(t)
	r.write(5)
	r.scan()
	r.put("access.log.2.zst", []byte("\x28\xb5\x2f\xfd made up"))
	r.put("access.log.3.gz", []byte("GET / is no gzip\n"))
	r.pass(time.Hour)
	r.settle()
	r.check()
	r.wantEvent("only gzip can be read")
	r.wantEvent("isn't gzip")
	r.wantReadTo(true)
}

// gzip misses what is written while it runs; the open descriptor doesn't.
func TestCompressedWhileWritten(t *testing.T) {
	r := follow(t)
	r.write(50)
	r.scan()
	r.rename("access.log", "access.log.1")
	b := r.read("access.log.1")
	r.write(7) // gzip has read its input already
	r.put("access.log.1.gz", compress(t, b))
	r.remove("access.log.1")
	r.write(2) // and it has no name any more
	r.scan()
	r.check()
	r.reopen("access.log")
	r.write(3)
	r.settle()
	r.pass(deletedFor)
	r.settle()
	r.check()
	r.wantEvent("archive lacks lines that are counted")
	r.kill()
	r.settle()
	r.check()
}

func TestCopyTruncate(t *testing.T) {
	r := follow(t)
	r.write(50)
	r.scan()
	r.write(20) // only the copy will have them
	b := r.read("access.log")
	r.put("access.log.1", b[:len(b)/2])
	r.scanWithoutReading()
	r.put("access.log.1", b)
	if err := os.Truncate(r.path("access.log"), 0); err != nil {
		t.Fatal(err)
	}
	r.write(5)
	r.settle()
	r.check()
	r.wantEvent("truncated")
	r.wantReadTo(true)
}

// scanWithoutReading lets the follower look at the files and take one block.
func (r *rig) scanWithoutReading() {
	r.pass(3 * time.Second)
	r.f.scan(context.Background(), r.f.clock())
}

func TestTruncatedAndRegrown(t *testing.T) {
	for _, down := range []bool{false, true} {
		r := follow(t)
		r.write(50)
		r.scan()
		if down {
			r.kill()
		}
		if err := os.Truncate(r.path("access.log"), 0); err != nil {
			t.Fatal(err)
		}
		r.write(200) // past the old offset before anybody looks
		r.settle()
		r.check()
	}
}

func TestTruncatedToPrefix(t *testing.T) {
	for _, down := range []bool{false, true} {
		r := follow(t)
		r.write(50)
		r.scan()
		if down {
			r.kill()
		}
		b := r.read("access.log")
		if err := os.Truncate(r.path("access.log"), int64(len(b)*2/3)); err != nil {
			t.Fatal(err)
		}
		r.settle()
		r.check()
		r.wantEvent("log lost its end")
		// The cut line is gone as a line, what follows it is one.
		fragment := r.read("access.log")
		fragment = fragment[strings.LastIndexByte(string(fragment), '\n')+1:]
		r.append("\n")
		r.want = append(r.want, string(fragment))
		r.write(5)
		r.settle()
		r.check()
	}
}

func TestEmptiedByHand(t *testing.T) {
	r := follow(t)
	r.write(50)
	r.scan()
	if err := os.Truncate(r.path("access.log"), 0); err != nil {
		t.Fatal(err)
	}
	r.settle()
	r.write(1)
	r.settle()
	r.check()
}

func TestInodeReused(t *testing.T) {
	for _, tt := range []struct {
		name  string
		birth bool // does the file system tell it?
	}{{"with birth time", true}, {"without birth time", false}} {
		t.Run(tt.name, func(t *testing.T) {
			r := follow(t)
			r.write(50)
			r.scan()
			r.kill()
			r.file.Close()
			r.file = nil
			r.remove("access.log")
			r.write(200)
			st, err := statPath(r.path("access.log"))
			if err != nil {
				t.Fatal(err)
			}
			for id, p := range r.positions {
				if p.Offset > 0 {
					p.Inode = st.ino
					if !tt.birth {
						p.Birth = 0
					}
					r.positions[id] = p
				}
			}
			r.settle()
			r.check()
		})
	}
}

// Two logs that begin alike are two logs.
func TestEqualHeads(t *testing.T) {
	r := follow(t, func(o *Options) { o.Path = filepath.Join(filepath.Dir(o.Path), "*.log") })
	health := strings.Repeat(`127.0.0.1 - - [24/Nov/2026:20:00:00 +0000] "GET /healthz HTTP/1.1" 200 2`+"\n", 40)
	r.put("a.log", []byte(health))
	r.put("b.log", []byte(health))
	for range 80 {
		r.want = append(r.want, health[:strings.IndexByte(health, '\n')])
	}
	r.settle()
	r.check()
	r.open("b.log")
	r.write(3)
	r.rename("b.log", "b.log.1")
	r.rename("a.log", "a.log.1")
	r.settle()
	r.kill()
	r.settle()
	r.check()
}

func TestSymbolicLink(t *testing.T) {
	r := follow(t)
	for _, dir := range []string{"pod-a", "pod-b"} {
		if err := os.Mkdir(r.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	link := func(target string) {
		t.Helper()
		if err := os.Symlink(r.path(target), r.path("tmp")); err != nil {
			t.Fatal(err)
		}
		r.rename("tmp", "access.log")
	}
	link("pod-a/0.log") // leads nowhere yet
	r.scan()
	r.open("pod-a/0.log")
	r.write(5)
	r.settle()
	r.check()
	r.rename("pod-a/0.log", "pod-a/0.log.20261124-201500")
	r.write(2)
	r.scan() // the link leads nowhere for a moment
	r.open("pod-a/0.log")
	r.write(3)
	r.settle()
	r.check()
	// The link leads elsewhere; the old log still grows.
	link("pod-b/0.log")
	r.write(4)
	old := r.file
	r.file = nil
	r.open("pod-b/0.log")
	r.write(6)
	r.settle()
	r.check()
	// The same while the follower is down.
	r.kill()
	if _, err := old.WriteString("last of a\n"); err != nil {
		t.Fatal(err)
	}
	old.Close()
	r.want = append(r.want, "last of a")
	r.settle()
	r.check()
}

// A file with two names in the pattern is one file.
func TestHardLink(t *testing.T) {
	r := follow(t, func(o *Options) { o.Path = filepath.Join(filepath.Dir(o.Path), "*.log") })
	r.write(5)
	if err := os.Link(r.path("access.log"), r.path("other.log")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(r.path("access.log"), r.path("third.log")); err != nil {
		t.Fatal(err)
	}
	r.settle()
	r.write(5)
	r.settle()
	r.remove("access.log")
	r.write(5)
	r.settle()
	r.check()
}

func TestPatternMatchesRotated(t *testing.T) {
	r := follow(t, func(o *Options) { o.Path += "*" })
	r.write(5)
	r.scan()
	r.kill()
	r.write(5)
	r.rename("access.log", "access.log.1")
	r.gzip("access.log.1")
	r.reopen("access.log")
	r.write(5)
	r.settle()
	r.rename("access.log", "access.log.2")
	r.settle() // no live log at all
	r.check()
	r.wantReadTo(true)
}

func TestHalfLine(t *testing.T) {
	r := follow(t)
	r.write(2)
	r.append("half a ")
	r.scan()
	r.check()
	r.wantReadTo(true)
	r.append("line")
	r.scan()
	r.kill()
	r.scan()
	r.append("\nand more")
	r.scan()
	r.want = append(r.want, "half a line")
	r.check()
}

// A line whose writer died isn't counted, unless it is completed after all.
func TestLineNeverFinished(t *testing.T) {
	r := follow(t)
	r.write(2)
	r.append("torn by a kil")
	r.scan()
	r.remove("access.log")
	r.scan()
	r.pass(2 * deletedFor)
	r.scan()
	r.check()
	r.wantEvent("line was never finished")
	if n := r.f.Stats().Torn; n != 1 {
		t.Errorf("%d torn lines; want 1", n)
	}
}

// What a full disk leaves is glued to the next line: the parser will refuse
// it, so it comes as one line.
func TestFullDiskOfTheProxy(t *testing.T) {
	r := follow(t)
	r.append(`10.0.0.1 - - [24/Nov/2026:20:0`)
	r.append("10.0.0.2 - - whole\n")
	r.want = append(r.want, `10.0.0.1 - - [24/Nov/2026:20:010.0.0.2 - - whole`)
	r.scan()
	r.check()
}

func TestCarriageReturns(t *testing.T) {
	r := follow(t)
	r.append("one\r\ntwo\r")
	r.scan()
	r.append("\nthree\n\n")
	r.scan()
	r.want = []string{"one\r", "two\r", "three", ""}
	r.check()
	for _, p := range r.positions {
		if !isMarker(&p) && p.Offset != int64(len("one\r\ntwo\r\nthree\n\n")) {
			t.Errorf("offset %d isn't in bytes of the file", p.Offset)
		}
	}
}

func TestHoles(t *testing.T) {
	t.Run("sparse", func(t *testing.T) {
		r := follow(t)
		r.write(30)
		r.scan()
		// copytruncate under a writer that doesn't append.
		if err := os.Truncate(r.path("access.log"), 0); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(r.path("access.log"), 64<<20); err != nil {
			t.Fatal(err)
		}
		r.scan()
		r.write(5)
		r.settle()
		r.check()
		r.wantEvent("hole of zero bytes")
		r.wantReadTo(true)
		r.kill()
		r.write(5)
		r.settle()
		r.check()
	})
	t.Run("zeros at the end", func(t *testing.T) {
		r := follow(t)
		r.write(5)
		r.append("torn by a power cut" + strings.Repeat("\x00", 3000))
		r.settle()
		r.check()
		r.write(5)
		r.settle()
		r.check()
		r.wantEvent("line was never finished")
	})
	t.Run("zeros in a line", func(t *testing.T) {
		r := follow(t)
		r.append("a \x00\x00\x00 b\n")
		r.want = append(r.want, "a \x00\x00\x00 b")
		r.scan()
		r.check()
	})
}

func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	r := follow(t)
	r.write(1)
	r.append(long + "\n")
	r.want = append(r.want, long)
	r.write(1)
	r.append(long + "x\n")
	r.write(1)
	r.append(strings.Repeat("y", 5<<20) + "\n")
	r.write(1)
	r.settle()
	r.check()
	if r.tooLong != 2 {
		t.Errorf("%d lines too long; want 2", r.tooLong)
	}
}

// A long line that comes in pieces is counted once, also when the follower is
// killed while it skips it.
func TestLongLineInPieces(t *testing.T) {
	r := follow(t)
	r.write(1)
	for range 5 {
		r.append(strings.Repeat("z", 700<<10))
		r.scan()
	}
	r.kill()
	r.scan()
	if r.tooLong != 0 {
		t.Errorf("%d lines too long before the end of the line", r.tooLong)
	}
	r.append("\n")
	r.write(3)
	r.settle()
	r.kill()
	r.settle()
	r.check()
	if r.tooLong != 1 {
		t.Errorf("%d lines too long; want 1", r.tooLong)
	}
}

func TestDeletedUnread(t *testing.T) {
	r := follow(t)
	r.write(1)
	r.scan()
	r.write(10_000)
	r.remove("access.log")
	r.scan()
	r.check()
	r.scan()
	if s := r.f.Stats(); s.Deleted != 1 || s.Open != 1 {
		t.Errorf("%d deleted files of %d open; want the one", s.Deleted, s.Open)
	}
	r.write(5) // still open in nginx
	r.scan()
	r.check()
	for range 3 {
		r.pass(deletedFor)
		r.scan()
	}
	if s := r.f.Stats(); s.Open != 0 {
		t.Errorf("%d files open; want the deleted one released", s.Open)
	}
}

// asNobody runs do without the rights of root, in this thread.
func asNobody(t *testing.T, do func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, to take rights away from itself")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := syscall.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setfsuid(0); err != nil {
			t.Fatal(err)
		}
	}()
	do()
}

// public lets nobody pass to the rig's directory.
func (r *rig) public() {
	r.t.Helper()
	for _, dir := range []string{r.dir, filepath.Dir(r.dir)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			r.t.Fatal(err)
		}
	}
}

func TestPermissionLost(t *testing.T) {
	r := follow(t)
	r.public()
	r.write(5)
	r.scan()
	chmod := func(name string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(r.path(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	defer chmod(".", 0o755)
	chmod("access.log", 0)
	chmod(".", 0)
	r.write(5) // the open file goes on
	asNobody(t, r.scan)
	r.check()
	r.wantEvent("log can't be read")

	chmod(".", 0o755)
	r.rename("access.log", "access.log.1")
	r.reopen("access.log")
	r.write(5)
	chmod("access.log", 0)
	asNobody(t, r.settle) // a new file that can't be opened is no end of the log
	r.wantReadTo(false)
	if len(r.got) != 10 {
		t.Fatalf("%d lines; want 10", len(r.got))
	}
	r.kill()
	asNobody(t, r.settle) // nor is one that is known
	chmod("access.log", 0o644)
	chmod("access.log.1", 0o644)
	asNobody(t, r.settle)
	r.check()
	r.wantReadTo(true)
}

// The first look at a log that can't be read decides what is old and what new.
func TestUnreadableAtFirst(t *testing.T) {
	r := newRig(t, func(o *Options) { o.FromStart = false })
	r.public()
	r.write(5)
	r.append("begun before")
	r.want = nil
	if err := os.Chmod(r.path("access.log"), 0); err != nil {
		t.Fatal(err)
	}
	asNobody(t, r.settle)
	r.append(", ended after\n")
	r.want = append(r.want, "begun before, ended after")
	r.write(4)
	r.kill()
	if err := os.Chmod(r.path("access.log"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.settle()
	r.check()
}

func TestNotYetThere(t *testing.T) {
	for _, start := range []bool{true, false} {
		r := newRig(t, func(o *Options) {
			o.Path = filepath.Join(filepath.Dir(o.Path), "nginx", "access.log")
			o.FromStart = start
		})
		r.settle()
		r.wantReadTo(true)
		r.kill() // it was absent when the source was started, not unknown
		if err := os.Mkdir(r.path("nginx"), 0o755); err != nil {
			t.Fatal(err)
		}
		r.settle()
		r.open("nginx/access.log")
		r.write(5)
		r.settle()
		r.check()
	}
}

func TestFirstLook(t *testing.T) {
	for _, tt := range []struct {
		name      string
		fromStart bool
	}{{"end", false}, {"beginning", true}} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, func(o *Options) { o.FromStart = tt.fromStart })
			r.write(5)
			r.rename("access.log", "access.log.1")
			r.gzip("access.log.1")
			r.rename("access.log.1.gz", "access.log.2.gz")
			r.reopen("access.log")
			r.write(5)
			r.rename("access.log", "access.log.1")
			r.want = nil
			r.reopen("access.log")
			r.write(2000)
			if !tt.fromStart {
				r.want = nil
			}
			r.append("begun before")
			r.settle()
			r.check()
			r.append(", ended after\n")
			r.want = append(r.want, "begun before, ended after")
			r.write(5)
			r.settle()
			r.check()
			// Nothing of it turns up as new later.
			r.kill()
			r.gzip("access.log.1")
			r.rename("access.log.1.gz", "access.log.3.gz")
			r.put("copy", r.read("access.log.2.gz"))
			r.remove("access.log.2.gz")
			r.rename("copy", "access.log.2.gz")
			r.settle()
			r.write(5)
			r.settle()
			r.check()
			r.wantReadTo(true)
		})
	}
}

// A path that is configured later is seen for the first time then.
func TestPathChanged(t *testing.T) {
	r := newRig(t, func(o *Options) { o.FromStart = false })
	r.settle()
	r.write(5)
	r.settle()
	r.check()
	r.kill()
	r.put("other.log", []byte("old\nold\n"))
	r.options.Path = r.path("*.log")
	r.write(5) // in a log that is known already
	r.settle()
	r.check()
	r.open("other.log")
	r.write(5)
	r.settle()
	r.check()
}

// A neighbour whose name only begins alike is another log.
func TestNeighbours(t *testing.T) {
	r := follow(t)
	r.write(5)
	r.put("access.log.debug", []byte("debug\n"))
	r.put("access.log-json", []byte("{}\n"))
	r.put("access.logs", []byte("no\n"))
	r.put("access_other.log", []byte("no\n"))
	r.put("error.log", []byte("no\n"))
	if err := os.Mkdir(r.path("access.log.9"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.settle()
	r.check()
	r.kill() // but it is a name under which a known log may lie
	r.rename("access.log", "access.log.old")
	r.write(5)
	r.reopen("access.log")
	r.write(5)
	r.settle()
	r.check()
	r.wantReadTo(true)
}

func TestPowerLoss(t *testing.T) {
	t.Run("shorter", func(t *testing.T) {
		r := follow(t)
		r.write(1000)
		r.scan()
		r.kill()
		b := r.read("access.log")
		if err := os.Truncate(r.path("access.log"), int64(len(b)-6000)); err != nil {
			t.Fatal(err)
		}
		r.settle() // before nginx writes again
		fragment := r.read("access.log")
		fragment = fragment[strings.LastIndexByte(string(fragment), '\n')+1:]
		r.append("\n")
		r.want = append(r.want, string(fragment))
		r.write(100)
		r.settle()
		r.check()
		r.wantEvent("log lost its end")
	})
	t.Run("grown again", func(t *testing.T) {
		r := follow(t)
		for range 20 {
			r.write(50)
			r.scan()
		}
		r.kill()
		lines := slices.Clone(r.want)
		var kept int64
		for _, l := range lines[:len(lines)-120] {
			kept += int64(len(l)) + 1
		}
		if err := os.Truncate(r.path("access.log"), kept); err != nil {
			t.Fatal(err)
		}
		r.write(300)
		r.settle()
		times := map[string]int{}
		for _, l := range r.got {
			times[l]++
		}
		twice := 0
		for _, l := range r.want {
			switch times[l] {
			case 0:
				t.Fatalf("lost %q", l)
			case 2:
				twice++
			}
		}
		// One commit's worth at most, not the whole file.
		if twice > 50 {
			t.Errorf("%d lines counted twice; want 50 at most", twice)
		}
		r.wantEvent("log lost its end and has grown again")
	})
}

func TestManyFiles(t *testing.T) {
	t.Parallel()
	r := follow(t, func(o *Options) { o.Path = filepath.Join(filepath.Dir(o.Path), "*.log") })
	const files = 300
	write := func() {
		t.Helper()
		for i := range files {
			r.open("vhost-" + string(rune('a'+i/26)) + string(rune('a'+i%26)) + ".log")
			r.write(1)
		}
	}
	r.kill()
	r.start()
	r.f.maxOpen = 20
	for range 3 {
		write()
		for range 40 {
			r.scan()
			if n := len(r.f.files); n > 20 {
				t.Fatalf("%d files open; want 20 at most", n)
			}
		}
		r.check()
		r.wantReadTo(true)
	}
}

func TestCancelled(t *testing.T) {
	r := follow(t)
	r.write(5)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r.pass(time.Minute)
	if b, err := r.f.Next(ctx, time.Hour); err != nil || len(b.Lines) > 0 {
		t.Fatalf("got %q, %v; want nothing after the end of the context", b.Lines, err)
	}
	r.settle()
	r.check()
	r.f.Close()
	if err := r.f.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, err := r.f.Next(context.Background(), 0); err == nil {
		t.Error("Next after Close has no error")
	}
	r.f = nil
}

func TestDeviceChanged(t *testing.T) {
	r := follow(t)
	r.write(50)
	r.scan()
	r.kill()
	for id, p := range r.positions {
		p.Device += 77
		r.positions[id] = p
	}
	r.write(5)
	r.settle()
	r.check()
}

func TestCompressedLog(t *testing.T) {
	r := follow(t)
	r.put("access.log", compress(t, []byte("line\n")))
	r.settle()
	r.check()
	r.wantEvent("compressed while it is written")
	r.wantReadTo(false)
}

func TestNotAFile(t *testing.T) {
	r := follow(t)
	if err := unix.Mkfifo(r.path("access.log"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.settle()
	r.wantEvent("not a regular file")
	r.wantReadTo(false)
}

// Envoy flushes every 16 KiB, in the middle of a line.
func TestSlices(t *testing.T) {
	r := follow(t)
	var text strings.Builder
	for range 2000 {
		l := r.line()
		r.want = append(r.want, l)
		text.WriteString(l + "\n")
	}
	for rest := text.String(); rest != ""; {
		n := min(16<<10, len(rest))
		r.append(rest[:n])
		rest = rest[n:]
		r.scan()
	}
	r.check()
}

// What isn't read for long waits in the files.
func TestNotReadForLong(t *testing.T) {
	r := follow(t)
	r.write(10)
	r.scan()
	for i := range 8 { // the store's disk is full meanwhile
		r.write(100)
		r.rename("access.log", "access.log."+string(rune('8'-i)))
		r.reopen("access.log")
	}
	r.write(1)
	r.settle()
	r.check()
	if len(slices.Collect(maps.Keys(r.positions))) < 10 {
		t.Errorf("%d positions; want one for each log", len(r.positions))
	}
}

// A log that is moved out of the directory is read on, for a while.
func TestMovedAway(t *testing.T) {
	r := follow(t)
	r.write(5)
	r.scan()
	elsewhere := t.TempDir()
	if err := os.Rename(r.path("access.log"), filepath.Join(elsewhere, "x")); err != nil {
		t.Fatal(err)
	}
	r.write(5)
	r.settle()
	r.check()
	r.pass(2 * movedFor)
	r.settle()
	r.wantEvent("moved out of its directory")
	if n := len(r.f.files); n != 0 {
		t.Errorf("%d files open; want 0", n)
	}
}

// The state doesn't grow with the number of rotations.
func TestForgotten(t *testing.T) {
	var positions []agent.Position
	for i := range maxForgotten + 10 {
		positions = append(positions, agent.Position{
			ID: uint64(i + 1), Path: "/gone/access.log", Inode: uint64(1e9 + i), Birth: int64(1000 - i),
			Offset: 5, Head: []byte("gone\n"), Mark: []byte("gone\n"), Done: true,
		})
	}
	r := newRig(t)
	for _, p := range positions {
		r.positions[p.ID] = p
	}
	r.scan()
	r.scan()
	before := len(r.positions)
	r.write(3)
	r.settle()
	r.check()
	if len(r.positions) != before {
		t.Errorf("%d positions, %d before; want the oldest one's place taken", len(r.positions), before)
	}
	if p := r.positions[maxForgotten+10]; p.Path == "/gone/access.log" {
		t.Errorf("position %d, the oldest, is still there", p.ID)
	}
}

// An archive of an empty log begins like every log, and is none of them.
func TestEmptyArchive(t *testing.T) {
	r := follow(t)
	r.write(50)
	r.scan()
	r.kill()
	r.write(20)
	b := r.read("access.log")
	r.remove("access.log")
	r.reopen("access.log")
	r.put("access.log.2.gz", compress(t, nil))
	r.settle()
	r.put("access.log.3.gz", compress(t, b))
	r.settle()
	r.check()
}

// The first bytes of a line are in many lines: they don't make a log of which
// nothing was read yet the original of one that was rotated before it.
func TestHalfLineBesideRotated(t *testing.T) {
	r := follow(t)
	r.write(100)
	r.rename("access.log", "access.log.1")
	r.reopen("access.log")
	r.append("10.0")
	r.settle()
	r.check()
	r.wantReadTo(true)
}

// A copy of a log of which nothing was read yet isn't read as well.
func TestCopyOfUnread(t *testing.T) {
	for _, archive := range []bool{false, true} {
		r := follow(t)
		r.open("access.log")
		r.scan()
		r.write(100)
		if b := r.read("access.log"); archive {
			r.put("access.log.1.gz", compress(t, b))
		} else {
			r.put("access.log.1", b)
		}
		r.settle()
		r.check()
		r.wantReadTo(true)
	}
}

// A log that was truncated and has grown past the offset, whose old content is
// in an archive that is found by the same scan.
func TestTruncatedAndArchived(t *testing.T) {
	r := follow(t)
	r.write(50)
	r.scan()
	r.write(20)
	r.put("access.log.1.gz", compress(t, r.read("access.log")))
	if err := os.Truncate(r.path("access.log"), 0); err != nil {
		t.Fatal(err)
	}
	r.write(200)
	r.scan()
	r.check()
	r.wantReadTo(true)
}

// A log is replaced by a copy, which is rotated and compressed before the old
// file, which nginx may still write to, is final.
func TestReplacedByCopy(t *testing.T) {
	r := follow(t)
	r.write(50)
	r.scan()
	r.put("copy", r.read("access.log"))
	r.rename("copy", "access.log")
	r.reopen("access.log")
	r.write(30)
	r.rename("access.log", "access.log.1")
	r.gzip("access.log.1")
	r.reopen("access.log")
	r.scan()
	if len(r.got) != 50 {
		t.Fatalf("%d lines; want 50", len(r.got))
	}
	r.wantReadTo(false)
	r.pass(deletedFor)
	r.settle()
	r.check()
	r.wantReadTo(true)
}
