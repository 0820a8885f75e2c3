package checkpoint

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/logmeter/logmeter/agent"
)

// txn is one transaction of the store; its owner holds Store.mu. Any error
// makes the store unusable: memory is changed before the disk is.
type txn struct {
	s     *Store
	t     *badger.Txn
	bytes int
	keys  int
	err   error // the first error of put or remove
}

func (s *Store) begin() *txn { return &txn{s: s, t: s.db.NewTransaction(true)} }

// put stores a payload in its envelope.
func (t *txn) put(key, payload []byte) {
	value := appendEnvelope(make([]byte, 0, len(payload)+envelopeBytes), t.s.meta.id, key, payload)
	t.note(len(key)+len(value), t.t.Set(key, value))
}

func (t *txn) remove(key []byte) { t.note(len(key), t.t.Delete(key)) }

func (t *txn) note(bytes int, err error) {
	t.bytes += bytes + 16
	t.keys++
	if t.err == nil {
		t.err = err
	}
}

// get returns the payload stored at key, nil when there is none.
func (t *txn) get(key []byte) ([]byte, error) { return get(t.t, t.s.meta.id, key) }

// has reports whether there is a value at key.
func (t *txn) has(key []byte) (bool, error) {
	payload, err := t.get(key)
	return payload != nil, err
}

// get is txn.get of what is committed.
func (s *Store) get(key []byte) ([]byte, error) {
	view := s.db.NewTransaction(false)
	defer view.Discard()
	return get(view, s.meta.id, key)
}

func get(t *badger.Txn, id stateID, key []byte) ([]byte, error) {
	item, err := t.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read %s: %w", keyString(key), err)
	}
	value, err := item.ValueCopy(nil)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", keyString(key), err)
	}
	return openEnvelope(id, key, value)
}

// full reports whether the transaction is as large as it should get.
func (t *txn) full() bool { return t.bytes >= txnBytes || t.keys >= txnEntries }

// commit makes everything put durable, all of it or nothing.
func (t *txn) commit() error {
	err := t.err
	if err == nil {
		err = t.t.Commit()
	}
	if err != nil && t.s.failed == nil {
		t.s.failed = fmt.Errorf("write the state: %w", err)
	}
	t.s.txns++
	return err
}

// flush commits what was put so far and goes on in a new transaction. It is
// for what means nothing, or the same, without the rest.
func (t *txn) flush() error {
	if err := t.commit(); err != nil {
		return err
	}
	*t = *t.s.begin()
	return nil
}

// discard ends a transaction that wasn't committed.
func (t *txn) discard() { t.t.Discard() }

// fail makes the store unusable after an error in the middle of a change.
func (s *Store) fail(err error) error {
	if err != nil && s.failed == nil {
		s.failed = err
	}
	return err
}

// ready is asked before every change: it reports why the store can't take
// about bytes more. Nothing was changed when it returns an error.
func (s *Store) ready(bytes int64) error {
	if s.failed != nil {
		return s.failed
	}
	if err := s.space(bytes); err != nil {
		return err
	}
	if s.txns%64 == 63 && s.db.Levels()[0].NumTables >= forceTables {
		s.txns++
		s.log.Warn("merging tables on the way: maintenance is late")
		return s.flatten()
	}
	return nil
}

// space returns agent.ErrFull when less than MinFree would be left.
func (s *Store) space(bytes int64) error {
	free, err := space(s.dir)
	if err != nil {
		return err
	}
	if free < s.minFree+bytes {
		return fmt.Errorf("%w: %s has %d MiB free, and %d MiB must be", agent.ErrFull, s.dir, free>>20, (s.minFree+bytes)>>20)
	}
	return nil
}
