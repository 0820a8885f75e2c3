package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrLocked is wrapped by the error of Open while another process has the
// state open.
var ErrLocked = errors.New("the state is in use")

const lockName = "lock"

// lockDir takes the lock of a state directory. It is a lock of the kernel's,
// so a killed process leaves none behind; the file itself stays for ever,
// since removing it would let two processes hold two different files.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the state: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder := ""
		if text, err := io.ReadAll(io.LimitReader(f, 32)); err == nil {
			if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
				holder = fmt.Sprintf(" by process %d", pid)
			}
		}
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w%s: %s\n  hint: only one logmeter can run on a state_dir", ErrLocked, holder, dir)
		}
		return nil, fmt.Errorf("lock %s: %w\n  hint: state_dir must be on a local file system", path, err)
	}
	// The number is for the message above only; that it can't be written is
	// no reason to stop.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f, nil
}

// unlock releases the lock at once, also when a child that is just being
// started still has the file.
func unlock(f *os.File) error {
	return errors.Join(unix.Flock(int(f.Fd()), unix.LOCK_UN), f.Close())
}

// sweep removes the empty log files that a process leaves behind when it is
// killed between creating one and giving it its size. Badger refuses to open a
// database with such a file in it. Nothing was ever in them. The caller holds
// the lock, so none is being made now.
func sweep(dbDir string) (removed []string, err error) {
	files, err := os.ReadDir(dbDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	for _, f := range files {
		if ext := filepath.Ext(f.Name()); ext != ".mem" && ext != ".vlog" {
			continue
		}
		if info, err := f.Info(); err != nil || info.Size() > 0 {
			continue
		}
		if err := os.Remove(filepath.Join(dbDir, f.Name())); err != nil {
			return removed, err
		}
		removed = append(removed, f.Name())
	}
	return removed, nil
}
