package checkpoint

import (
	"encoding/binary"

	"github.com/logmeter/logmeter/agent"
)

const (
	// positionBytes is what a position takes, about: the content's head and
	// mark, a path, some earlier places.
	positionBytes = 3 << 10

	// maxPositions is the number of positions that fit into a transaction
	// beside a batch. More come when a directory with years of rotated logs is
	// seen for the first time.
	maxPositions = 32
)

func putPositions(t *txn, prefix byte, source uint32, positions []agent.Position) {
	for i := range positions {
		p := &positions[i]
		t.put(positionKey(prefix, source, p.ID), appendPosition(nil, p))
	}
}

// commitStaged commits t with more positions than a transaction holds:
//
//  1. The positions are put aside, under keys of their own. A crash here
//     leaves them without a meaning; the next start deletes them.
//  2. t is committed with a mark. This is the commit: from here on the staged
//     positions count.
//  3. They are moved to their places, and the mark goes last. A crash here
//     leaves the mark; the next start moves what is left.
func (s *Store) commitStaged(t *txn, source uint32, positions []agent.Position) error {
	aside := s.begin()
	defer func() { aside.discard() }()
	for i := range positions {
		putPositions(aside, prefixStaged, source, positions[i:i+1])
		if aside.full() {
			if err := aside.flush(); err != nil {
				return err
			}
		}
	}
	if err := aside.commit(); err != nil {
		return err
	}
	t.put(promotingKey(), binary.AppendUvarint(nil, uint64(source)))
	if err := t.commit(); err != nil {
		return err
	}
	return s.finishStaged()
}

// finishStaged moves staged positions to their places when they count, and
// deletes them when they don't.
func (s *Store) finishStaged() error {
	t := s.begin()
	defer func() { t.discard() }()
	mark, err := t.get(promotingKey())
	if err != nil {
		return err
	}
	err = s.scan([]byte{prefixStaged}, nil, func(key, payload []byte) (bool, error) {
		if mark != nil {
			to := append([]byte{prefixPosition}, key[1:]...)
			t.put(to, payload)
		}
		t.remove(append([]byte(nil), key...))
		if t.full() {
			return true, t.flush()
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	if mark != nil {
		t.remove(promotingKey())
	}
	if t.keys == 0 {
		return nil
	}
	return t.commit()
}
