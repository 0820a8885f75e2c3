package source

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// answer is what judging a known file came to.
type answer int

const (
	foreign answer = iota // the file holds something else now
	goOn                  // the stream goes on in it, at its position
	notYet                // it can't be told before the file has grown
)

// judge compares a file with the stream that was last read from it, and moves
// the stream's position back when the file has lost its end.
func (f *Follower) judge(s *stream, fd int, path string, size int64) (answer, error) {
	p := &s.pos
	if p.Offset > 0 && len(p.Head) == 0 {
		// The position was taken when the file couldn't be read.
		if size < p.Offset {
			return foreign, nil
		}
		end, err := lastLine(fd, p.Offset)
		if err != nil {
			return notYet, err
		}
		return goOn, s.jump(plain(fd), end)
	}
	v, place, err := compare(p, plain(fd))
	if err != nil {
		return notYet, err
	}
	switch v {
	case same:
		return goOn, nil
	case shorter:
		if size == 0 {
			return foreign, nil
		}
		end, err := lastLine(fd, size)
		if err != nil || end == 0 {
			return notYet, err
		}
		f.events.lostTail(path, p.Offset, end)
		return goOn, s.jump(plain(fd), end)
	case rewound:
		f.events.rewoundLog(path, p.Offset, place)
		return goOn, s.jump(plain(fd), place)
	}
	return foreign, nil
}

// resume goes on with a stream in the file that its position names. It reports
// whether the file is dealt with; if not, it holds something else.
func (f *Follower) resume(ctx context.Context, s *stream, e *entry, now time.Time) bool {
	if f.sighted(e) {
		return true
	}
	fd, st, ok := f.open(e)
	if !ok {
		return true
	}
	if f.isArchive(fd) {
		return f.takeArchive(ctx, s, e, fd, st, now)
	}
	a, err := f.judge(s, fd, e.path, st.size)
	switch {
	case err != nil:
		f.unreadable(e, err)
	case a == notYet:
		f.hold = true
	case a == foreign:
		unix.Close(fd)
		return false
	case s.pos.Done:
		s.resting = e.stat
	default:
		f.attach(s, e, fd, st, now)
		return true
	}
	unix.Close(fd)
	return true
}

// open opens a file of which entry tells. When it can't be opened now, or is
// another one already, the next scan looks again.
func (f *Follower) open(e *entry) (int, stat, bool) {
	if len(f.files) >= f.maxOpen && !f.evict() {
		f.hold = true
		return -1, stat{}, false
	}
	fd, st, err := open(e.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.hold = true
		return -1, stat{}, false
	case err != nil:
		f.unreadable(e, err)
		return -1, stat{}, false
	case !st.same(e.stat):
		unix.Close(fd)
		f.hold = true
		return -1, stat{}, false
	}
	return fd, st, true
}

// replaced decides what became of an open file whose content before the offset
// isn't what was counted.
func (f *Follower) replaced(r *file, now time.Time) error {
	st, err := statFd(r.fd)
	if err != nil {
		return err
	}
	s := r.stream
	a, err := f.judge(s, r.fd, r.path, st.size)
	if err != nil {
		return err
	}
	r.skipped = 0
	switch a {
	case goOn:
		r.end = s.pos.Offset
	case notYet:
		r.due, r.behind = false, true
	case foreign:
		f.events.truncatedLog(r.path, s.pos.Offset, st.size)
		s.detach()
		f.epoch++
		n := f.newStream()
		n.file, n.seen = r, f.scans
		n.lives(r.path, st)
		r.stream, r.end, r.grew = n, 0, now
	}
	return nil
}

