package checkpoint

import (
	"fmt"
	"math"

	"github.com/logmeter/logmeter/agent"
)

const (
	// partBytes is the size of a batch at which a commit goes on in another.
	partBytes = 192 << 10

	// rowBytes bounds what a row takes in a batch: a customer (5), a value
	// (10), a minute (1), and its group's head (12) when it is alone there.
	rowBytes = 32

	// foldTurns is how many batches a chunk with increments waits before it is
	// written, and the number of commits that then share the work. It is half
	// the ring, so the work is done before the ring comes round.
	foldTurns = ringSlots / 2
)

// MaxRows is the number of rows of a tally that one Commit takes. A tally
// should be committed long before, at some 50,000 rows, while the transaction
// is small.
const MaxRows = foldTurns * partBytes / rowBytes

// Commit implements agent.Store.
//
// It does, in this order:
//
//  1. Write anew the chunks that have waited longest in the ring, and in any
//     case those whose oldest increments are in a slot that is needed now. They
//     hold what was committed before, so they may be durable before the rest.
//  2. Add the tally's rows to the totals in memory and encode them as a batch;
//     of its members those that are new. When there are very many, further
//     batches of the same commit follow, and all but the last say that more is
//     to come. A crash here leaves batches whose last one is missing: they are
//     ignored.
//  3. Write names of new customers. Unused names mean nothing.
//  4. Write the last batch, positions, accounting, members and refused lines in
//     one transaction, which is the commit; see commitWith for more than fits.
//     Nearly always all of the above is in this transaction too.
func (s *Store) Commit(source string, positions []agent.Position, tally *agent.Tally) error {
	known := s.askKnown()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = known
	rows, _ := tally.Size()
	if rows == 0 && tally.Lines() == 0 && len(positions) == 0 {
		return s.failed
	}
	if rows > MaxRows {
		return s.fail(fmt.Errorf("commit %s: %d rows at once; at most %d are accepted", source, rows, MaxRows))
	}
	bytes := int64(rows)*2*memberBytes + int64(len(positions))*2*positionBytes
	for _, r := range tally.Refusals() {
		bytes += 2 * int64(len(r.Line)+len(r.Path)+refusalBytes)
	}
	if err := s.ready(bytes); err != nil {
		return fmt.Errorf("commit %s: %w", source, err)
	}
	t := s.begin()
	defer func() { t.discard() }()
	err := s.commitTally(t, source, positions, tally)
	if err == nil {
		err = s.evict()
	}
	if err != nil {
		return s.fail(fmt.Errorf("commit %s: %w", source, err))
	}
	return nil
}

func (s *Store) commitTally(t *txn, source string, positions []agent.Position, tally *agent.Tally) error {
	var w writes
	if err := s.count(t, &w, tally); err != nil {
		return err
	}
	word := t.word(source)
	for at, lines := range tally.Accounts() {
		if err := t.account(&w, at, word, lines, 0); err != nil {
			return err
		}
	}
	if err := s.keep(&w, word, tally.Refusals()); err != nil {
		return err
	}
	putPositions(&w, word, positions)
	return t.commitWith(&w)
}

// count adds the rows and the new members of a tally to memory, and puts what
// makes that durable once t is committed with w.
func (s *Store) count(t *txn, w *writes, tally *agent.Tally) error {
	for len(tally.IDs) < tally.Customers() {
		tally.IDs = append(tally.IDs, 1<<32-1) // not known, see admit
	}
	rows, _ := tally.Size()
	if rows == 0 {
		return nil
	}
	if err := s.foldSome(t, 1+uint64(rows)*rowBytes/partBytes); err != nil {
		return err
	}
	return s.putRows(t, w, tally)
}

// account adds lines to where the lines of a window went, and takes those off
// that were refused and are read again.
func (t *txn) account(w *writes, at agent.Window, source uint32, lines agent.Accounting, again uint64) error {
	key := accountingKey(at, source)
	payload, err := t.get(key)
	if err != nil {
		return err
	}
	var sum agent.Accounting
	if payload != nil {
		if sum, err = decodeAccounting(key, payload); err != nil {
			return err
		}
	}
	if sum.Lines < again || sum.Refused < again {
		return fmt.Errorf("%w: %s: %d lines were refused, and %d of them are kept", ErrDamaged, keyString(key), sum.Refused, again)
	}
	sum.Lines, sum.Refused = sum.Lines-again, sum.Refused-again
	sum.Add(lines)
	w.put(key, appendAccounting(nil, sum))
	return nil
}

