package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
	"golang.org/x/sys/unix"
)

// preflight reads every table of the database once, before Badger opens it,
// because Badger meets damage badly: without its MANIFEST it opens a database
// as an empty one and deletes the tables, a table that is cut short ends the
// process from a goroutine, and one with a wrong checksum may be left out.
func preflight(dbDir string) error {
	const hint = "\n  hint: restore a backup of state_dir, or start afresh with --new-state"
	files, err := os.ReadDir(dbDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("open the state: %w", err)
	}
	manifest, err := os.Open(filepath.Join(dbDir, badger.ManifestFilename))
	if errors.Is(err, os.ErrNotExist) {
		for _, f := range files {
			if ext := filepath.Ext(f.Name()); ext == ".sst" || ext == ".mem" {
				return fmt.Errorf("%w: %s holds %s but no MANIFEST, the list of its tables; nothing was changed%s", ErrDamaged, dbDir, f.Name(), hint)
			}
		}
		return nil
	} else if err != nil {
		return fmt.Errorf("open the state: %w", err)
	}
	defer manifest.Close()
	list, _, err := badger.ReplayManifestFile(manifest, 0, badger.Options{})
	if err != nil {
		return fmt.Errorf("%w: %s: %w%s", ErrDamaged, manifest.Name(), err, hint)
	}
	// A table that isn't listed is what a kill left of a merge; Badger removes it.
	for id := range list.Tables {
		name := table.IDToFilename(id)
		if !slices.ContainsFunc(files, func(f os.DirEntry) bool { return f.Name() == name }) {
			return fmt.Errorf("%w: %s is missing from %s%s", ErrDamaged, name, dbDir, hint)
		}
		path := filepath.Join(dbDir, name)
		if err := checkTable(path, id); err != nil {
			return fmt.Errorf("%w: %s: %w%s", ErrDamaged, path, err, hint)
		}
	}
	return nil
}

// checkTable verifies the frame of a table and the checksum of every block.
func checkTable(path string, id uint64) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 || info.Size() > 1<<32 {
		return fmt.Errorf("it has %d bytes", info.Size())
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	defer func() {
		if uerr := unix.Munmap(data); err == nil {
			err = uerr
		}
	}()
	if !framed(data) {
		return fmt.Errorf("it is cut short, at %d bytes", len(data))
	}
	// What Badger panics with is a dump of the table, of no use to people.
	defer func() {
		if recover() != nil {
			err = errors.New("it isn't as it was written")
		}
	}()
	t, err := table.OpenInMemoryTable(data, id, &table.Options{})
	if err != nil {
		return err
	}
	return t.VerifyChecksum()
}

// framed reports whether a table ends as one does:
//
//	index | length of index (4) | checksum | length of checksum (4)
//
// Badger exits when it doesn't. A table that was cut anywhere ends with other
// bytes: a checksum is a few varints, so its length is below 64.
func framed(data []byte) bool {
	end := len(data)
	back := func(limit uint32) bool {
		if end < 4 {
			return false
		}
		n := binary.BigEndian.Uint32(data[end-4:])
		end -= 4
		if n == 0 || n >= limit || int(n) > end {
			return false
		}
		end -= int(n)
		return true
	}
	return back(64) && back(1<<31) && end > 0
}
