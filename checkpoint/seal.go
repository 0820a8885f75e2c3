package checkpoint

import (
	"fmt"
	"slices"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// Seal implements agent.Store. It seals some hundreds of rows in each
// transaction, which holds their entries and the chunks that say that they are
// sealed. A crash between two transactions leaves rows that the next call
// seals; commits go on between them.
func (s *Store) Seal(closed time.Time) (int, error) {
	sealed := 0
	for _, at := range s.sealable(closed) {
		for done := false; !done; {
			var n int
			var err error
			if n, done, err = s.sealSome(at); err != nil {
				return sealed, fmt.Errorf("seal %s: %w", at, err)
			}
			sealed += n
		}
	}
	return sealed, nil
}

// sealable returns the open windows that ended at or before closed, the oldest
// first.
func (s *Store) sealable(closed time.Time) []agent.Window {
	s.mu.Lock()
	defer s.mu.Unlock()
	var windows []agent.Window
	for at, h := range s.headers {
		if h.stage == stageOpen && !at.End().After(closed) {
			windows = append(windows, at)
		}
	}
	slices.Sort(windows)
	return windows
}

// sealSome seals rows of a window in one transaction; done says that none is
// left.
func (s *Store) sealSome(at agent.Window) (sealed int, done bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(2 * txnBytes); err != nil {
		return 0, false, err
	}
	w, err := s.load(at)
	if err != nil {
		return 0, false, s.fail(err)
	}
	t := s.begin()
	defer func() { t.discard() }()
	h := s.headers[at]
	for _, m := range w.meters {
		for _, c := range m.chunks {
			if c == nil || t.full() {
				continue
			}
			n, err := s.sealChunk(t, c, h.floor)
			if err != nil {
				return 0, false, s.fail(err)
			}
			sealed += n
		}
	}
	if done = w.pending == 0; done {
		h.stage = stageSealed
		s.headers[at] = h
		t.put(windowKey(prefixHeader, at), appendHeader(nil, h))
	}
	if sealed > 0 {
		s.oldest = min(s.oldest, at)
		if s.outbox != nil {
			s.outbox.Sealed += sealed
		}
	}
	if err := t.commit(); err != nil {
		return 0, false, err
	}
	return sealed, done, s.fail(s.evict())
}

// sealChunk seals rows of a chunk until the transaction is full.
func (s *Store) sealChunk(t *txn, c *chunk, floor uint32) (sealed int, err error) {
	meter := s.dict.words[c.meter]
	for i := range c.rows {
		r := &c.rows[i]
		if int64(r.pending()) == 0 {
			continue
		}
		if t.full() {
			break
		}
		seq, err := nextSeq(r, floor, meter)
		if err != nil {
			return 0, err
		}
		e := agent.Entry{
			Meter:    meter,
			Customer: string(s.names.Name(c.w.numbers[c.block*blockRows+uint32(i)])),
			Window:   c.w.at,
			Seq:      seq,
			From:     r.reported,
			Value:    int64(r.pending()),
			Minute:   r.minute,
			State:    agent.Sealed,
		}
		t.putEntry(t, prefixOutbox, &e)
		r.reported, r.seq, r.minute = r.total, e.Seq, 0
		c.w.pending--
		sealed++
	}
	if sealed > 0 {
		s.fold(t, c)
	}
	return sealed, nil
}