func putPositions(w *writes, source uint32, positions []agent.Position) {
	for i := range positions {
		p := &positions[i]
		key := positionKey(prefixPosition, source, p.ID)
		if p.Gone {
			w.remove(key)
			continue
		}
		w.put(key, appendPosition(nil, p))
	}
}

// foldSome puts chunks so that the next batches may overwrite the oldest.
func (s *Store) foldSome(t *txn, batches uint64) error {
	for turn := s.dirty.len() / foldTurns; ; turn-- {
		c := s.dirty.front()
		if c == nil {
			return nil
		}
		due := c.since+ringSlots <= s.seq+batches
		ripe := c.since+foldTurns <= s.seq && turn >= 0 && t.bytes <= txnBytes/2
		if !due && !ripe {
			return nil
		}
		s.fold(t, c)
		if t.full() {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
}

// putRows adds the rows of a tally, and those that its new members make, to
// memory and puts them as one or more batches, with the windows and names that
// are new. The members go with w.
func (s *Store) putRows(t *txn, with *writes, tally *agent.Tally) error {
	words := make([]uint32, len(tally.Meters()))
	for i, m := range tally.Meters() {
		words[i] = t.word(m)
	}
	var (
		w      *window
		meter  = -1
		seq    = s.seq + 1
		loaded []*window
	)
	s.batch.reset(seq)
	in := func(at agent.Window) error {
		if w != nil && w.at == at {
			return nil
		}
		var err error
		if w, err = s.countIn(t, at); err != nil {
			return err
		}
		loaded, meter = append(loaded, w), -1
		if t.full() {
			return t.flush()
		}
		return nil
	}
	put := func(r agent.Row) error {
		if len(s.batch.buf) > partBytes {
			if err := s.putPart(t, seq); err != nil {
				return err
			}
			seq++
			s.batch.reset(seq)
			meter = -1
		}
		if r.Meter != meter {
			meter = r.Meter
			s.batch.begin(w.at, words[meter], r.Minute)
		}
		customer := s.admit(w, tally, r.Customer)
		s.batch.add(customer, r.Value, r.Minute)
		c := w.chunk(words[meter], customer/blockRows)
		return s.add(c, customer%blockRows, r.Value, r.Minute, seq)
	}
	for r := range tally.Rows() {
		if err := in(r.Window); err != nil {
			return err
		}
		if err := put(r); err != nil {
			return err
		}
	}
	seen := newMembers{t: t, with: with}
	for x := range tally.Members() {
		if err := in(x.Window); err != nil {
			return err
		}
		isNew, err := seen.add(memberKey(x.Period, tally.Meters()[x.Meter], s.accountName(w, tally, x.Customer), x.ID))
		if err != nil {
			return err
		}
		if !isNew {
			continue
		}
		if err := put(agent.Row{Window: x.Window, Meter: x.Meter, Customer: x.Customer, Value: x.Value, Minute: x.Minute}); err != nil {
			return err
		}
	}
	if seq == s.seq+1 && !s.batch.open {
		return nil // every member was known
	}
	for _, w := range loaded {
		if err := s.putNames(t, w); err != nil {
			return err
		}
	}
	// What comes now must be one transaction: the batch and all that goes with
	// it.
	if t.bytes > txnBytes/4 {
		if err := t.flush(); err != nil {
			return err
		}
	}
	s.batch.end()
	t.put(batchKey(seq), s.batch.buf)
	s.seq = seq
	return nil
}

// putPart puts a batch that others of the same commit follow.
func (s *Store) putPart(t *txn, seq uint64) error {
	s.batch.end()
	s.batch.more()
	t.put(batchKey(seq), s.batch.buf)
	return t.flush()
}

// countIn returns a window to count in, in memory and marked as open.
func (s *Store) countIn(t *txn, at agent.Window) (*window, error) {
	h, ok := s.headers[at]
	if h.stage == stagePruning {
		// Its remains must be gone before new usage comes to the same keys.
		all := math.MaxInt
		if err := s.sweepWindow(t, at, &all); err != nil {
			return nil, err
		}
		if err := t.flush(); err != nil {
			return nil, err
		}
		h = s.headers[at]
	}
	if !ok || h.stage == stagePruned {
		h.since = s.seq + 1
	}
	if h.stage != stageOpen {
		// An open window without usage means nothing: Seal closes it.
		h.stage = stageOpen
		s.headers[at] = h
		t.put(windowKey(prefixHeader, at), appendHeader(nil, h))
	}
	return s.load(at)
}
