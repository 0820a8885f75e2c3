package source

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/logmeter/logmeter/agent"
)

const (
	// deletedFor is how long a deleted log that was read to its end is kept
	// open without growth: nginx may still write to it.
	deletedFor = time.Minute
	// renamedFor is how long a rotated log is kept open without growth. It is
	// opened again if it grows later.
	renamedFor = 10 * time.Minute
	// movedFor is how long a log is kept open whose name nobody knows: it was
	// moved out of the directory.
	movedFor = time.Hour
	// stillGrows is how long after a rename nginx may still write to a log
	// before that is worth a word. Normally it stops within a second.
	stillGrows = time.Minute
)

// entry is a file of a family, found on disk.
type entry struct {
	path   string
	family family
	kind   kind
	stat   stat
}

func (e *entry) compressed() bool { return compressed(e.path) }

// order is the order in which unknown files are looked at. A copy must never
// be taken before its original: files whose inode is known come before all of
// these.
func (e *entry) order() int {
	switch {
	case e.compressed():
		return 2
	case e.kind == live:
		return 0
	}
	return 1
}

// scan looks at every file that may belong to the source, and decides what
// each of them is.
func (f *Follower) scan(ctx context.Context, now time.Time) {
	f.scans++
	f.scanned, f.hold = f.now(), false
	for _, r := range f.files {
		r.behind = true
	}
	entries, complete := f.look()
	unknown := f.recognise(ctx, entries, now)
	if len(unknown) > 0 {
		f.verify(now)
	}
	slices.SortStableFunc(unknown, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.order(), b.order()), cmp.Compare(a.stat.mtime, b.stat.mtime))
	})
	for _, e := range unknown {
		if ctx.Err() != nil {
			f.hold = true
			break
		}
		if f.first && !f.knows(e.family) {
			f.baseline(e, now)
			continue
		}
		f.identify(ctx, e, now)
	}
	if f.first && complete && ctx.Err() == nil {
		f.first = false
		f.marker.pos.Path, f.marker.pos.Done = f.pattern, true
		if f.marker.pos.ID == 0 {
			f.marker.pos.ID = f.newID()
		}
		f.marker.changed = true
	}
	f.retire(now)
	if complete && ctx.Err() == nil {
		f.forget(now)
	}
	for _, r := range f.files {
		if r.archive == nil {
			f.lookAt(r, now)
		}
		if r.stuck {
			r.due = true
		}
		r.behind = r.due
	}
	slices.SortStableFunc(f.files, func(a, b *file) int {
		return cmp.Or(cmp.Compare(b.kind, a.kind), cmp.Compare(a.st.mtime, b.st.mtime))
	})
	took := f.clock().Sub(now)
	f.rested = now.Add(took + min(10*took, scanLatest))
	f.nextScan = now.Add(took + min(max(scanEvery, 100*took), scanLatest))
	f.pace(now)
}

// verify makes sure that every open file still holds what was read from it.
// Only then can another file be told to be a copy or not: what was copied
// before the files were listed is still there, or its stream is detached now.
// Sizes and names are those of now, too.
func (f *Follower) verify(now time.Time) {
	for _, r := range f.files {
		if r.archive != nil {
			continue
		}
		f.lookAt(r, now)
		ok, err := r.intact()
		if err == nil && !ok {
			err = f.replaced(r, now)
		}
		if err != nil {
			f.stuck(r, err)
			f.hold = true
		}
	}
}

// recognise goes on with the streams whose files are known by their inode, and
// returns the files that aren't.
func (f *Follower) recognise(ctx context.Context, entries []*entry, now time.Time) []*entry {
	reading := make(map[fileKey]*stream, len(f.files))
	for _, r := range f.files {
		reading[keyOf(r.st)] = r.stream
	}
	known := make(map[uint64][]*stream, len(f.streams))
	for _, s := range f.streams {
		if s.file == nil && s.pos.Inode != 0 {
			known[s.pos.Inode] = append(known[s.pos.Inode], s)
		}
	}
	var unknown []*entry
	for _, e := range entries {
		if s := reading[keyOf(e.stat)]; s != nil && s.file != nil {
			f.renamed(s, e, now)
			continue
		}
		s := owner(known[e.stat.ino], e.stat)
		if s == nil {
			unknown = append(unknown, e)
			continue
		}
		if s.resting == e.stat || s.pos.Done && s.pos.Birth != 0 {
			s.seen = f.scans
			s.lives(e.path, e.stat)
			continue
		}
		if f.resume(ctx, s, e, now) {
			s.seen = f.scans
			continue
		}
		s.detach()
		unknown = append(unknown, e)
	}
	return unknown
}

