package source

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/logmeter/logmeter/agent"
)

// liner cuts a finished stream of bytes into blocks of whole lines.
type liner struct {
	in  io.Reader
	buf []byte
	// buf[start:end] is what was read and not returned. It starts at offset of
	// the content, where a line starts too unless skipping is set. What stands
	// before it is kept for the mark.
	start, end int
	offset     int64
	skipping   bool
	longAt     int64 // where the line began that is skipped
	ended      bool
	head       []byte // of the content, up to headLen
}

// newLiner returns a liner of what in has behind the position: p.Offset bytes
// are read from it and thrown away. p may be nil.
func newLiner(in io.Reader, p *agent.Position) (*liner, error) {
	l := &liner{in: in, buf: make([]byte, markLen+blockLen)}
	if p == nil {
		return l, nil
	}
	if _, err := io.CopyN(io.Discard, in, p.Offset); err != nil {
		return nil, err
	}
	l.head = slices.Clone(p.Head)
	l.start = copy(l.buf, p.Mark)
	l.end, l.offset = l.start, p.Offset
	return l, nil
}

// next returns the next lines, which are valid until it is called again, and
// io.EOF behind the last. What stands behind the last line end comes as a line
// of its own, with last set.
func (l *liner) next() (found, error) {
	for {
		data := l.buf[l.start:l.end]
		if l.skipping {
			i := bytes.IndexByte(data, '\n')
			if i < 0 && !l.ended {
				l.consume(len(data))
				if err := l.fill(); err != nil {
					return found{}, err
				}
				continue
			}
			l.skipping = false
			f := found{offset: l.longAt, tooLong: 1}
			if i < 0 {
				i = len(data) - 1
			}
			l.consume(i + 1)
			return f, nil
		}
		data = data[:min(len(data), maxLine+1)]
		p := cut(data, true)
		switch {
		case p.lines > 0:
			f := found{lines: data[:p.lines], offset: l.offset}
			l.consume(p.lines)
			return f, nil
		case p.skip > 0:
			l.consume(p.skip)
			return found{holes: 1, torn: count(p.torn)}, nil
		case len(data) > maxLine:
			l.skipping, l.longAt = true, l.offset
		case l.ended && len(data) > 0:
			f := found{lines: data, offset: l.offset, last: true}
			l.consume(len(data))
			return f, nil
		case l.ended:
			return found{}, io.EOF
		default:
			if err := l.fill(); err != nil {
				return found{}, err
			}
		}
	}
}

func (l *liner) consume(n int) {
	l.start += n
	l.offset += int64(n)
}

// fill reads once behind what is there, and makes room first.
func (l *liner) fill() error {
	if free := len(l.buf) - l.end; free < blockLen/2 {
		keep := max(0, l.start-markLen)
		if need := l.end - keep + blockLen/2; need > len(l.buf) {
			larger := make([]byte, max(need, 2*len(l.buf)))
			l.end = copy(larger, l.buf[keep:l.end])
			l.buf = larger
		} else {
			l.end = copy(l.buf, l.buf[keep:l.end])
		}
		l.start -= keep
	}
	n, err := l.in.Read(l.buf[l.end:])
	if missing := headLen - len(l.head); missing > 0 {
		l.head = append(l.head, l.buf[l.end:l.end+min(n, missing)]...)
	}
	l.end += n
	if errors.Is(err, io.EOF) {
		l.ended, err = true, nil
	}
	return err
}

// position moves p to behind what was returned. Not to be called while a line
// is being skipped, whose beginning is where p has to stay.
func (l *liner) position(p *agent.Position) {
	p.Offset = l.offset
	p.Head = append(p.Head[:0], l.head[:min(int64(len(l.head)), l.offset)]...)
	p.Mark = append(p.Mark[:0], l.buf[l.start-int(min(l.offset, markLen)):l.start]...)
}
