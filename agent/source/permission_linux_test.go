package source

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

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
