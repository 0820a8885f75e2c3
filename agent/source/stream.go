package source

import (
	"slices"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// stream is one run of log content and how far it was returned. Files are only
// places where it can be read: a stream moves between them when they are
// renamed, copied or compressed.
type stream struct {
	// pos is right behind the last block that was returned. Its Head and Mark
	// are owned by the stream. Inode is 0 while no file is known to hold the
	// content.
	pos agent.Position
	// file is where the content is read from; nil when nothing is open.
	file *file
	// resting is the file as it was when it was closed at its end; it is
	// opened again when it has changed.
	resting stat
	// born is the number of the scan that found it, 0 when it was committed by
	// an earlier process.
	born int
	// seen is the number of the last scan that found the stream's file on disk.
	seen int
	// missed is when the last scans began that didn't find its file.
	missed time.Time
	// changed says that pos isn't what Positions returned last.
	changed bool
	// placed is when pos.Past last grew.
	placed time.Time
}

// advance moves the position over n bytes that stand behind the mark in buf,
// which starts with the mark.
func (s *stream) advance(buf []byte, n int) {
	m := len(s.pos.Mark)
	data := buf[m : m+n]
	if missing := headLen - len(s.pos.Head); missing > 0 && s.pos.Offset == int64(len(s.pos.Head)) {
		s.pos.Head = append(s.pos.Head, data[:min(missing, n)]...)
	}
	s.pos.Offset += int64(n)
	s.pos.Mark = append(s.pos.Mark[:0], buf[max(0, m+n-markLen):m+n]...)
	s.changed = true
}

// jump moves the position to an offset of which nothing is in memory.
func (s *stream) jump(c content, offset int64) error {
	head := make([]byte, min(offset, headLen))
	mark := make([]byte, min(offset, markLen))
	if n, err := c.at(head, 0); err != nil || n < len(head) {
		return endedBefore(err)
	}
	if n, err := c.at(mark, offset-int64(len(mark))); err != nil || n < len(mark) {
		return endedBefore(err)
	}
	s.pos.Offset, s.pos.Head, s.pos.Mark = offset, head, mark
	s.pos.Past = slices.DeleteFunc(s.pos.Past, func(p agent.Place) bool { return p.Offset > offset })
	s.changed = true
	return nil
}

// lives records the file in which the content was seen.
func (s *stream) lives(path string, st stat) {
	if s.pos.Path == path && s.pos.Device == st.dev && s.pos.Inode == st.ino && s.pos.Birth == st.birth {
		return
	}
	s.pos.Path, s.pos.Device, s.pos.Inode, s.pos.Birth = path, st.dev, st.ino, st.birth
	s.changed = true
}

// detach records that no known file holds the content any more. A copy can
// still be found by what is in it.
func (s *stream) detach() {
	s.file, s.resting, s.seen = nil, stat{}, 0
	if s.pos.Offset == 0 {
		return // nothing in it could be recognised
	}
	s.pos.Device, s.pos.Inode, s.pos.Birth = 0, 0, 0
	s.changed = true
}

// finish records that everything in the stream was returned by now.
func (s *stream) finish(now time.Time) {
	s.pos.Done, s.pos.Finished = true, now.Unix()
	s.changed = true
}

// worth reports whether the stream holds something that a restart must know.
// An untouched one is found again as a new log.
func (s *stream) worth() bool { return s.pos.Offset > 0 || s.pos.Done }

// snapshot returns the position to be committed.
func (s *stream) snapshot(now time.Time) agent.Position {
	if n := len(s.pos.Past); s.pos.Offset > 0 && !s.pos.Done &&
		(n == 0 || s.pos.Offset > s.pos.Past[n-1].Offset && now.Sub(s.placed) >= time.Second) {
		remember(&s.pos)
		s.placed = now
	}
	p := s.pos
	p.Head, p.Mark, p.Past = slices.Clone(p.Head), slices.Clone(p.Mark), slices.Clone(p.Past)
	return p
}
