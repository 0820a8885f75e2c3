package checkpoint

import (
	"fmt"
	"slices"
	"time"

	"github.com/logmeter/logmeter/agent"
)

const (
	// retention is how long usage and the ledger are kept after their window.
	// Stripe takes events for 35 days.
	retention = 40 * 24 * time.Hour

	// trailRetention is how long decisions of people are kept.
	trailRetention = 400 * 24 * time.Hour

	// pruneKeys is how many keys one Prune deletes: at a call a minute,
	// several million a day.
	pruneKeys = 5000
)

// Prune deletes what is older than 40 days: totals and names of windows, the
// accounting of their lines, refused lines, members of periods that are over,
// accepted and written off entries; and decisions older than 400 days. Usage
// that isn't sealed and entries of the outbox are never deleted, nor is the
// usage that they came from. One call deletes some thousands of keys at most and
// returns how many; 0 means that nothing is left to delete.
func (s *Store) Prune(now time.Time) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(txnBytes); err != nil {
		return 0, fmt.Errorf("prune: %w", err)
	}
	before := horizon(now)
	if s.pruned == before {
		return 0, nil // what came to be old since waits for the next hour
	}
	t := s.begin()
	defer func() { t.discard() }()
	left := pruneKeys
	for _, step := range []func(*txn, agent.Window, *int) error{
		s.pruneWindows, s.pruneRefusals, s.pruneAccounting, s.pruneMembers, s.pruneLedger,
		func(t *txn, _ agent.Window, left *int) error { return s.pruneTrail(t, now, left) },
	} {
		if err := step(t, before, &left); err != nil {
			return 0, s.fail(fmt.Errorf("prune: %w", err))
		}
	}
	if t.keys > 0 {
		if err := t.commit(); err != nil {
			return 0, fmt.Errorf("prune: %w", err)
		}
	}
	if left == pruneKeys {
		s.pruned = before
	}
	return pruneKeys - left, nil
}

// horizon returns the first window that is kept at now.
func horizon(now time.Time) agent.Window { return agent.WindowOf(now.Add(-retention)) }

// pruneWindows deletes the usage of old windows. The header comes first and
// stays for ever, with the highest seq: a late line may still bring the window
// back, and its identifiers must be new ones. A crash in the middle leaves a
// window that is being pruned, and the next call goes on.
func (s *Store) pruneWindows(t *txn, before agent.Window, left *int) error {
	var old []agent.Window
	for at, h := range s.headers {
		if at < before && (h.stage == stageSealed || h.stage == stagePruning) {
			old = append(old, at)
		}
	}
	slices.Sort(old)
	for _, at := range old {
		if *left <= 0 {
			return nil
		}
		if s.headers[at].stage == stageSealed {
			if s.inOutbox(at) {
				continue
			}
			if err := s.condemn(t, at); err != nil {
				return err
			}
		}
		if err := s.sweepWindow(t, at, left); err != nil {
			return err
		}
	}
	return nil
}

// inOutbox reports whether an entry of the window isn't accepted yet.
func (s *Store) inOutbox(at agent.Window) bool {
	found, prefix := false, windowKey(prefixOutbox, at)
	s.scanKeys(prefix, prefix, func([]byte) bool {
		found = true
		return false
	})
	return found
}

// condemn marks a window as being pruned and takes it out of memory. The
// increments that the ring still has of it are void from here on.
func (s *Store) condemn(t *txn, at agent.Window) error {
	w, err := s.load(at)
	if err != nil {
		return err
	}
	h := s.headers[at]
	h.stage, h.since = stagePruning, s.seq+1
	for _, m := range w.meters {
		for _, c := range m.chunks {
			if c == nil {
				continue
			}
			c.since = 0 // leaves the dirty list
			for i := range c.rows {
				h.floor = max(h.floor, c.rows[i].seq)
			}
		}
	}
	delete(s.windows, at)
	s.forgetNames()
	s.headers[at] = h
	t.put(windowKey(prefixHeader, at), appendHeader(nil, h))
	return nil
}

// sweepWindow deletes the keys of a condemned window, as many as are left.
func (s *Store) sweepWindow(t *txn, at agent.Window, left *int) error {
	for _, prefix := range []byte{prefixChunk, prefixNames} {
		if err := s.removeAll(t, windowKey(prefix, at), left, nil); err != nil {
			return err
		}
		if *left <= 0 {
			return nil
		}
	}
	h := s.headers[at]
	h.stage = stagePruned
	s.headers[at] = h
	t.put(windowKey(prefixHeader, at), appendHeader(nil, h))
	return nil
}

// pruneRefusals forgets refused lines before their accounting: only what is
// accounted for can be read again.
func (s *Store) pruneRefusals(t *txn, before agent.Window, left *int) error {
	q, err := s.refused()
	if err != nil {
		return err
	}
	var w writes
	q.forget(&w, func(k kept) bool {
		if k.window >= before || *left <= 0 {
			return false
		}
		*left--
		return true
	})
	for _, x := range w.list {
		t.do(x)
		if t.full() {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) pruneMembers(t *txn, before agent.Window, left *int) error {
	return s.removeAll(t, []byte{prefixMember}, left, func(key, _ []byte) (remove, more bool, err error) {
		old := keyWindow(key) < before
		return old, old, nil
	})
}

func (s *Store) pruneTrail(t *txn, now time.Time, left *int) error {
	return s.removeAll(t, []byte{prefixDecision}, left, func(key, payload []byte) (remove, more bool, err error) {
		d, _, err := decodeDecision(key, payload)
		old := d.At < now.Add(-trailRetention).Unix()
		return old, old, err
	})
}

func (s *Store) pruneAccounting(t *txn, before agent.Window, left *int) error {
	return s.removeAll(t, []byte{prefixAccounting}, left, func(key, _ []byte) (remove, more bool, err error) {
		old := keyWindow(key) < before
		return old, old, nil
	})
}

// pruneLedger keeps an entry of an old window that was settled lately.
func (s *Store) pruneLedger(t *txn, before agent.Window, left *int) error {
	return s.removeAll(t, []byte{prefixLedger}, left, func(key, payload []byte) (remove, more bool, err error) {
		if keyWindow(key) >= before {
			return false, false, nil
		}
		e, _, err := decodeEntry(key, payload)
		return e.Settled < before.Start().Unix(), true, err
	})
}

// removeAll deletes the keys under prefix that choose tells it to (nil: all),
// at most left of them, and takes their number off left.
func (s *Store) removeAll(t *txn, prefix []byte, left *int, choose func(key, payload []byte) (remove, more bool, err error)) error {
	return s.scan(prefix, nil, func(key, payload []byte) (bool, error) {
		if *left <= 0 {
			return false, nil
		}
		if choose != nil {
			remove, more, err := choose(key, payload)
			if err != nil || !remove {
				return more, err
			}
		}
		t.remove(append([]byte(nil), key...))
		*left--
		if t.full() {
			return true, t.flush()
		}
		return true, nil
	})
}
