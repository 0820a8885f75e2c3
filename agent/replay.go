package agent

import (
	"errors"
	"slices"
)

// replayBatch is how many refused lines are counted in one transaction.
const replayBatch = 500

// Replayed says what became of refused lines on a second reading.
type Replayed struct {
	// Lines says where those went that can be read now.
	Lines Accounting
	// Refused are still refused, and stay kept. Cut are too long to have been
	// kept whole, so they can't be read again.
	Refused, Cut int
}

// Replay reads the refused lines of a source again, as its parser and the
// meters are now, and counts those that can be read: each once, since the same
// transaction forgets that it was refused. After a crash the rest is still
// there to be replayed. ids chooses among them; none means all.
//
// The source's own parser belongs to its loop: p must be another one.
func Replay(source string, ids []uint64, p Parser, ms *Meters, b Books, c Corrections) (Replayed, error) {
	var sum Replayed
	var batch []uint64
	t := ms.NewTally()
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := c.Replay(source, batch, t); err != nil {
			return err
		}
		for _, lines := range t.Accounts() {
			sum.Lines.Add(lines)
		}
		t.Reset()
		batch = batch[:0]
		return nil
	}
	var rec Record
	for r, err := range b.Refusals() {
		switch {
		case err != nil:
			return sum, err
		case r.Source != source || len(ids) > 0 && !slices.Contains(ids, r.ID):
			continue
		case r.Size > len(r.Line):
			sum.Cut++
			continue
		}
		switch err := p.Parse(r.Line, &rec); {
		case err == nil:
			ms.Measure(&rec, t)
		case errors.Is(err, ErrSkip):
			t.skipIn(r.Window)
		default:
			sum.Refused++
			continue
		}
		if batch = append(batch, r.ID); len(batch) == replayBatch {
			if err := flush(); err != nil {
				return sum, err
			}
		}
	}
	return sum, flush()
}
