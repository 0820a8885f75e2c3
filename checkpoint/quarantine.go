package checkpoint

import (
	"encoding/binary"
	"fmt"

	"github.com/logmeter/logmeter/agent"
)

const (
	// maxRefusals and maxRefusalBytes bound the refused lines that are kept.
	maxRefusals     = 10_000
	maxRefusalBytes = 16 << 20

	// refusalBytes bounds what a refused line takes beside the line itself and
	// its path.
	refusalBytes = 9 + 60 + maxReason + writeBytes
)

// quarantine says which refused lines are kept. It is read when the first one
// comes or is asked for.
type quarantine struct {
	list  []kept // the oldest first
	bytes int
	last  uint64 // the highest ID ever given out
}

type kept struct {
	id     uint64
	bytes  int
	window agent.Window
}

// refused returns the quarantine, read from disk if that wasn't done yet.
func (s *Store) refused() (*quarantine, error) {
	if s.quarantine != nil {
		return s.quarantine, nil
	}
	q := &quarantine{}
	last, err := s.get(lastIDKey())
	if err != nil {
		return nil, err
	}
	if last != nil {
		r := reader{b: last}
		q.last = r.uvarint()
		if err := r.err(lastIDKey()); err != nil {
			return nil, err
		}
	}
	err = s.scan([]byte{prefixRefusal}, nil, func(key, payload []byte) (bool, error) {
		f, _, err := decodeRefusal(key, payload)
		if err == nil && f.ID > q.last {
			err = fmt.Errorf("%w: %s: the last one is %d", ErrDamaged, keyString(key), q.last)
		}
		q.add(kept{f.ID, len(payload), f.Window})
		return true, err
	})
	if err != nil {
		return nil, err
	}
	s.quarantine = q
	return q, nil
}

func (q *quarantine) add(k kept) {
	q.list = append(q.list, k)
	q.bytes += k.bytes
}

// forget takes out the lines that choose says.
func (q *quarantine) forget(w *writes, choose func(kept) bool) {
	left := q.list[:0]
	for _, k := range q.list {
		if !choose(k) {
			left = append(left, k)
			continue
		}
		q.bytes -= k.bytes
		w.remove(numberedKey(prefixRefusal, k.id))
	}
	q.list = left
}

// keep stores refused lines of a source; when there are too many, the oldest
// go.
func (s *Store) keep(w *writes, source uint32, refusals []agent.Refusal) error {
	if len(refusals) == 0 {
		return nil
	}
	q, err := s.refused()
	if err != nil {
		return err
	}
	for i := range refusals {
		f := &refusals[i]
		q.last++
		payload := appendRefusal(nil, f, source)
		w.put(numberedKey(prefixRefusal, q.last), payload)
		q.add(kept{q.last, len(payload), f.Window})
	}
	w.put(lastIDKey(), binary.AppendUvarint(nil, q.last))
	many, bytes := len(q.list)-maxRefusals, q.bytes-maxRefusalBytes
	q.forget(w, func(k kept) bool {
		if many <= 0 && bytes <= 0 {
			return false
		}
		many, bytes = many-1, bytes-k.bytes
		return true
	})
	return nil
}

// appendRefusal leaves out the ID, which is in the key.
func appendRefusal(dst []byte, f *agent.Refusal, source uint32) []byte {
	dst = binary.AppendUvarint(dst, uint64(source))
	dst = appendString(dst, f.Path)
	dst = appendVarint(dst, f.Offset)
	dst = appendVarint(dst, int64(f.Window))
	dst = appendVarint(dst, f.At)
	dst = appendString(dst, clip(f.Reason))
	dst = appendString(dst, f.Line)
	return binary.AppendUvarint(dst, uint64(f.Size))
}

// decodeRefusal leaves the source, which a word stands for, to its caller.
func decodeRefusal(key, payload []byte) (f agent.Refusal, source uint32, err error) {
	r := reader{b: payload}
	f.ID = keyNumber(key)
	source = r.uint32()
	f.Path = r.string()
	f.Offset = r.varint()
	w := r.varint()
	f.Window = agent.Window(w)
	f.At = r.varint()
	f.Reason = r.string()
	f.Line = append([]byte(nil), r.bytes()...)
	f.Size = int(r.uvarint())
	if int64(f.Window) != w || f.Size < len(f.Line) {
		r.fail()
	}
	return f, source, r.err(key)
}
