package checkpoint

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"golang.org/x/sys/unix"

	"github.com/logmeter/logmeter/agent"
)

const (
	databaseName = "db"

	// memTableBytes sizes Badger's write buffer. It bounds a transaction to
	// 15 % of it, the work after a kill, and the memory: 1.3 times this for
	// each of at most three tables.
	memTableBytes = 4 << 20

	// txnBytes and txnEntries bound our transactions well below Badger's limit
	// of 15 % of the table and 6553 entries.
	txnBytes   = 384 << 10
	txnEntries = 3000

	// flattenTables is the number of tables in Badger's first level at which
	// Open and Maintain merge them: every start after a kill leaves one. A
	// write does it itself at forceTables, when nobody maintains.
	flattenTables = 4
	forceTables   = 48

	// noStall is a number of such tables that is never reached. Badger waits
	// there for compactors, of which we have none: for ever, and in Open too.
	noStall = 1 << 20
)

func badgerOptions(dbDir string, log *slog.Logger) badger.Options {
	return badger.DefaultOptions(dbDir).
		WithLogger(badgerLog{log}).
		WithSyncWrites(true).
		WithMemTableSize(memTableBytes).
		WithNumMemtables(1).
		// All values lie in the tables: the value log stays empty, and no
		// garbage collection of it is needed.
		WithValueThreshold(512 << 10).
		WithValueLogFileSize(1 << 20).
		// Two compactors would wake up a hundred times a second for nothing:
		// 0.5 to 1 % of a core. Maintain compacts when there is something to do.
		WithNumCompactors(0).
		WithNumLevelZeroTables(1).
		WithNumLevelZeroTablesStall(noStall).
		WithBaseTableSize(1 << 20).
		WithBaseLevelSize(2 << 20).
		WithBlockCacheSize(0).
		WithIndexCacheSize(0).
		WithCompression(options.None).
		// The tables were verified by preflight, and every value has a checksum
		// of its own.
		WithChecksumVerificationMode(options.NoVerification).
		WithMetricsEnabled(false).
		// One mutex of ours orders all writers.
		WithDetectConflicts(false).
		WithNumGoroutines(1)
}

// badgerLog passes Badger's complaints on; what it tells about itself is for
// debugging only.
type badgerLog struct{ log *slog.Logger }

func (l badgerLog) Errorf(format string, args ...any) {
	l.log.Error("badger", "message", line(format, args))
}

func (l badgerLog) Warningf(format string, args ...any) {
	l.log.Warn("badger", "message", line(format, args))
}
func (l badgerLog) Infof(format string, args ...any)  {}
func (l badgerLog) Debugf(format string, args ...any) {}

func line(format string, args []any) string {
	return strings.TrimSpace(fmt.Sprintf(format, args...))
}

// openDatabase opens, or makes, the database of a locked state directory.
func openDatabase(dir string, log *slog.Logger) (*badger.DB, error) {
	dbDir := filepath.Join(dir, databaseName)
	removed, err := sweep(dbDir)
	if err != nil {
		return nil, fmt.Errorf("open the state: %w", err)
	}
	if len(removed) > 0 {
		log.Info("removed empty files of a killed process", "files", removed)
	}
	if err := preflight(dbDir); err != nil {
		return nil, err
	}
	db, err := badger.Open(badgerOptions(dbDir, log))
	if err != nil {
		return nil, explain(dbDir, err)
	}
	return db, nil
}

// explain says in plain words what Badger's error at opening means.
func explain(dbDir string, err error) error {
	const restore = "\n  hint: restore a backup of state_dir, or start afresh with --new-state"
	text := err.Error()
	switch {
	case errors.Is(err, os.ErrPermission), errors.Is(err, unix.EROFS):
		return fmt.Errorf("open the state: %w\n  hint: state_dir must be writable for the user that logmeter runs as", err)
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("open the state in %s: %w: %w", dbDir, agent.ErrFull, err)
	case strings.Contains(text, "Another process is using"):
		return fmt.Errorf("%w: %s", ErrLocked, dbDir)
	case strings.Contains(text, "checksum"):
		return fmt.Errorf("%w: a file in %s isn't as it was written: %w%s", ErrDamaged, dbDir, err, restore)
	case strings.Contains(text, "file does not exist"):
		return fmt.Errorf("%w: a file is missing from %s: %w%s", ErrDamaged, dbDir, err, restore)
	}
	return fmt.Errorf("%w: %s can't be opened: %w%s", ErrDamaged, dbDir, err, restore)
}

// space returns the bytes that the file system of dir can still take.
func space(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	if st.Files > 0 && st.Ffree == 0 {
		return 0, nil
	}
	return int64(st.Bavail) * st.Bsize, nil
}
