package source

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// file is an open log. Its descriptor keeps the inode, and so everything in it
// that isn't read yet, whatever happens to the name.
type file struct {
	stream *stream
	fd     int
	st     stat // when it was last looked at
	path   string
	kind   kind
	// archive is what reads it when it is compressed, else nil.
	archive *liner

	end int64 // of what was read: the size, once it is read to its end
	// skipped is, inside a line that is too long, up to where it was read; else 0.
	skipped int64

	// due says that there may be something to read.
	due bool
	// behind says that it wasn't read to its end since the last scan began.
	behind bool
	// stuck says that it can't be read for now.
	stuck bool
	// grew is when it was last seen to have grown, renamed when its name was
	// first seen to be another than the log's; lost when it had no name any more.
	grew, renamed, lost time.Time
	// hint is its watch, if it has one, and last the one before; heard is when
	// that ended, or the file was opened.
	hint, last *hint
	heard      time.Time
}

// open opens a regular file for reading without waiting for anything.
func open(path string) (int, stat, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return -1, stat{}, err
		}
		st, err := statFd(fd)
		if err == nil && !st.regular() {
			err = errNotRegular
		}
		if err != nil {
			unix.Close(fd)
			return -1, stat{}, err
		}
		return fd, st, nil
	}
}

var errNotRegular = errors.New("not a regular file")

// pread reads once from an offset; 0 is the end of the file.
func pread(fd int, p []byte, off int64) (int, error) {
	for {
		n, err := unix.Pread(fd, p, off)
		if !errors.Is(err, unix.EINTR) {
			return max(n, 0), err
		}
	}
}

// plain is the content of an open file.
type plain int

func (fd plain) at(p []byte, off int64) (int, error) {
	read := 0
	for read < len(p) {
		n, err := pread(int(fd), p[read:], off+int64(read))
		if n == 0 || err != nil {
			return read, err
		}
		read += n
	}
	return read, nil
}

// endedBefore returns err, or says that a file became shorter while it was
// looked at.
func endedBefore(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// lastLine returns the end of the last whole line before offset: 0 when there
// is none.
func lastLine(fd int, offset int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for offset > 0 {
		b := buf[:min(offset, int64(len(buf)))]
		start := offset - int64(len(b))
		n, err := plain(fd).at(b, start)
		if err != nil || n < len(b) {
			return 0, endedBefore(err)
		}
		if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
			return start + int64(i) + 1, nil
		}
		offset = start
	}
	return 0, nil
}

// errReplaced says that a file doesn't hold any more what was read from it.
var errReplaced = errors.New("content replaced")

// found is what one read came to: lines, which alias the buffer; a line that
// was skipped; or neither at the end of the file.
type found struct {
	lines   []byte
	offset  int64
	tooLong int
	torn    int
	holes   int
	drained bool // the end of the file was reached
	last    bool // lines is what stands behind the last line end of a finished file
}

// read reads on where the stream is. The bytes before the offset are read
// again in the same call and must be the ones that were counted: only so a
// file that was truncated and has grown past the offset again is noticed.
func (r *file) read(buf *buffer) (found, error) {
	s := r.stream
	if r.skipped > 0 {
		return r.skipLine(buf)
	}
	for {
		m := len(s.pos.Mark)
		b := buf.bytes()
		b = b[:min(len(b), m+maxLine+1)]
		n, err := pread(r.fd, b, s.pos.Offset-int64(m))
		if err != nil {
			return found{}, err
		}
		if n < m || !bytes.Equal(b[:m], s.pos.Mark) {
			return found{}, errReplaced
		}
		data, more := b[m:n], n == len(b)
		r.end = s.pos.Offset + int64(len(data))
		p := cut(data, more)
		switch {
		case p.lines > 0:
			f := found{lines: data[:p.lines], offset: s.pos.Offset, drained: !more}
			s.advance(b, p.lines)
			buf.shrink()
			return f, nil
		case p.skip > 0:
			s.advance(b, p.skip)
			f := found{holes: 1, torn: count(p.torn)}
			if p.skip == len(data) {
				switch off := nextData(r.fd, s.pos.Offset); {
				case off < 0:
					f.drained = true
				case off > s.pos.Offset:
					if err := s.jump(plain(r.fd), off); err != nil {
						return found{}, err
					}
				}
			}
			return f, nil
		case !more:
			return found{drained: true}, nil
		case !buf.grow():
			r.skipped = r.end
			return r.skipLine(buf)
		}
	}
}

// intact reports whether the bytes before the offset are those that were
// counted.
func (r *file) intact() (bool, error) {
	mark := r.stream.pos.Mark
	var b [markLen]byte
	n, err := plain(r.fd).at(b[:len(mark)], r.stream.pos.Offset-int64(len(mark)))
	return err == nil && bytes.Equal(b[:n], mark), err
}

// skipLine reads on to the end of a line that is too long. The position stays
// before the line until its end was seen, so that a crash skips and counts it
// again, once.
func (r *file) skipLine(buf *buffer) (found, error) {
	s := r.stream
	buf.shrink()
	b := buf.bytes()
	if ok, err := r.intact(); err != nil || !ok {
		return found{}, cmp.Or(err, errReplaced)
	}
	n, err := pread(r.fd, b, r.skipped)
	if err != nil {
		return found{}, err
	}
	if n == 0 {
		// Nothing new, or the file ends before what was skipped already.
		if st, err := statFd(r.fd); err != nil || st.size < r.skipped {
			return found{}, errors.Join(err, errReplaced)
		}
	}
	if i := bytes.IndexByte(b[:n], '\n'); i >= 0 {
		f := found{offset: s.pos.Offset, tooLong: 1}
		if err := s.jump(plain(r.fd), r.skipped+int64(i)+1); err != nil {
			return found{}, err
		}
		r.skipped = 0
		return f, nil
	}
	r.skipped += int64(n)
	r.end = r.skipped
	return found{drained: n < len(b)}, nil
}

func (r *file) close() {
	r.unwatch(time.Time{})
	if r.fd >= 0 {
		unix.Close(r.fd)
		r.fd = -1
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// buffer is the memory that blocks are read into: small, but for as long as a
// line doesn't fit.
type buffer struct{ small, large []byte }

func (b *buffer) bytes() []byte {
	if b.large != nil {
		return b.large
	}
	if b.small == nil {
		b.small = make([]byte, markLen+blockLen)
	}
	return b.small
}

// grow makes room for the longest line and reports whether that is news.
func (b *buffer) grow() bool {
	if b.large != nil {
		return false
	}
	b.large = make([]byte, markLen+maxLine+1)
	return true
}

// shrink gives the large memory back; what was read into it stays valid.
func (b *buffer) shrink() { b.large = nil }
