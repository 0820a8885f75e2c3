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
//  2. Add the tally's rows to the totals in memory and encode them as a batch.
//     When there are very many, further batches of the same commit follow, and
//     all but the last say that more is to come. A crash here leaves batches
//     whose last one is missing: they are ignored.
//  3. Write names of new customers. Unused names mean nothing.
//  4. Write the last batch, positions and accounting in one transaction, which
//     is the commit. Nearly always all of the above is in this transaction too.
func (s *Store) Commit(source string, positions []agent.Position, tally *agent.Tally) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows, _ := tally.Size()
	if rows == 0 && tally.Lines() == 0 && len(positions) == 0 {
		return s.failed
	}
	if rows > MaxRows {
		return s.fail(fmt.Errorf("commit %s: %d rows at once; at most %d are accepted", source, rows, MaxRows))
	}
	if err := s.ready(int64(rows)*rowBytes + int64(len(positions))*2*positionBytes); err != nil {
		return fmt.Errorf("commit %s: %w", source, err)
	}
	if err := s.commitTally(source, positions, tally, rows); err != nil {
		return s.fail(fmt.Errorf("commit %s: %w", source, err))
	}
	return s.fail(s.evict())
}

func (s *Store) commitTally(source string, positions []agent.Position, tally *agent.Tally, rows int) error {
	t := s.begin()
	defer func() { t.discard() }()
	for len(tally.IDs) < tally.Customers() {
		tally.IDs = append(tally.IDs, 1<<32-1) // not known, see number
	}
	if rows > 0 {
		if err := s.foldSome(t, 1+uint64(rows)*rowBytes/partBytes); err != nil {
			return err
		}
		if err := s.putRows(t, tally); err != nil {
			return err
		}
	}
	word := t.word(source)
	for at, lines := range tally.Accounts() {
		key := accountingKey(at, word)
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
		sum.Add(lines)
		t.put(key, appendAccounting(nil, sum))
	}
	if len(positions) > maxPositions {
		return s.commitStaged(t, word, positions)
	}
	putPositions(t, prefixPosition, word, positions)
	return t.commit()
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

// putRows adds the rows of a tally to memory and puts them as one or more
// batches, with the windows and names that are new.
func (s *Store) putRows(t *txn, tally *agent.Tally) error {
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
	for r := range tally.Rows() {
		if len(s.batch.buf) > partBytes {
			if err := s.putPart(t, seq); err != nil {
				return err
			}
			seq++
			s.batch.reset(seq)
			meter = -1
		}
		if w == nil || r.Window != w.at {
			var err error
			if w, err = s.countIn(t, r.Window); err != nil {
				return err
			}
			loaded, meter = append(loaded, w), -1
		}
		if r.Meter != meter {
			meter = r.Meter
			s.batch.begin(w.at, words[meter], r.Minute)
		}
		customer := w.customer(s.number(tally, r.Customer))
		s.batch.add(customer, r.Value, r.Minute)
		c := w.chunk(words[meter], customer/blockRows)
		if err := s.add(c, customer%blockRows, r.Value, r.Minute, seq); err != nil {
			return err
		}
	}
	for _, w := range loaded {
		if err := s.putNames(t, w); err != nil {
			return err
		}
	}
	// What comes now must be one transaction: the batch, positions, accounting.
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
