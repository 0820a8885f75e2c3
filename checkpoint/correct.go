package checkpoint

import (
	"errors"
	"fmt"
	"math"

	"github.com/dgraph-io/badger/v4"

	"github.com/logmeter/logmeter/agent"
)

// Decide implements agent.Corrections. An error about an entry that isn't as it
// stands here changes nothing, and the store can be used on.
func (s *Store) Decide(decisions []agent.Decision, entries []agent.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(int64(len(entries)+len(decisions)) * 2 * entryBytes); err != nil {
		return fmt.Errorf("decide: %w", err)
	}
	t := s.begin()
	defer func() { t.discard() }()
	old := make([]*agent.Entry, len(entries))
	for i := range entries {
		e := &entries[i]
		var err error
		if old[i], err = s.waiting(t, e); err == nil {
			err = decidable(old[i], e)
		}
		if err != nil {
			return fmt.Errorf("decide about entry %s: %w", e.Identifier, err)
		}
	}
	var w writes
	for i := range entries {
		s.replaceEntry(t, &w, old[i], &entries[i])
	}
	if err := s.append(t, &w, decisions); err != nil {
		return s.fail(fmt.Errorf("decide: %w", err))
	}
	return nil
}

// decidable reports why e can't be what a person made of old.
func decidable(old, e *agent.Entry) error {
	want := *old
	want.State, want.Reason, want.NotBefore, want.AbsentSince, want.Released = e.State, e.Reason, e.NotBefore, e.AbsentSince, e.Released
	if e.Final() {
		want.Settled = e.Settled
	}
	if want != *e {
		return errors.New("it has changed meanwhile; look at it again")
	}
	if e.State < agent.Sealed || e.State > agent.WrittenOff {
		return fmt.Errorf("it can't be decided that it is %s", e.State)
	}
	return nil
}

// Adjust implements agent.Corrections. An error about what was asked changes
// nothing, and the store can be used on.
//
// Entry, decision and the seq in the row are one transaction. Windows and names
// that are new may be durable before: they mean nothing alone.
func (s *Store) Adjust(d agent.Decision, e agent.Entry) (agent.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(txnBytes); err != nil {
		return agent.Entry{}, fmt.Errorf("adjust: %w", err)
	}
	t := s.begin()
	defer func() { t.discard() }()
	a := agent.Entry{
		Meter: e.Meter, Customer: e.Customer, Window: e.Window, Minute: e.Minute,
		Value: e.Value, Note: e.Note, Adjustment: true, State: agent.Sealed,
	}
	if len(a.Customer) > maxName {
		a.Customer = string(abbreviate([]byte(a.Customer)))
	}
	if err := s.adjustable(t.t, &a); err != nil {
		return agent.Entry{}, fmt.Errorf("adjust %s of %q in %s: %w", a.Meter, a.Customer, a.Window, err)
	}
	if err := s.adjust(t, d, &a); err != nil {
		return agent.Entry{}, s.fail(fmt.Errorf("adjust: %w", err))
	}
	return a, s.fail(s.evict())
}

// adjustable reports why an adjustment can't be made. What is billed of a
// window never falls below 0.
func (s *Store) adjustable(view *badger.Txn, a *agent.Entry) error {
	if a.Value == 0 || a.Minute > 59 || a.Meter == "" {
		return errors.New("an adjustment needs a meter, a minute of the hour, and a value that isn't 0")
	}
	counted, err := s.countedOf(a)
	if err != nil {
		return err
	}
	adjusted, off := int64(0), int64(0)
	for _, prefix := range []byte{prefixOutbox, prefixLedger} {
		key := entryKey(prefix, a.Window, a.Meter, a.Customer, 0)
		err := scan(view, s.meta.id, key[:len(key)-4], nil, func(key, payload []byte) (bool, error) {
			e, _, err := decodeEntry(key, payload)
			switch {
			case e.State == agent.WrittenOff && !e.Adjustment:
				off += e.Value
			case e.State != agent.WrittenOff && e.Adjustment:
				adjusted += e.Value
			}
			return true, err
		})
		if err != nil {
			return err
		}
	}
	base := int64(min(counted, math.MaxInt64)) - off
	if sum := base + adjusted; sum+a.Value < 0 || a.Value > 0 && sum > math.MaxInt64-a.Value {
		return fmt.Errorf("%d can't be added: %d were counted, %d of that written off, and earlier adjustments come to %d\n"+
			"  hint: the sum can't be below 0", a.Value, counted, off, adjusted)
	}
	return nil
}

