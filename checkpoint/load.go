package checkpoint

import (
	"encoding/binary"
	"fmt"

	"github.com/logmeter/logmeter/agent"
)

// stored is a window as it is on disk, without the batches of the ring.
type stored struct {
	names  [][]byte
	tail   uint32 // first customer of the last segment
	chunks []*chunk
}

func readWindow(v view, id stateID, at agent.Window) (stored, error) {
	var d stored
	err := scan(v.t, id, windowKey(prefixNames, at), nil, func(key, payload []byte) (bool, error) {
		d.tail = uint32(len(d.names))
		if binary.BigEndian.Uint32(key[5:]) != d.tail {
			return false, fmt.Errorf("%w: names of %s from %d on are missing", ErrDamaged, at, d.tail)
		}
		r := reader{b: append([]byte(nil), payload...)}
		for len(r.b) > 0 {
			d.names = append(d.names, r.bytes())
		}
		return true, r.err(key)
	})
	if err != nil {
		return d, err
	}
	err = scan(v.t, id, windowKey(prefixChunk, at), nil, func(key, payload []byte) (bool, error) {
		c := &chunk{meter: binary.BigEndian.Uint32(key[5:]), block: binary.BigEndian.Uint32(key[9:])}
		var err error
		if c.folded, err = decodeRows(key, payload, &c.rows); err != nil {
			return false, err
		}
		for i := range c.rows {
			if c.rows[i] != (row{}) && int(c.block)*blockRows+i >= len(d.names) {
				return false, fmt.Errorf("%w: %s: customer %d has no name", ErrDamaged, keyString(key), int(c.block)*blockRows+i)
			}
		}
		if c.folded > v.seq {
			return false, fmt.Errorf("%w: %s: holds batch %d, and the last one is %d", ErrDamaged, keyString(key), c.folded, v.seq)
		}
		if _, err := v.dict.word(key, c.meter); err != nil {
			return false, err
		}
		d.chunks = append(d.chunks, c)
		return true, nil
	})
	return d, err
}

// load brings a window into memory.
func (s *Store) load(at agent.Window) (*window, error) {
	s.used++
	if w := s.windows[at]; w != nil {
		w.used = s.used
		return w, nil
	}
	v := view{s.db.NewTransaction(false), s.dict, s.seq}
	defer v.t.Discard()
	d, err := readWindow(v, s.meta.id, at)
	if err != nil {
		return nil, err
	}
	w := &window{at: at, used: s.used, tail: d.tail}
	for i, name := range d.names {
		if w.customer(s.names.Number(name)) != uint32(i) {
			return nil, fmt.Errorf("%w: customer %d of %s is there twice", ErrDamaged, i, at)
		}
	}
	w.written = uint32(len(d.names))
	for _, c := range d.chunks {
		c.w = w
		*w.place(c.meter, c.block) = c
		for i := range c.rows {
			if c.rows[i].pending() > 0 {
				w.pending++
			}
		}
	}
	s.windows[at] = w
	return w, nil
}

// maxWindows is the number of windows kept in memory: the one being counted,
// the one before it, and what late lines ask for.
const maxWindows = 4

// evict takes the least recently used windows out of memory. What is only in
// the ring of theirs is written first: a window that isn't in memory is whole
// in its chunks.
func (s *Store) evict() error {
	if len(s.windows) <= maxWindows {
		return nil
	}
	for len(s.windows) > maxWindows {
		var old *window
		for _, w := range s.windows {
			if old == nil || w.used < old.used {
				old = w
			}
		}
		if err := s.foldWindow(old); err != nil {
			return err
		}
		delete(s.windows, old.at)
	}
	s.forgetNames()
	return nil
}

func (s *Store) foldWindow(w *window) error {
	t := s.begin()
	defer func() { t.discard() }()
	for _, m := range w.meters {
		for _, c := range m.chunks {
			if c == nil || c.since == 0 {
				continue
			}
			s.fold(t, c)
			if t.full() {
				if err := t.flush(); err != nil {
					return err
				}
			}
		}
	}
	if t.keys == 0 {
		return nil
	}
	return t.commit()
}
