package checkpoint

import (
	"os"
	"testing"
)

func TestHolder(t *testing.T) {
	if _, err := os.Stat("/proc/locks"); err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	dir := t.TempDir()
	want := func(pid int) {
		t.Helper()
		if got, err := Holder(dir); err != nil || got != pid {
			t.Errorf("got %d, %v, want %d", got, err, pid)
		}
	}
	want(0)
	lock, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	want(os.Getpid())
	if err := unlock(lock); err != nil {
		t.Fatal(err)
	}
	want(0)
}
