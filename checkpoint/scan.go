package checkpoint

import (
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// scan calls visit with every key under prefix, in order, from the key from
// on (nil: from the first), with its payload. The slices are valid during the
// call only. visit returns false to stop.
func (s *Store) scan(prefix, from []byte, visit func(key, payload []byte) (bool, error)) error {
	view := s.db.NewTransaction(false)
	defer view.Discard()
	return scan(view, s.meta.id, prefix, from, visit)
}

func scan(view *badger.Txn, id stateID, prefix, from []byte, visit func(key, payload []byte) (bool, error)) error {
	it := view.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	if from == nil {
		from = prefix
	}
	var value []byte
	for it.Seek(from); it.Valid(); it.Next() {
		key := it.Item().Key()
		var err error
		if value, err = it.Item().ValueCopy(value[:0]); err != nil {
			return fmt.Errorf("read %s: %w", keyString(key), err)
		}
		if !wholeKey(key) {
			return fmt.Errorf("%w: %s isn't a key of this format", ErrDamaged, keyString(key))
		}
		payload, err := openEnvelope(id, key, value)
		if err != nil {
			return err
		}
		if more, err := visit(key, payload); err != nil || !more {
			return err
		}
	}
	return nil
}

// scanKeys is scan without reading the values.
func (s *Store) scanKeys(prefix, from []byte, visit func(key []byte) bool) {
	view := s.db.NewTransaction(false)
	defer view.Discard()
	it := view.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	if from == nil {
		from = prefix
	}
	for it.Seek(from); it.Valid() && visit(it.Item().Key()); it.Next() {
	}
}

// view is a snapshot for reading beside the writers.
type view struct {
	t    *badger.Txn
	dict dictionary // only the words are used, and they only grow
	seq  uint64     // of the last batch
}

func (v view) iterator(prefix []byte) *badger.Iterator {
	return v.t.NewIterator(badger.IteratorOptions{Prefix: prefix})
}

// view returns a snapshot. Close waits until it is done.
func (s *Store) view() (view, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.viewLocked()
}

// viewLocked is view for a caller who holds mu.
func (s *Store) viewLocked() (view, error) {
	if s.failed != nil {
		return view{}, s.failed
	}
	s.readers.Add(1)
	return view{s.db.NewTransaction(false), dictionary{words: s.dict.words}, s.seq}, nil
}

func (s *Store) done(v view) {
	v.t.Discard()
	s.readers.Done()
}
