package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// SetAside moves the state in dir out of the way, for a start afresh, and
// returns where it is now: a directory in dir named for the time. Nothing is
// deleted. It does nothing, and returns "", when there is no state.
func SetAside(dir string, now time.Time) (string, error) {
	lock, err := lockDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	defer unlock(lock)
	aside := filepath.Join(dir, "aside-"+now.UTC().Format("20060102T150405Z"))
	moved := ""
	// The sentinel goes last: a crash in between leaves one without a database,
	// which Open refuses.
	for _, name := range []string{databaseName, sentinelName} {
		if _, err := os.Lstat(filepath.Join(dir, name)); errors.Is(err, os.ErrNotExist) {
			continue
		}
		if moved == "" {
			if err := os.Mkdir(aside, 0o700); err != nil {
				return "", fmt.Errorf("set the state aside: %w", err)
			}
			moved = aside
		}
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(aside, name)); err != nil {
			return "", fmt.Errorf("set the state aside: %w", err)
		}
	}
	return moved, syncDir(dir)
}
