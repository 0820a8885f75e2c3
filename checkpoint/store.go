// Package checkpoint keeps positions, usage, outbox and ledger in one Badger
// database. It implements agent.Store, and with it agent.Books, Corrections and
// Documents.
//
// Its one idea is that a commit writes one value, not one key per counter: the
// increments go into a ring of batches, and the totals that they belong to are
// rewritten by turns as the ring comes round. Position, increments and
// accounting are one transaction, so a crash at any point counts every line
// exactly once. The layout of the database is the table in format.go.
//
// Only windows that are being counted or sealed are in memory; older ones are
// read when a late line asks for them. The package starts no goroutine of its
// own: the owner calls Maintain now and then. It doesn't talk to Stripe and
// doesn't know which customer a logged name belongs to.
package checkpoint

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/logmeter/logmeter/agent"
)

// ErrClosed is returned by every method after Close.
var ErrClosed = errors.New("the state is closed")

// Options say where a state is and whose it is.
type Options struct {
	// Dir is the state directory, made with mode 0700 when it is absent. It
	// must be on a local file system and belong to logmeter alone.
	Dir string
	// Instance names this agent for ever; it is a part of every identifier.
	Instance string
	// Account is the Stripe account's id and Live its mode, for Bind; an empty
	// Account means that it isn't known yet.
	Account string
	Live    bool
	// Now is the clock for the date of a new state; nil means time.Now.
	Now func() time.Time
	// Log may be nil.
	Log *slog.Logger
	// MinFree is the number of bytes that must be free on the file system for
	// anything to be written; 0 means four times the write buffer, 16 MiB,
	// which is what Badger may need at once. On a full disk it would be killed
	// by the kernel in the middle of a write.
	MinFree int64
	// MaxCustomers is the number of customers of a window that are told apart,
	// beside those that a person adjusts and those of Know; 0 means any number.
	MaxCustomers int
}

// Store is an open state. Its methods may be called from several goroutines.
// After an error other than agent.ErrFull only Close makes sense: what is in
// memory may differ from what is on disk, and Open reads it anew.
type Store struct {
	dir          string
	minFree      int64
	maxCustomers int
	log          *slog.Logger
	lock         *os.File
	db           *badger.DB

	readers sync.WaitGroup // snapshots and merges under way; added to under mu
	merge   sync.Mutex     // only one merge of tables at a time

	// mu guards everything below and orders the writers.
	mu     sync.Mutex
	know   func() func(name []byte) bool // of Know; may be nil
	known  func(name []byte) bool        // its answer for the commit under way
	failed error                         // the first error that left memory unlike the disk, or ErrClosed
	meta   meta

	seq   uint64 // of the last batch
	noted uint64 // the seq in the sentinel
	lost  uint64 // batches that the database went back by before it was opened

	dict    dictionary
	headers map[agent.Window]header // of all windows ever counted
	windows map[agent.Window]*window
	used    uint64 // counts uses of windows, to find the one least recently used
	names   *agent.Names
	dirty   dirtyList

	accounts   accountIndex
	outbox     *OutboxStats // nil until asked for
	oldest     agent.Window // no entry of the outbox is in an older window
	quarantine *quarantine  // nil until asked for
	decided    *uint64      // the last decision's number, nil until asked for
	pruned     agent.Window // the last Prune to find nothing more had this horizon

	batch batchWriter // scratch of Commit
	txns  uint        // counts transactions, to look after Badger now and then
}

var (
	_ agent.Store       = (*Store)(nil)
	_ agent.Books       = (*Store)(nil)
	_ agent.Corrections = (*Store)(nil)
	_ agent.Documents   = (*Store)(nil)
)

