package checkpoint

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrNoCheckpoint is wrapped by the error of Open when the state directory
// held a state, and its database is gone or opens empty.
var ErrNoCheckpoint = errors.New("no checkpoint")

const sentinelName = "state.json"

// sentinel is a small file beside the database that remembers that there was
// one. Badger can lose a whole database silently: without its MANIFEST it
// opens empty and deletes the tables. Starting afresh would then count from
// somewhere else, so that must be a person's decision.
type sentinel struct {
	Format   int    `json:"format"`
	ID       string `json:"id"`
	Instance string `json:"instance"`
	// Seq is a batch that was in the database. It is written now and then, so
	// the database is usually ahead of it and never behind, unless it went
	// back: a restored copy, or the tail of its log was lost.
	Seq uint64 `json:"seq"`
}

func newSentinel(m meta, seq uint64) sentinel {
	return sentinel{formatVersion, hex.EncodeToString(m.id[:]), m.instance, seq}
}

// readSentinel returns nil when there is none.
func readSentinel(dir string) (*sentinel, error) {
	path := filepath.Join(dir, sentinelName)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	var s sentinel
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("%w: %s: %w\n  hint: if the database beside it is whole, remove this file: it is made anew", ErrDamaged, path, err)
	}
	return &s, nil
}

// writeSentinel replaces the file whole, so that a crash leaves the old one.
func writeSentinel(dir string, s sentinel) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, sentinelName), append(text, '\n'))
}

func replaceFile(path string, content []byte) error {
	temp := path + ".new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
