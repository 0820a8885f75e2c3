package source

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
)

const day = 24 * time.Hour

// aged is a rig whose wall clock goes as fast as its patience.
func aged(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.options.Now = func() time.Time { return time.Now().Add(r.skew) }
	r.scan()
	return r
}

// days lets days go by, with a few looks on each.
func (r *rig) days(n int) {
	r.t.Helper()
	for range n {
		r.pass(day / 2)
		r.scan()
		r.pass(day / 2)
		r.scan()
	}
}

// A rotated log that is gone is remembered for as long as its lines could be
// billed, plain or compressed, and across restarts; then its position goes.
func TestForgotten(t *testing.T) {
	for _, name := range []string{"access.log.1", "access.log.1.gz"} {
		t.Run(name, func(t *testing.T) {
			r := aged(t)
			r.write(50)
			r.scan()
			r.rename("access.log", "access.log.1")
			if filepath.Ext(name) == ".gz" {
				r.gzip("access.log.1")
			}
			r.reopen("access.log")
			r.write(5)
			r.settle()
			backup := r.read(name)
			r.remove(name)
			r.days(2)
			r.kill()
			r.days(36)
			r.put(name, backup)
			r.days(1)
			r.check()
			r.remove(name)
			if len(r.positions) != 3 {
				t.Errorf("%d positions after 39 days; want the marker, the log and what is gone", len(r.positions))
			}
			r.kill()
			// A plain file came back and was missed anew.
			r.days(43)
			r.check()
			if len(r.positions) != 2 {
				t.Errorf("%d positions in the end; want the marker and the log", len(r.positions))
			}
		})
	}
}

// What is still on disk is remembered, however old: itself, or a copy of it.
func TestNotForgottenWhileThere(t *testing.T) {
	r := aged(t)
	for i := range 3 {
		r.write(50)
		r.scan()
		name := fmt.Sprint("access.log.", 3-i)
		r.rename("access.log", name)
		if i > 0 {
			r.settle()
			r.gzip(name)
		}
		r.reopen("access.log")
		r.settle()
	}
	r.put("copy", r.read("access.log.2.gz")) // restored: another inode
	r.remove("access.log.2.gz")
	r.rename("copy", "access.log.2.gz")
	r.put("access.log-20250101", r.read("access.log.3")[:2000]) // the beginning of one
	r.remove("access.log.3")
	r.days(3)
	r.kill()
	r.days(100)
	r.kill()
	r.days(2)
	r.check()
	r.wantReadTo(true)
}

// A log that comes back within the time is read on, and is as it was.
func TestComesBack(t *testing.T) {
	r := aged(t)
	r.write(50)
	r.scan()
	r.rename("access.log", "access.log.1")
	r.reopen("access.log")
	r.days(1) // the old one is closed
	name := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Rename(r.path("access.log.1"), name); err != nil {
		t.Fatal(err)
	}
	r.days(10)
	r.file.Close()
	file, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.file = file
	r.write(3)
	if err := os.Rename(name, r.path("access.log.1")); err != nil {
		t.Fatal(err)
	}
	r.days(60)
	r.kill()
	r.days(2)
	r.check()
	for _, p := range r.positions {
		if p.Finished != 0 && !p.Done {
			t.Errorf("position %d of %s is still said to be gone", p.ID, p.Path)
		}
	}
}

// A volume that isn't mounted at the start is no reason to forget what is on it.
func TestVolumeAbsentAtStart(t *testing.T) {
	r := aged(t)
	r.write(50)
	r.rename("access.log", "access.log.1")
	r.gzip("access.log.1")
	r.reopen("access.log")
	r.write(5)
	r.settle()
	r.days(50)
	r.kill()
	elsewhere := r.dir + ".unmounted"
	if err := os.Rename(r.dir, elsewhere); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		r.pass(time.Hour)
		r.scan()
	}
	r.wantEvent("log is gone")
	if err := os.Rename(elsewhere, r.dir); err != nil {
		t.Fatal(err)
	}
	r.days(2)
	r.kill()
	r.days(2)
	r.check()
}

// The number of positions is bounded, however often a log is rotated.
func TestManyGone(t *testing.T) {
	r := aged(t)
	now := time.Now()
	for i := range maxGone + 100 {
		r.positions[uint64(i+10)] = agent.Position{
			ID: uint64(i + 10), Path: r.path("access.log.1"), Inode: uint64(1e9 + i),
			Offset: 5, Head: []byte("gone\n"), Mark: []byte("gone\n"), Done: true,
			Finished: now.Add(-time.Duration(i) * time.Minute).Unix(),
		}
	}
	r.kill()
	r.write(3)
	r.scan()
	if n := len(r.positions); n < maxGone+100 {
		t.Errorf("%d positions at once; want all of them: the files may turn up in a moment", n)
	}
	for range 3 {
		r.pass(missedShort)
		r.scan()
	}
	r.check()
	if n := len(r.positions); n != maxGone+2 {
		t.Errorf("%d positions; want %d of those that are gone, the marker and the log", n, maxGone)
	}
	if _, ok := r.positions[10+maxGone+99]; ok {
		t.Error("the oldest is still there")
	}
	if _, ok := r.positions[10]; !ok {
		t.Error("the youngest is forgotten")
	}
	r.kill()
	r.write(3)
	r.scan()
	r.check()
}
