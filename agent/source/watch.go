package source

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nxadm/tail/watch"
	"gopkg.in/tomb.v1"
)

// Idle logs are watched, so that a line in one is read at once and not only by
// the next scan. A watch is a hint and nothing is decided from it: polls and
// scans find everything without it. The rules that make it harmless:
//
//   - It is on the descriptor's magic link, so on the inode and not on the
//     name: it survives a rename, and the library, which ends the process when
//     it can't look at a path, can always look at this one.
//   - It is armed only while a file is idle. An armed watch costs two system
//     calls for each write, which is more than all the reading.
//   - It ends with its first event and before its descriptor is closed, and
//     none begins under the same name before the library has forgotten it.
//   - The library is called by goroutines of its own only.
type hint struct {
	tomb tomb.Tomb
	// These are set by the watching goroutine. The library knows watches by
	// name only: another on the same descriptor may begin when this is over.
	armed, fired, over atomic.Bool
}

// maxHints bounds how many files of a source are watched at once.
const maxHints = 128

// listen watches the live files that are idle.
func (f *Follower) listen(now time.Time) {
	hints := 0
	for _, r := range f.files {
		hints += count(r.hint != nil)
	}
	for _, r := range f.files {
		if hints >= maxHints || f.deaf {
			return
		}
		if r.hint != nil || r.last != nil && !r.last.over.Load() || r.kind != live || r.archive != nil || r.due || r.stuck ||
			now.Sub(r.grew) < busyFor || now.Sub(r.heard) < busyFor {
			continue
		}
		if f.deaf = !f.canWatch(); f.deaf {
			return
		}
		hints++
		h := &hint{}
		r.hint = h
		name, size := fmt.Sprintf("/proc/self/fd/%d", r.fd), r.end
		f.listening.Go(func() { h.listen(name, size, f.ring) })
	}
}

// listen watches a file until something happens to it or the tomb is killed.
func (h *hint) listen(name string, size int64, ring func()) {
	defer h.over.Store(true)
	changes, err := watch.NewInotifyFileWatcher(name).ChangeEvents(&h.tomb, size)
	if err != nil {
		return
	}
	// What came before the watch was there is found by one more look.
	h.armed.Store(true)
	ring()
	select {
	case <-changes.Modified:
	case <-changes.Truncated:
	case <-changes.Deleted:
	case <-h.tomb.Dying():
	}
	h.fired.Store(h.tomb.Err() == tomb.ErrStillAlive)
	ring()
	h.tomb.Kill(nil)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		if watch.Events(name) == nil {
			return
		}
		<-tick.C
	}
}

// ring wakes the follower.
func (f *Follower) ring() {
	select {
	case f.bell <- struct{}{}:
	default:
	}
}

// heard looks at the files whose watch has something to tell.
func (f *Follower) heard(now time.Time) {
	for _, r := range f.files {
		h := r.hint
		if h == nil {
			continue
		}
		fired := h.fired.Load()
		if !fired && !h.armed.CompareAndSwap(true, false) {
			continue
		}
		f.lookAt(r, now)
		if fired {
			r.unwatch(now)
			if !r.due {
				f.hurry(now) // a rename, perhaps
			}
		}
	}
	f.pace(now)
}

// unwatch ends a file's watch.
func (r *file) unwatch(now time.Time) {
	if r.hint != nil {
		r.hint.tomb.Kill(nil)
		r.last, r.hint = r.hint, nil
		r.heard = now
	}
}
