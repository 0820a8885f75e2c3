package source

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

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
