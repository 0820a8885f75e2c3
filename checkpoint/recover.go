package checkpoint

import (
	"fmt"
	"slices"
)

// recover brings Store up to what is on disk. It runs at every start; there is
// no other way to open a state.
//
// The last batch of the ring whose commit is complete gives seq. Each batch up
// to it is added to the chunks that don't have it yet. Only the windows that
// the ring mentions are read, however long the history is.
func (s *Store) recover() error {
	if err := s.readDictionary(); err != nil {
		return err
	}
	err := s.scan([]byte{prefixHeader}, nil, func(key, payload []byte) (bool, error) {
		h, err := decodeHeader(key, payload)
		s.headers[keyWindow(key)] = h
		return true, err
	})
	if err != nil {
		return err
	}
	if err := s.finishStaged(); err != nil {
		return err
	}
	ring, err := s.readRing()
	if err != nil {
		return err
	}
	for i := range ring {
		if err := s.replay(&ring[i]); err != nil {
			return err
		}
	}
	return s.evict()
}

// readRing returns the batches of complete commits in order, and sets seq.
func (s *Store) readRing() ([]batch, error) {
	var ring []batch
	err := s.scan([]byte{prefixBatch}, nil, func(key, payload []byte) (bool, error) {
		b, err := decodeBatch(key, append([]byte(nil), payload...))
		ring = append(ring, b)
		return true, err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(ring, func(a, b batch) int {
		if a.seq < b.seq {
			return -1
		}
		return 1
	})
	// A crash in the middle of a commit of several batches leaves the first
	// ones at the end of the ring. Being written again in the same places,
	// they can't be mistaken for a part of a later commit.
	last := len(ring)
	for last > 0 && ring[last-1].more {
		last--
	}
	unfinished := len(ring) - last
	ring = ring[:last]
	if last == 0 {
		return nil, s.scan([]byte{prefixChunk}, nil, func(key, _ []byte) (bool, error) {
			return false, fmt.Errorf("%w: there is %s, and no commit that it came from", ErrDamaged, keyString(key))
		})
	}
	s.seq = ring[last-1].seq
	// What unfinished batches overwrote was written to its chunks before.
	want := min(s.seq, uint64(ringSlots-unfinished))
	if uint64(last) != want || ring[0].seq != s.seq-want+1 {
		return nil, fmt.Errorf("%w: the ring holds %d batches from %d to %d, and %d are expected", ErrDamaged, last, ring[0].seq, s.seq, want)
	}
	return ring, nil
}

func (s *Store) replay(b *batch) error {
	key := batchKey(b.seq)
	return b.each(func(inc increment) error {
		h, ok := s.headers[inc.window]
		if !ok {
			return fmt.Errorf("%w: %s: window %s isn't there", ErrDamaged, keyString(key), inc.window)
		}
		if b.seq < h.since {
			return nil // of the window's life before it was pruned
		}
		w, err := s.load(inc.window)
		if err != nil {
			return err
		}
		if int(inc.customer) >= len(w.numbers) {
			return fmt.Errorf("%w: %s: customer %d of %s has no name", ErrDamaged, keyString(key), inc.customer, inc.window)
		}
		if _, err := s.dict.word(key, inc.meter); err != nil {
			return err
		}
		c := w.chunk(inc.meter, inc.customer/blockRows)
		if b.seq <= c.folded {
			return nil
		}
		return s.add(c, inc.customer%blockRows, inc.value, inc.minute, b.seq)
	})
}
