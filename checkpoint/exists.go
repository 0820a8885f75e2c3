package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
)

// Exists reports whether there is, or was, a state in dir. It takes no lock and
// makes nothing. The state may be damaged: Open says.
func Exists(dir string) (bool, error) {
	for _, name := range []string{sentinelName, databaseName} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return true, nil
		} else if !errors.Is(err, os.ErrNotExist) {
			return false, err
		}
	}
	return false, nil
}
