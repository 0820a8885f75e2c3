package checkpoint

import (
	"fmt"

	"github.com/logmeter/logmeter/agent"
)

// OutboxStats counts the entries of the outbox by state.
type OutboxStats struct {
	Sealed, Held, Parked int
	// Oldest is the window of the oldest entry; meaningless without one.
	Oldest agent.Window
}

// Entries returns the number of entries in the outbox.
func (o OutboxStats) Entries() int { return o.Sealed + o.Held + o.Parked }

func (o *OutboxStats) add(state agent.State, n int) {
	switch state {
	case agent.Sealed:
		o.Sealed += n
	case agent.Held:
		o.Held += n
	case agent.Parked:
		o.Parked += n
	}
}

// replace notes that e has taken the place of old. A nil o counts nothing.
func (o *OutboxStats) replace(old, e *agent.Entry) {
	if o != nil {
		o.add(old.State, -1)
		o.add(e.State, 1)
	}
}

// more notes an entry that is new.
func (o *OutboxStats) more(state agent.State) {
	if o != nil {
		o.add(state, 1)
	}
}

// Stats say how large the state is.
type Stats struct {
	Created   int64       // Unix seconds
	Account   string      // "" until bound
	Live      bool        // the mode it is bound to
	Commits   uint64      // batches written since the state was made
	Lost      uint64      // batches that were gone when the state was opened; they are counted again
	Windows   int         // windows with usage on disk
	Unsealed  int         // of those, windows with usage that may not be sealed
	InMemory  int         // windows in memory
	Names     int         // customers' names in memory
	Outbox    OutboxStats // entries on their way
	Positions int         // of files, of all sources
	Refused   int         // refused lines that are kept
	DiskBytes int64       // tables of the database
	FreeBytes int64       // on the file system, above what must stay free
}

// Stats returns the sizes of the state. The first call counts the outbox, the
// later ones don't.
func (s *Store) Stats() (Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return Stats{}, s.failed
	}
	if s.outbox == nil {
		var counted OutboxStats
		err := s.scan([]byte{prefixOutbox}, nil, func(key, payload []byte) (bool, error) {
			e, _, err := decodeEntry(key, payload)
			counted.add(e.State, 1)
			return true, err
		})
		if err != nil {
			return Stats{}, fmt.Errorf("count the outbox: %w", err)
		}
		s.outbox = &counted
	}
	s.scanKeys([]byte{prefixOutbox}, windowKey(prefixOutbox, s.oldest), func(key []byte) bool {
		s.outbox.Oldest = keyWindow(key)
		return false
	})
	st := Stats{
		Created:  s.meta.created,
		Account:  s.meta.account,
		Live:     s.meta.live,
		Commits:  s.seq,
		Lost:     s.lost,
		InMemory: len(s.windows),
		Names:    s.names.Len(),
		Outbox:   *s.outbox,
	}
	for _, h := range s.headers {
		switch h.stage {
		case stageOpen:
			st.Unsealed++
			st.Windows++
		case stageSealed:
			st.Windows++
		}
	}
	s.scanKeys([]byte{prefixPosition}, nil, func([]byte) bool {
		st.Positions++
		return true
	})
	q, err := s.refused()
	if err != nil {
		return Stats{}, fmt.Errorf("count refused lines: %w", err)
	}
	st.Refused = len(q.list)
	for _, t := range s.db.Tables() {
		st.DiskBytes += int64(t.OnDiskSize)
	}
	free, err := space(s.dir)
	st.FreeBytes = max(0, free-s.minFree)
	return st, err
}
