package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sys/unix"
)

const (
	// archiveRests is how long an archive must not have changed before it is
	// looked into: until then something may still be writing to it.
	archiveRests = 2 * time.Second
	// archiveYoung is how long an archive that can't be read yet keeps the
	// source from being read to its end. After that it is damaged.
	archiveYoung = time.Minute
)

// isArchive reports whether an open file is compressed with gzip. A name alone
// says nothing: an archive that is just being made is empty.
func (f *Follower) isArchive(fd int) bool {
	var b [2]byte
	n, err := plain(fd).at(b[:], 0)
	return err == nil && gzipped(b[:n])
}

// unreadableArchive notes a file that has the name of an archive, but isn't
// one that can be read.
func (f *Follower) unreadableArchive(e *entry) {
	switch strings.ToLower(compression(e.path)) {
	case ".gz", ".z":
		f.badArchive(e, errors.New("the file has the name of a compressed file, but isn't gzip"))
	default:
		f.badArchive(e, errors.New("only gzip can be read among compressed files"))
	}
}

// badArchive notes an archive that can't be read as it is.
func (f *Follower) badArchive(e *entry, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		f.hold = true
		return
	}
	if f.clock().Sub(time.Unix(0, e.stat.mtime)) < archiveYoung {
		f.hold = f.hold || e.kind != sibling
		return
	}
	f.events.badArchive(e.path, err)
	f.sight(e, nil)
}

// identifyArchive decides what a compressed file is that no position names. It
// owns fd.
func (f *Follower) identifyArchive(ctx context.Context, e *entry, fd int, st stat, now time.Time) {
	defer func() {
		if fd >= 0 {
			unix.Close(fd)
		}
	}()
	if e.kind == live {
		f.events.compressedLog(e.path)
		f.hold = true
		return
	}
	if f.originalThere(e) {
		return
	}
	if f.clock().Sub(time.Unix(0, st.mtime)) < archiveRests {
		f.hold = f.hold || e.kind != sibling
		return
	}
	a, err := openArchive(fd)
	if err != nil {
		f.badArchive(e, err)
		return
	}
	var head [headLen]byte
	n, err := a.at(head[:], 0)
	if err != nil {
		f.badArchive(e, err)
		return
	}
	if n == 0 {
		f.sight(e, nil) // an archive of an empty log is nobody's
		return
	}
	size, err := trailer(fd, st.size)
	if err != nil {
		f.badArchive(e, err)
		return
	}
	if copied, err := f.copyOfUnread(e, a, int64(size)); err != nil || copied {
		f.hold = true
		return
	}
	for _, s := range slices.Backward(f.streams) {
		h := s.pos.Head
		if len(h) == 0 || !s.in(e.family) || !bytes.Equal(h[:min(n, len(h))], head[:min(n, len(h))]) {
			continue
		}
		if s.file != nil && s.file.st.links == 0 {
			// The original has no name any more, but nginx may still write to
			// it. When it is final, the archive is compared with it.
			f.hold = f.hold || size != uint32(s.pos.Offset)
			return
		}
		if s.file != nil || s.seen == f.scans {
			f.sight(e, s) // a copy of what lies elsewhere on disk
			return
		}
		dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			f.unreadable(e, err)
			return
		}
		if f.takeArchive(ctx, s, e, dup, st, now) {
			return
		}
	}
	if e.kind == sibling {
		f.sight(e, nil)
		return
	}
	err = a.verify(ctx)
	if err == nil {
		err = f.readOn(f.newStream(), e, fd, st, now)
	}
	if err != nil {
		f.badArchive(e, err)
		return
	}
	fd = -1 // the new file's
}

// originalThere reports whether the file that the archive was made of is still
// there under its own name: then gzip is at work, or keeps it.
func (f *Follower) originalThere(e *entry) bool {
	plain := strings.TrimSuffix(e.path, compression(e.path))
	if plain == e.path || filepath.Base(plain) == e.family.base {
		return false
	}
	_, err := statPath(plain)
	return err == nil
}

// takeArchive goes on with a stream whose content is in an archive, and reads
// the part of it that wasn't counted. It reports whether the archive is dealt
// with; if not, it holds something else. It owns fd.
func (f *Follower) takeArchive(ctx context.Context, s *stream, e *entry, fd int, st stat, now time.Time) bool {
	taken, err := f.tryArchive(ctx, s, e, fd, st, now)
	if err != nil {
		f.badArchive(e, err)
		taken = true
	}
	if s.file == nil || s.file.fd != fd {
		unix.Close(fd)
	}
	return taken
}

// tryArchive is takeArchive without what it owns and says.
func (f *Follower) tryArchive(ctx context.Context, s *stream, e *entry, fd int, st stat, now time.Time) (bool, error) {
	p := &s.pos
	counted := func() (bool, error) {
		if !s.pos.Done {
			s.finish(f.now())
		}
		s.lives(e.path, st)
		s.resting, s.seen = e.stat, f.scans
		return true, nil
	}
	a, err := openArchive(fd)
	if err != nil {
		return false, err
	}
	if !p.Done {
		// An archive with the same beginning and the same length needs no
		// closer look: uncompressing it costs more than everything else did.
		size, err := trailer(fd, st.size)
		if err != nil {
			return false, err
		}
		if size == uint32(p.Offset) {
			var head [headLen]byte
			n, err := a.at(head[:len(p.Head)], 0)
			if err != nil || !bytes.Equal(head[:n], p.Head) {
				return false, err
			}
			return counted()
		}
	}
	v, place, err := compare(p, a)
	switch {
	case err != nil:
		return false, err
	case v == differs:
		return false, nil
	case p.Done:
		return counted()
	}
	if err := a.verify(ctx); err != nil {
		return false, err
	}
	switch {
	case v == shorter:
		f.events.shortArchiveOf(e.path, p.Offset, a.size())
		return counted()
	case v == same && a.size() == p.Offset:
		return counted()
	case v == rewound:
		f.events.rewoundLog(e.path, p.Offset, place)
		again, err := openArchive(fd)
		if err != nil {
			return false, err
		}
		if err := s.jump(again, place); err != nil {
			return false, err
		}
	}
	return true, f.readOn(s, e, fd, st, now)
}

// readOn reads an archive from where the stream is.
func (f *Follower) readOn(s *stream, e *entry, fd int, st stat, now time.Time) error {
	in, err := gzip.NewReader(&fdReader{fd: fd})
	if err != nil {
		return archiveError(err)
	}
	l, err := newLiner(in, &s.pos)
	if err != nil {
		return archiveError(err)
	}
	r := f.attach(s, e, fd, st, now)
	r.archive = l
	return nil
}

// readArchive returns what comes next in an archive.
func (f *Follower) readArchive(r *file) (found, error) {
	s := r.stream
	got, err := r.archive.next()
	switch {
	case errors.Is(err, io.EOF) || got.last:
		if got.last {
			f.events.tornLine(r.path, s.pos.Offset)
		}
		s.finish(f.now())
		return found{drained: true}, nil
	case err != nil:
		return found{}, archiveError(err)
	}
	r.archive.position(&s.pos)
	s.changed = true
	return got, nil
}

// glance records what an archive begins with, so that it is recognised under
// another name.
func (s *stream) glance(fd int) error {
	a, err := openArchive(fd)
	if err != nil {
		return err
	}
	var head [headLen]byte
	n, err := a.at(head[:], 0)
	if err != nil {
		return err
	}
	s.pos.Offset = int64(n)
	s.pos.Head = slices.Clone(head[:n])
	s.pos.Mark = slices.Clone(head[:n])
	return nil
}
