package source

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

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

// A log under load that is rotated more often than files are scanned: each one
// is opened by the next poll, before gzip can delete it with what it missed.
func TestRotatedBetweenScans(t *testing.T) {
	r := follow(t)
	write := func() {
		t.Helper()
		r.write(3)
		at := r.f.clock() // for the follower it was written now
		if err := os.Chtimes(r.file.Name(), at, at); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	write()
	r.scan()
	write()
	r.pass(scanEvery + pollEvery)
	for r.next() {
	}
	scans := r.f.scans
	for i := range 5 {
		name := "access.log." + string(rune('9'-i))
		r.rename("access.log", name)
		b := r.read(name)
		r.put(name+".gz", compress(t, b))
		r.write(3) // gzip misses them
		r.remove(name)
		r.reopen("access.log")
		write()
		r.f.rested = time.Time{} // however long a scan takes here
		r.pass(3 * pollEvery / 2)
		for range 3 {
			r.next()
		}
	}
	r.commit()
	r.check()
	if n := r.f.scans - scans; n > 10 {
		t.Errorf("%d scans for 5 rotations", n)
	}
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