// identify decides what a file is that no position names.
func (f *Follower) identify(ctx context.Context, e *entry, now time.Time) {
	if f.sighted(e) {
		return
	}
	if e.stat.size == 0 && (e.kind != live || e.compressed()) {
		return // a copy or an archive that is about to be written
	}
	fd, st, ok := f.open(e)
	if !ok {
		return
	}
	if f.isArchive(fd) {
		f.identifyArchive(ctx, e, fd, st, now)
		return
	}
	if e.compressed() {
		unix.Close(fd)
		f.unreadableArchive(e)
		return
	}
	if copied, err := f.copyOfUnread(e, plain(fd), st.size); err != nil || copied {
		unix.Close(fd)
		f.hold = true
		return
	}
	var head [headLen]byte
	n, err := plain(fd).at(head[:], 0)
	if err != nil {
		unix.Close(fd)
		f.unreadable(e, err)
		return
	}
	for _, s := range slices.Backward(f.streams) {
		h := s.pos.Head
		if len(h) == 0 || !bytes.Equal(h[:min(n, len(h))], head[:min(n, len(h))]) || !s.in(e.family) {
			continue // most are told apart without a look at the file
		}
		v, place, err := compare(&s.pos, plain(fd))
		if err != nil {
			unix.Close(fd)
			f.unreadable(e, err)
			return
		}
		onDisk := s.seen == f.scans
		if v == differs || onDisk && e.kind == live {
			// While the original is on disk, what has the log's name is what
			// nginx opened after the rotation, not a copy.
			continue
		}
		if v == shorter || s.pos.Done {
			// Everything in it was counted elsewhere.
			unix.Close(fd)
			f.sight(e, s)
			return
		}
		if onDisk || s.file != nil {
			// A copy of a log that is still being read from its original. It
			// isn't needed unless that is truncated before it was read.
			end, err := lastLine(fd, st.size)
			f.hold = f.hold || err != nil || end > s.pos.Offset
			unix.Close(fd)
			return
		}
		if v == rewound {
			f.events.rewoundLog(e.path, s.pos.Offset, place)
			if err := s.jump(plain(fd), place); err != nil {
				unix.Close(fd)
				f.unreadable(e, err)
				return
			}
		}
		f.attach(s, e, fd, st, now)
		return
	}
	if e.kind == sibling {
		unix.Close(fd)
		f.sight(e, nil)
		return
	}
	f.attach(f.newStream(), e, fd, st, now)
}

// copyOfUnread reports whether c, of the given size, may be a copy of an open
// file of the same family of which nothing was returned yet. What c is can be
// told only later then.
func (f *Follower) copyOfUnread(e *entry, c content, size int64) (bool, error) {
	var a, b [headLen]byte
	n, err := c.at(a[:], 0)
	if err != nil {
		return false, err
	}
	for _, r := range f.files {
		if r.stream.pos.Offset > 0 || r.archive != nil || !r.stream.in(e.family) {
			continue
		}
		m, err := plain(r.fd).at(b[:], 0)
		if err != nil {
			return false, err
		}
		// The first bytes of a line are in many lines. But a copy isn't
		// longer than its original while that has its name.
		k := min(n, m)
		if k > 0 && bytes.Equal(a[:k], b[:k]) && (k == headLen || size <= r.st.size || r.st.links == 0) {
			return true, nil
		}
	}
	return false, nil
}

// baseline records a file that was there before the source's path was looked
// at for the first time. Only what comes after its present end is read.
func (f *Follower) baseline(e *entry, now time.Time) {
	if e.kind == sibling {
		return
	}
	fd, st, err := open(e.path)
	if err == nil && e.kind == live && f.isArchive(fd) {
		unix.Close(fd)
		f.events.compressedLog(e.path)
		f.hold = true
		return
	}
	s := f.newStream()
	s.lives(e.path, e.stat)
	switch {
	case err != nil:
	case e.kind == live && f.fromStart:
		f.attach(s, e, fd, st, now)
		return
	case e.compressed() || f.isArchive(fd):
		if err := s.glance(fd); err != nil {
			f.events.badArchive(e.path, err)
		}
		s.finish(f.now())
		unix.Close(fd)
		return
	default:
		var end int64
		end, err = lastLine(fd, st.size)
		if err == nil {
			err = s.jump(plain(fd), end)
		}
		if err == nil {
			f.attach(s, e, fd, st, now)
			return
		}
		unix.Close(fd)
	}
	// What is in it now can't be seen, but it isn't to be counted later.
	f.unreadable(e, err)
	s.pos.Offset = e.stat.size
	if e.compressed() {
		s.finish(f.now())
	}
}

// fileKey names a file while it exists.
type fileKey struct {
	dev, ino uint64
	birth    int64
}

func keyOf(s stat) fileKey { return fileKey{s.dev, s.ino, s.birth} }

// sighting is a file of which nothing is to be read, as it was when that was
// decided.
type sighting struct {
	stat  stat
	epoch int
	of    *stream // the one that has the file's content, if any
}

// sight remembers that nothing is to be read from a file as it is now, because
// its content is that of a stream, or nobody's.
func (f *Follower) sight(e *entry, of *stream) { f.seen[keyOf(e.stat)] = sighting{e.stat, f.epoch, of} }

// sighted reports whether that was decided, and still holds.
func (f *Follower) sighted(e *entry) bool {
	seen, ok := f.seen[keyOf(e.stat)]
	return ok && seen.stat == e.stat && seen.epoch == f.epoch
}