// Open opens the state in o.Dir and makes it when there has never been one.
// Errors wrap ErrLocked, ErrNoCheckpoint, ErrDamaged, ErrFormat, ErrBound or
// agent.ErrFull where one of these is the reason; each says what to do.
func Open(o Options) (*Store, error) {
	if o.Instance == "" {
		return nil, errors.New("open the state: the instance has no name")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MinFree == 0 {
		o.MinFree = 4 * memTableBytes
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the state: %w\n  hint: state_dir must be writable for the user that logmeter runs as", err)
	}
	s := &Store{
		dir:          o.Dir,
		minFree:      o.MinFree,
		maxCustomers: o.MaxCustomers,
		log:          o.Log,
		headers:      make(map[agent.Window]header),
		windows:      make(map[agent.Window]*window),
		names:        agent.NewNames(),
		oldest:       firstWindow,
		pruned:       firstWindow,
	}
	var err error
	if s.lock, err = lockDir(o.Dir); err != nil {
		return nil, err
	}
	if err := s.open(o); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

func (s *Store) open(o Options) error {
	// Badger writes as it opens, so a full disk would kill it right here.
	if err := s.space(0); err != nil {
		return err
	}
	known, err := readSentinel(o.Dir)
	if err != nil {
		return err
	}
	if s.db, err = openDatabase(o.Dir, o.Log); err != nil {
		return err
	}
	if s.db.Levels()[0].NumTables >= flattenTables {
		if err := s.flatten(); errors.Is(err, agent.ErrFull) {
			s.log.Warn("too little space to merge tables", "dir", s.dir, "error", err)
		} else if err != nil {
			return fmt.Errorf("open the state: merge tables: %w", err)
		}
	}
	version, err := s.readMeta()
	if err != nil {
		return err
	}
	found := version > 0
	switch {
	case !found && known != nil:
		return fmt.Errorf("%w: %s held the state of instance %s, and its database is gone\n"+
			"  hint: check state_dir, or restore a backup; to start afresh from the end of the log, run with --new-state", ErrNoCheckpoint, o.Dir, known.Instance)
	case !found:
		if err := s.create(o); err != nil {
			return err
		}
	case s.meta.instance != o.Instance:
		return fmt.Errorf("%w: %s is the state of instance %q, not of %q\n"+
			"  hint: set instance = %q to go on with it, or give this agent a state_dir of its own", ErrBound, o.Dir, s.meta.instance, o.Instance, s.meta.instance)
	}
	if found && version < formatVersion {
		if err := s.writeMeta(s.meta); err != nil {
			return fmt.Errorf("raise the state to format %d: %w", formatVersion, err)
		}
		s.log.Info("the state has this version's format now; an older logmeter can't open it any more",
			"dir", s.dir, "format", formatVersion, "before", version)
	}
	if err := s.recover(); err != nil {
		return err
	}
	if err := s.checkSentinel(known); err != nil {
		return err
	}
	return s.Bind(o.Account, o.Live, nil)
}

// readMeta returns the version of the state in the database, 0 when there is
// none.
func (s *Store) readMeta() (version int, err error) {
	err = s.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(metaKey())
		if errors.Is(err, badger.ErrKeyNotFound) {
			it := txn.NewIterator(badger.IteratorOptions{})
			defer it.Close()
			if it.Rewind(); it.Valid() {
				return fmt.Errorf("%w: %s has data but doesn't say whose\n  hint: restore a backup of state_dir, or start afresh with --new-state", ErrDamaged, s.dir)
			}
			return nil
		} else if err != nil {
			return err
		}
		value, err := item.ValueCopy(nil)
		if err != nil {
			return err
		}
		payload, err := openEnvelope(stateID{}, metaKey(), value)
		if err != nil {
			return err
		}
		s.meta, err = decodeMeta(metaKey(), payload)
		version = int(value[0])
		return err
	})
	return version, err
}

func (s *Store) writeMeta(m meta) error {
	s.meta = m
	t := s.begin()
	defer t.discard()
	t.put(metaKey(), appendMeta(nil, m))
	return t.commit()
}

// create makes the state. The database comes before the sentinel: a crash
// between the two leaves a state that the next start recognises.
func (s *Store) create(o Options) error {
	m := meta{created: o.Now().Unix(), instance: o.Instance}
	if _, err := rand.Read(m.id[:]); err != nil {
		return fmt.Errorf("make the state: %w", err)
	}
	if err := s.writeMeta(m); err != nil {
		return fmt.Errorf("make the state: %w", err)
	}
	return nil
}

// checkSentinel compares the database with what the sentinel remembers.
func (s *Store) checkSentinel(known *sentinel) error {
	now := newSentinel(s.meta, s.seq)
	if known != nil {
		if known.ID != now.ID {
			return fmt.Errorf("%w: %s in %s isn't of the database beside it\n"+
				"  hint: if the database was put there on purpose, remove %[2]s: it is made anew", ErrDamaged, sentinelName, s.dir)
		}
		if known.Seq > s.seq {
			// Positions, counts and outbox went back together: the lines are
			// counted again, and entries get the identifiers that they had.
			s.lost = known.Seq - s.seq
		}
	}
	if known != nil && *known == now {
		s.noted = s.seq
		return nil
	}
	return s.note()
}

// note brings the sentinel up to date.
func (s *Store) note() error {
	if err := writeSentinel(s.dir, newSentinel(s.meta, s.seq)); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Join(s.dir, sentinelName), err)
	}
	s.noted = s.seq
	return nil
}

// Close releases the state. It is idempotent. On a full disk it returns an
// error that wraps agent.ErrFull, and leaves the state as a kill does: nothing
// is lost, and the end of the process releases it.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.failed, ErrClosed) {
		return nil
	}
	var err error
	if s.failed == nil && s.noted != s.seq {
		err = s.note()
	}
	s.failed = ErrClosed
	s.readers.Wait()
	// Closing writes a table through a mapping of a sparse file. With no block
	// left for it that is a SIGBUS, which nothing can catch.
	if free, serr := space(s.dir); serr == nil && free < min(s.minFree, 2*memTableBytes) {
		return errors.Join(err, fmt.Errorf("%w: the state in %s wasn't closed in order; nothing is lost, the next start goes on from its log", agent.ErrFull, s.dir))
	}
	return errors.Join(err, s.release())
}

// release closes what is open; the lock goes last.
func (s *Store) release() error {
	var err error
	if s.db != nil {
		err = s.db.Close()
	}
	return errors.Join(err, unlock(s.lock))
}
