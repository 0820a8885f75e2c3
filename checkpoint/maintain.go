package checkpoint

import (
	"fmt"
	"time"
)

// Maintain does what the database needs now and then: it prunes, brings the
// sentinel up to date, and merges tables when there are several. Call it about
// once a minute; commits go on meanwhile. A step for which there is too little
// space is left out, and the error wraps agent.ErrFull.
func (s *Store) Maintain(now time.Time) error {
	if _, err := s.Prune(now); err != nil {
		return err
	}
	if due, err := s.upkeep(); err != nil || !due {
		return err
	}
	defer s.readers.Done()
	if err := s.flatten(); err != nil {
		return fmt.Errorf("merge tables: %w", err)
	}
	return nil
}

// upkeep writes the sentinel and says whether tables are to be merged; Close
// then waits for readers.
func (s *Store) upkeep() (mergeDue bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return false, s.failed
	}
	if s.noted != s.seq {
		if err := s.space(0); err != nil {
			return false, fmt.Errorf("maintain the state: %w", err)
		}
		if err := s.note(); err != nil {
			return false, fmt.Errorf("maintain the state: %w", err)
		}
	}
	if s.db.Levels()[0].NumTables < flattenTables {
		return false, nil
	}
	s.readers.Add(1)
	return true, nil
}

// flatten merges Badger's tables: those of its first level lie over each
// other, and every read looks into all of them. It needs room for the tables
// that it reads in a second copy, and for the part of the next level that they
// lie over. Badger writes the new tables, names them in its MANIFEST and then
// removes the old ones; a crash leaves tables without a name, which the next
// start removes.
func (s *Store) flatten() error {
	s.merge.Lock()
	defer s.merge.Unlock()
	if err := s.space(2*s.db.Levels()[0].Size + 32<<20); err != nil {
		return err
	}
	return s.db.Flatten(1)
}
