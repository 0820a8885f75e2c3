package source

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

// fdReader reads an open file from its beginning, and leaves the descriptor's
// own offset alone.
type fdReader struct {
	fd  int
	off int64
}

func (r *fdReader) Read(p []byte) (int, error) {
	n, err := pread(r.fd, p, r.off)
	r.off += int64(n)
	if err == nil && n == 0 && len(p) > 0 {
		err = io.EOF
	}
	return n, err
}

// gzipped reports whether p is the beginning of a gzip file.
func gzipped(p []byte) bool { return len(p) >= 2 && p[0] == 0x1f && p[1] == 0x8b }

// backLen is how far behind its end an archive can still be looked at.
const backLen = 4 << 10

// archive is the content of a gzip file, to be compared with a position. It
// holds a window of it; at may go back by no more than backLen.
type archive struct {
	in    io.Reader
	buf   []byte
	start int64 // of buf in the content
	ended bool
}

func openArchive(fd int) (*archive, error) {
	in, err := gzip.NewReader(&fdReader{fd: fd})
	if err != nil {
		return nil, archiveError(err)
	}
	return &archive{in: in, buf: make([]byte, 0, backLen+64<<10)}, nil
}

// archiveError says what is wrong with a gzip file.
func archiveError(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("the compressed file ends too early: it is cut off, or still being written")
	case errors.Is(err, gzip.ErrChecksum):
		return errors.New("the compressed file is damaged: its checksum is wrong")
	case errors.Is(err, gzip.ErrHeader):
		return errors.New("the compressed file is damaged: something in it isn't gzip")
	}
	return fmt.Errorf("uncompress: %w", err)
}

// fill reads on; at the end it sets ended.
func (a *archive) fill() error {
	if cap(a.buf)-len(a.buf) < 32<<10 {
		drop := len(a.buf) - backLen
		a.buf = a.buf[:copy(a.buf, a.buf[drop:])]
		a.start += int64(drop)
	}
	n, err := a.in.Read(a.buf[len(a.buf):cap(a.buf)])
	a.buf = a.buf[:len(a.buf)+n]
	if errors.Is(err, io.EOF) {
		a.ended = true
		return nil
	}
	if err != nil {
		return archiveError(err)
	}
	return nil
}

// at implements content.
func (a *archive) at(p []byte, off int64) (int, error) {
	for !a.ended && a.size() < off+int64(len(p)) {
		if err := a.fill(); err != nil {
			return 0, err
		}
	}
	if off < a.start {
		return 0, fmt.Errorf("offset %d has passed by", off)
	}
	if off >= a.size() {
		return 0, nil
	}
	return copy(p, a.buf[off-a.start:]), nil
}

// size is how many uncompressed bytes were read: all of them after verify.
func (a *archive) size() int64 { return a.start + int64(len(a.buf)) }

// verify reads to the end, where the checksum stands.
func (a *archive) verify(ctx context.Context) error {
	for !a.ended {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := a.fill(); err != nil {
			return err
		}
	}
	return nil
}

// trailer returns the size that a gzip file of the given length says its
// content has, in 32 bits.
func trailer(fd int, size int64) (uint32, error) {
	var b [4]byte
	n, err := plain(fd).at(b[:], size-4)
	if err != nil || n < 4 {
		return 0, endedBefore(err)
	}
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24, nil
}
