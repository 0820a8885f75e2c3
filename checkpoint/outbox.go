package checkpoint

import (
	"errors"
	"fmt"

	"github.com/logmeter/logmeter/agent"
)

// entryBytes is what an entry takes, about: its strings are short, or words.
const entryBytes = 512

// changes takes changes: a transaction, or writes that go with one.
type changes interface {
	put(key, payload []byte)
	remove(key []byte)
}

// putEntry stores an entry in the outbox or the ledger, words that are new with
// t.
func (t *txn) putEntry(to changes, prefix byte, e *agent.Entry) {
	words := entryWords{t.word(e.Meter), t.word(e.EventName), t.word(e.CustomerKey), t.word(e.ValueKey)}
	to.put(entryKey(prefix, e.Window, e.Meter, e.Customer, e.Seq), appendEntry(nil, e, words))
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
	e.Identifier = agent.Identify(s.meta.instance, &e)
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
	return s.storeEntries(entries, func(t *txn, old, e *agent.Entry) error {
		if e.Final() {
			return fmt.Errorf("an attempt can't make it %s", e.State)
		}
		if e.Value != old.Value {
			return fmt.Errorf("it was sealed with value %d, and can't be sent with %d", old.Value, e.Value)
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
	return s.storeEntries(entries, func(t *txn, old, e *agent.Entry) error {
		if e.State == agent.WrittenOff {
			return errors.New("only a person writes an entry off")
		}
		if e.Value != old.Value {
			return fmt.Errorf("it was sealed with value %d, and can't become %s with %d", old.Value, e.State, e.Value)
		}
		return nil
	})
}

// settlePart moves the part of an entry that Stripe has to the ledger, and
// leaves the rest in its place.
func (s *Store) settlePart(t *txn, part, rest *agent.Entry) error {
	if part.State != agent.Accepted || rest.State != agent.Sealed || rest.Frozen() || part.Adjustment {
		return errors.New("want an accepted part, and a rest that isn't frozen")
	}
	whole := *part
	whole.Seq, whole.State = rest.Seq, agent.Sealed
	old, err := s.waiting(t, &whole)
	if err != nil {
		return err
	}
	if part.Value <= 0 || rest.Value <= 0 || part.Value+rest.Value != old.Value || rest.From != old.From+uint64(part.Value) {
		return fmt.Errorf("%d from %d and %d from %d aren't the %d from %d that were sealed",
			part.Value, part.From, rest.Value, rest.From, old.Value, old.From)
	}
	w, err := s.countIn(t, part.Window)
	if err != nil {
		return err
	}
	r := s.rowOf(w, s.dict.numbers[part.Meter], part.Customer)
	if r == nil {
		return fmt.Errorf("%w: the usage that it came from isn't there", ErrDamaged)
	}
	if part.Seq, err = nextSeq(r, s.headers[part.Window].floor, part.Meter); err != nil {
		return err
	}
	r.seq = part.Seq
	n, _ := s.names.Lookup([]byte(part.Customer))
	customer, _ := w.lookup(n)
	s.fold(t, w.chunk(s.dict.numbers[part.Meter], customer/blockRows))
	t.putEntry(t, prefixLedger, part)
	rest.Identifier = agent.Identify(s.meta.instance, rest)
	t.putEntry(t, prefixOutbox, rest)
	delete(s.accounts, part.Window)
	s.outbox.replace(old, rest)
	return nil
}

// storeEntries replaces entries of the outbox, in as many transactions as it
// takes; each entry is whole in one. Before an entry is stored, prepare may
// complete it, and puts what belongs to it.
func (s *Store) storeEntries(entries []agent.Entry, prepare func(t *txn, old, e *agent.Entry) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(entries) == 0 {
		return s.failed
	}
	if err := s.ready(int64(len(entries)) * entryBytes); err != nil {
		return fmt.Errorf("store entries: %w", err)
	}
	t := s.begin()
	defer func() { t.discard() }()
	for i := 0; i < len(entries); i++ {
		e := &entries[i]
		if e.Seq == 0 && i+1 < len(entries) {
			if err := s.settlePart(t, e, &entries[i+1]); err != nil {
				return s.fail(fmt.Errorf("settle a part of entry %s: %w", e.Identifier, err))
			}
			i++ // the rest is stored with it
			continue
		}
		old, err := s.waiting(t, e)
		if err == nil {
			err = prepare(t, old, e)
		}
		if err != nil {
			return s.fail(fmt.Errorf("store entry %s: %w", e.Identifier, err))
		}
		s.replaceEntry(t, t, old, e)
		if t.full() {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
	if err := t.commit(); err != nil {
		return err
	}
	return s.fail(s.evict()) // a part may have loaded windows
}

// replaceEntry puts e in the place of old, an entry of the outbox; a final one
// moves to the ledger.
func (s *Store) replaceEntry(t *txn, to changes, old, e *agent.Entry) {
	if e.Final() {
		to.remove(entryKey(prefixOutbox, e.Window, e.Meter, e.Customer, e.Seq))
		t.putEntry(to, prefixLedger, e)
	} else {
		t.putEntry(to, prefixOutbox, e)
	}
	s.accounts.replace(old, e)
	s.outbox.replace(old, e)
}

// waiting returns what the outbox has under an entry's key, and checks that the
// entry still is that one.
func (s *Store) waiting(t *txn, e *agent.Entry) (*agent.Entry, error) {
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
	if e.Minute != old.Minute || e.Identifier != old.Identifier || e.Adjustment != old.Adjustment {
		return nil, fmt.Errorf("it was sealed for minute %d as %s, and can't become minute %d as %s", old.Minute, old.Identifier, e.Minute, e.Identifier)
	}
	if e.State < agent.Sealed || e.State > agent.WrittenOff {
		return nil, fmt.Errorf("%s isn't a state of an entry", e.State)
	}
	return &old, nil
}
