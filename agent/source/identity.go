package source

import (
	"bytes"
	"hash/crc64"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/logmeter/logmeter/agent"
)

const (
	// headLen and markLen are how much of a log's beginning, and of what
	// stands before the offset, makes its identity. The mark must span a
	// whole line with its time: lines of one log often end alike.
	headLen = 1024
	markLen = 1024
	// placeLen is how much content a Place's sum covers, at most.
	placeLen = 256
)

// stat is what the file system says about a file.
type stat struct {
	dev, ino    uint64
	birth       int64 // nanoseconds since the Unix epoch, 0: not told
	size, mtime int64
	links       uint64
	mode        uint32
}

func (s stat) regular() bool { return s.mode&unix.S_IFMT == unix.S_IFREG }

// same reports whether s and o are the same file. An inode number alone isn't
// enough: it is given again as soon as its file is gone.
func (s stat) same(o stat) bool {
	return s.ino == o.ino && s.dev == o.dev && s.birth == o.birth
}

// is reports whether the file may be the one that p was last seen in. The
// device isn't compared: its number may change over a reboot.
func (s stat) is(p *agent.Position) bool {
	return p.Inode == s.ino && p.Inode != 0 &&
		(p.Birth == s.birth || p.Birth == 0 || s.birth == 0)
}

// content is the bytes of a log, plain or uncompressed. Both methods must be
// called with offsets that never decrease.
type content interface {
	// at fills p from offset off. It returns less than len(p) only at the end.
	at(p []byte, off int64) (int, error)
}

// verdict says how some content relates to a position.
type verdict int

const (
	differs verdict = iota // it is another log
	same                   // it is this log, at least up to the offset
	shorter                // it is the beginning of this log
	rewound                // it is this log up to an earlier place, then it differs
)

// compare tells whether c is the content that p describes. For rewound, place
// is the newest offset up to which it is.
func compare(p *agent.Position, c content) (v verdict, place int64, err error) {
	var buf [headLen]byte
	n, err := c.at(buf[:len(p.Head)], 0)
	if err != nil || !bytes.Equal(buf[:n], p.Head[:n]) {
		return differs, 0, err
	}
	if n < len(p.Head) {
		return shorter, 0, nil
	}
	broken := false
	for _, past := range p.Past {
		if past.Offset < int64(len(p.Head)) || past.Offset >= p.Offset {
			continue
		}
		b := buf[:min(placeLen, past.Offset)]
		n, err := c.at(b, past.Offset-int64(len(b)))
		if err != nil {
			return differs, 0, err
		}
		if n < len(b) {
			break
		}
		if sum(b) != past.Sum {
			broken = true
			break
		}
		place = past.Offset
	}
	b := buf[:len(p.Mark)]
	n, err = c.at(b, p.Offset-int64(len(b)))
	switch {
	case err != nil:
		return differs, 0, err
	case n == len(b) && bytes.Equal(b, p.Mark):
		return same, p.Offset, nil
	case n < len(b) && !broken:
		return shorter, 0, nil
	case place > 0:
		return rewound, place, nil
	}
	return differs, 0, nil
}

var crcTable = crc64.MakeTable(crc64.ECMA)

// sum is the checksum of a Place: CRC-64/ECMA of the last placeLen bytes of b.
func sum(b []byte) uint64 {
	return crc64.Checksum(b[max(0, len(b)-placeLen):], crcTable)
}

// maxPast bounds how many earlier places a position remembers.
const maxPast = 32

// remember adds the position's present end to its past, and thins that so that
// the distance between two places grows with their age.
func remember(p *agent.Position) {
	p.Past = append(p.Past, agent.Place{Offset: p.Offset, Sum: sum(p.Mark)})
	if len(p.Past) <= maxPast {
		return
	}
	// Drop the place whose gap, relative to its distance from the end, is the
	// smallest. The oldest stays; the newest two are the last commits.
	drop, best := 1, 2.0
	for i := 1; i < len(p.Past)-2; i++ {
		gap := float64(p.Past[i+1].Offset - p.Past[i-1].Offset)
		if q := gap / float64(p.Offset-p.Past[i-1].Offset); q < best {
			drop, best = i, q
		}
	}
	p.Past = slices.Delete(p.Past, drop, drop+1)
}