// countedOf returns the total of an entry's row.
func (s *Store) countedOf(e *agent.Entry) (uint64, error) {
	meter, ok := s.dict.numbers[e.Meter]
	if !ok {
		return 0, nil
	}
	if stage := s.headers[e.Window].stage; stage != stageOpen && stage != stageSealed {
		return 0, nil
	}
	w, err := s.load(e.Window)
	if err != nil {
		return 0, err
	}
	if r := s.rowOf(w, meter, e.Customer); r != nil {
		return r.total, nil
	}
	return 0, nil
}

// rowOf returns a row of a window in memory; nil when there is none.
func (s *Store) rowOf(w *window, meter uint32, customer string) *row {
	n, ok := s.names.Lookup([]byte(customer))
	if !ok {
		return nil
	}
	if n, ok = w.lookup(n); !ok {
		return nil
	}
	if c := *w.place(meter, n/blockRows); c != nil {
		return &c.rows[n%blockRows]
	}
	return nil
}

func (s *Store) adjust(t *txn, d agent.Decision, a *agent.Entry) error {
	w, err := s.countIn(t, a.Window)
	if err != nil {
		return err
	}
	meter := t.word(a.Meter)
	customer := w.customer(s.names.Number([]byte(a.Customer)))
	if err := s.putNames(t, w); err != nil {
		return err
	}
	c := w.chunk(meter, customer/blockRows)
	r := &c.rows[customer%blockRows]
	if a.Seq, err = nextSeq(r, s.headers[a.Window].floor, a.Meter); err != nil {
		return err
	}
	r.seq = a.Seq
	a.Identifier = agent.Identify(s.meta.instance, a)
	s.fold(t, c)
	t.putEntry(t, prefixOutbox, a)
	s.oldest = min(s.oldest, a.Window)
	s.outbox.more(a.State)
	d.Seq = a.Seq
	return s.append(t, &writes{}, []agent.Decision{d})
}

// nextSeq returns the seq of a row's next entry.
func nextSeq(r *row, floor uint32, meter string) (uint32, error) {
	seq := max(r.seq, floor) + 1
	if seq == 0 {
		return 0, fmt.Errorf("meter %s: a row has used up its seqs", meter)
	}
	return seq, nil
}

// Replay implements agent.Corrections. An error about a line that isn't kept
// changes nothing, and the store can be used on.
func (s *Store) Replay(source string, ids []uint64, tally *agent.Tally) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows, _ := tally.Size()
	if rows > MaxRows {
		return fmt.Errorf("replay lines of %s: %d rows at once; at most %d are accepted", source, rows, MaxRows)
	}
	if err := s.ready(int64(rows)*2*memberBytes + int64(len(ids))*64); err != nil {
		return fmt.Errorf("replay lines of %s: %w", source, err)
	}
	q, err := s.refused()
	if err != nil {
		return s.fail(fmt.Errorf("replay lines of %s: %w", source, err))
	}
	again, err := s.choose(source, ids)
	if err != nil {
		return fmt.Errorf("replay lines of %s: %w", source, err)
	}
	t := s.begin()
	defer func() { t.discard() }()
	if err := s.replayTally(t, source, again, q, tally); err != nil {
		return s.fail(fmt.Errorf("replay lines of %s: %w", source, err))
	}
	return s.fail(s.evict())
}

// choose returns the refused lines with the given ids by ID, with the window in
// which each is accounted for.
func (s *Store) choose(source string, ids []uint64) (map[uint64]agent.Window, error) {
	again := make(map[uint64]agent.Window, len(ids))
	for _, id := range ids {
		key := numberedKey(prefixRefusal, id)
		payload, err := s.get(key)
		if err != nil {
			return nil, s.fail(err)
		}
		if _, twice := again[id]; payload == nil || twice {
			return nil, fmt.Errorf("refused line %d isn't kept any more, or is named twice", id)
		}
		f, word, err := decodeRefusal(key, payload)
		if err != nil {
			return nil, s.fail(err)
		}
		if name, err := s.dict.word(key, word); err != nil {
			return nil, s.fail(err)
		} else if name != source {
			return nil, fmt.Errorf("refused line %d is of source %s", id, name)
		}
		again[id] = f.Window
	}
	return again, nil
}

func (s *Store) replayTally(t *txn, source string, again map[uint64]agent.Window, q *quarantine, tally *agent.Tally) error {
	var w writes
	if err := s.count(t, &w, tally); err != nil {
		return err
	}
	word := t.word(source)
	less := make(map[agent.Window]uint64)
	for _, at := range again {
		less[at]++
	}
	for at, lines := range tally.Accounts() {
		if err := t.account(&w, at, word, lines, less[at]); err != nil {
			return err
		}
		delete(less, at)
	}
	for at, n := range less {
		if err := t.account(&w, at, word, agent.Accounting{}, n); err != nil {
			return err
		}
	}
	q.forget(&w, func(k kept) bool {
		_, ok := again[k.id]
		return ok
	})
	return t.commitWith(&w)
}
