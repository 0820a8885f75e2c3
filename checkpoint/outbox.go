package checkpoint

import (
	"errors"
	"fmt"

	"github.com/logmeter/logmeter/agent"
)

// putEntry stores an entry in the outbox or the ledger.
func (t *txn) putEntry(prefix byte, e *agent.Entry) {
	words := entryWords{t.word(e.Meter), t.word(e.EventName), t.word(e.CustomerKey), t.word(e.ValueKey)}
	t.put(entryKey(prefix, e.Window, e.Meter, e.Customer, e.Seq), appendEntry(nil, e, words))
}

// readEntry completes an entry from its key and payload.
func (s *Store) readEntry(d *dictionary, key, payload []byte) (agent.Entry, error) {
	e, words, err := decodeEntry(key, payload)
	if err != nil {
		return e, err
	}
	for _, f := range []struct {
		to   *string
		word uint32
	}{{&e.Meter, words.meter}, {&e.EventName, words.eventName}, {&e.CustomerKey, words.customerKey}, {&e.ValueKey, words.valueKey}} {
		if *f.to, err = d.word(key, f.word); err != nil {
			return e, err
		}
	}
	e.Identifier = agent.Identify(s.meta.instance, e.Meter, e.Customer, e.Window, e.Seq)
	return e, nil
}

// Pending implements agent.Store. Within a window the order is that of a hash
// of meter and customer.
func (s *Store) Pending(after *agent.Entry, limit int) ([]agent.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return nil, s.failed
	}
	if limit <= 0 {
		return nil, nil
	}
	// Badger steps over each deleted key, so start where the first one can be.
	from := windowKey(prefixOutbox, s.oldest)
	if after != nil {
		from = append(entryKey(prefixOutbox, after.Window, after.Meter, after.Customer, after.Seq), 0)
	}
	var entries []agent.Entry
	err := s.scan([]byte{prefixOutbox}, from, func(key, payload []byte) (bool, error) {
		e, err := s.readEntry(&s.dict, key, payload)
		entries = append(entries, e)
		return len(entries) < limit, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	if after == nil {
		s.oldest = lastWindow
		if len(entries) > 0 {
			s.oldest = entries[0].Window
		}
	}
	return entries, nil
}

// Attempt implements agent.Store.
func (s *Store) Attempt(entries []agent.Entry) error {
	return s.storeEntries(entries, func(t *txn, e *agent.Entry) error {
		if e.State == agent.Accepted {
			return errors.New("it is accepted, which only Settle can say")
		}
		if e.Frozen() {
			return nil
		}
		h, err := s.accounts.of(s, t.t, e)
		if err != nil {
			return err
		}
		e.Timestamp = e.Window.Start().Unix() + 60*int64(agent.FreeMinute(e.Minute, h.minutes))
		return nil
	})
}

// Settle implements agent.Store.
func (s *Store) Settle(entries []agent.Entry) error {
	return s.storeEntries(entries, func(*txn, *agent.Entry) error { return nil })
}

// storeEntries replaces entries of the outbox, in as many transactions as it
// takes; each entry is whole in one. Before an entry is stored, prepare may
// complete it.
func (s *Store) storeEntries(entries []agent.Entry, prepare func(*txn, *agent.Entry) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(entries) == 0 {
		return s.failed
	}
	if err := s.ready(int64(len(entries)) * 512); err != nil {
		return fmt.Errorf("store entries: %w", err)
	}
	t := s.begin()
	defer func() { t.discard() }()
	for i := range entries {
		e := &entries[i]
		old, err := s.stored(t, e)
		if err == nil {
			err = prepare(t, e)
		}
		if err != nil {
			return s.fail(fmt.Errorf("store entry %s: %w", e.Identifier, err))
		}
		if e.State == agent.Accepted {
			t.remove(entryKey(prefixOutbox, e.Window, e.Meter, e.Customer, e.Seq))
			t.putEntry(prefixLedger, e)
		} else {
			t.putEntry(prefixOutbox, e)
		}
		s.accounts.replace(old, e)
		s.outbox.replace(old, e)
		if t.full() {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
	return t.commit()
}

// stored returns what the outbox has under an entry's key, and checks that the
// entry still is that one: its value is what the customer used.
func (s *Store) stored(t *txn, e *agent.Entry) (*agent.Entry, error) {
	key := entryKey(prefixOutbox, e.Window, e.Meter, e.Customer, e.Seq)
	payload, err := t.get(key)
	if err != nil {
		return nil, err
	}
	if payload == nil {
		return nil, errors.New("it isn't in the outbox")
	}
	old, err := s.readEntry(&s.dict, key, payload)
	if err != nil {
		return nil, err
	}
	if e.Value != old.Value || e.Minute != old.Minute || e.Identifier != old.Identifier {
		return nil, fmt.Errorf("it was sealed with value %d and minute %d, and can't become value %d and minute %d", old.Value, old.Minute, e.Value, e.Minute)
	}
	if e.State < agent.Sealed || e.State > agent.Accepted {
		return nil, fmt.Errorf("%s isn't a state of an entry", e.State)
	}
	return &old, nil
}