// owner returns the one of the streams that was last seen in this file, by
// what the file system says.
func owner(streams []*stream, st stat) *stream {
	var found *stream
	for _, s := range streams {
		if s.file == nil && st.is(&s.pos) && (found == nil || found.pos.Device != st.dev) {
			found = s
		}
	}
	return found
}

// renamed notes the present name of a file that is open.
func (f *Follower) renamed(s *stream, e *entry, now time.Time) {
	r := s.file
	s.seen = f.scans
	s.lives(e.path, e.stat)
	if e.kind != live && r.kind == live {
		r.renamed = now
		f.events.rotatedLog(r.path, e.path)
	}
	r.path, r.kind, r.lost = e.path, e.kind, time.Time{}
}

// retire closes files that nothing is expected from any more, and looks after
// those that have lost their name.
func (f *Follower) retire(now time.Time) {
	for _, r := range slices.Clone(f.files) {
		s := r.stream
		quiet := now.Sub(r.grew)
		drained := !r.due && !r.stuck && r.end == r.st.size
		if r.archive != nil {
			if s.pos.Done {
				s.resting = r.st
				f.drop(r)
			} else if r.stuck {
				f.drop(r) // opened anew by the next scan
			}
			continue
		}
		if s.seen == f.scans {
			if r.kind != live && drained && quiet >= renamedFor {
				s.resting = r.st
				f.drop(r)
			}
			continue
		}
		st, err := statFd(r.fd)
		if err != nil {
			continue
		}
		if r.lost.IsZero() {
			r.lost = now
		}
		if r.kind == live {
			r.kind, r.renamed = rotated, now
		}
		quiet = min(quiet, now.Sub(r.lost))
		switch {
		case !drained || st.size != r.end:
		case st.links == 0 && quiet >= deletedFor:
			if r.end > s.pos.Offset {
				f.events.tornLine(r.path, s.pos.Offset)
			}
			f.drop(r)
			s.detach() // an archive or a copy may still turn up
		case st.links > 0 && quiet >= movedFor:
			f.events.moved(r.path)
			f.drop(r)
		}
	}
}

// evict closes the open file that nothing has been expected from for longest,
// to make room for another. It is opened again when it has changed.
func (f *Follower) evict() bool {
	var oldest *file
	for _, r := range f.files {
		if r.archive == nil && !r.due && !r.stuck && r.st.links > 0 && r.lost.IsZero() && r.end == r.st.size &&
			(oldest == nil || r.grew.Before(oldest.grew)) {
			oldest = r
		}
	}
	if oldest == nil {
		return false
	}
	oldest.stream.resting = oldest.st
	f.drop(oldest)
	return true
}

// drop closes a file; its stream stays.
func (f *Follower) drop(r *file) {
	f.epoch++
	r.close()
	r.stream.file = nil
	f.files = slices.DeleteFunc(f.files, func(o *file) bool { return o == r })
}

// attach makes the stream read from an open file.
func (f *Follower) attach(s *stream, e *entry, fd int, st stat, now time.Time) *file {
	r := &file{stream: s, fd: fd, st: st, path: e.path, kind: e.kind, due: true, behind: true, end: s.pos.Offset, heard: now}
	// A file that wasn't touched for long isn't expected to grow.
	r.grew = now.Add(-max(0, f.clock().Sub(time.Unix(0, st.mtime))))
	if e.kind != live {
		r.renamed = now
	}
	s.file, s.seen = r, f.scans
	s.lives(e.path, st)
	f.epoch++
	f.files = append(f.files, r)
	return r
}

// newStream returns a stream that holds nothing yet.
func (f *Follower) newStream() *stream {
	s := &stream{born: f.scans}
	s.pos = agent.Position{ID: f.newID()}
	f.streams = append(f.streams, s)
	return s
}

// newID returns an ID that no position has or had.
func (f *Follower) newID() uint64 {
	f.lastID++
	return f.lastID
}
