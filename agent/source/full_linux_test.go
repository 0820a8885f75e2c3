package source

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// On a disk that fills up the proxy's writes fail, or stop within a line, whose
// beginning the next line is glued to. Whatever did get into the file is read
// once, in whole lines, also when the log is rotated meanwhile.
func TestLogDiskFull(t *testing.T) {
	r := newRig(t)
	if err := unix.Mount("tmpfs", r.dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("NOT TESTED: a small tmpfs can't be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(r.dir, unix.MNT_DETACH) })
	r.scan()
	r.open("access.log")
	// write is what nginx does: what can't be written is lost, the rest stays.
	var text strings.Builder
	write := func(n int) (failed int) {
		for range n {
			l := r.line() + "\n"
			k, err := r.file.WriteString(l)
			text.WriteString(l[:k])
			if err != nil {
				failed++
			}
			if err != nil && !errors.Is(err, unix.ENOSPC) {
				t.Fatal(err)
			}
		}
		return failed
	}
	cut := 0
	for round := range 4 {
		write(100)
		r.scan()
		var err error
		ballast, cerr := os.Create(r.path("ballast"))
		if cerr != nil {
			t.Fatal(cerr)
		}
		for block := make([]byte, 4<<10); err == nil; {
			_, err = ballast.Write(block)
		}
		ballast.Close()
		if failed := write(300); failed == 0 {
			t.Fatal("no write failed on a full disk")
		}
		if !strings.HasSuffix(text.String(), "\n") {
			cut++
		}
		r.scan()
		if round == 2 {
			r.kill()
		}
		r.remove("ballast")
		write(100) // the first of them is glued to what was begun
		r.rename("access.log", "access.log."+string(rune('9'-round)))
		r.open("access.log")
		r.settle()
	}
	if cut == 0 {
		t.Skip("NOT TESTED: this file system writes a line whole or not at all")
	}
	r.want = strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	r.check()
	r.wantReadTo(true)
	glued := 0
	for _, l := range r.got {
		if strings.Count(l, "GET /v1/things") > 1 || strings.Count(l, " - - [") > 1 {
			glued++
		}
	}
	t.Logf("%d lines, %d of them glued together by a full disk", len(r.got), glued)
}
