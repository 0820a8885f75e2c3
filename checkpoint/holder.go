package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Holder returns the process that has the state in dir open, 0 when none has.
// It asks the kernel's list of locks: to try the lock could keep a daemon that
// starts at that moment from getting it. A process of another container is
// held to be none.
func Holder(dir string) (pid int, err error) {
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, lockName), &st); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	} else if err != nil {
		return 0, fmt.Errorf("look at the lock of %s: %w", dir, err)
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0, fmt.Errorf("look at the lock of %s: %w", dir, err)
	}
	// 1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF
	inode := ":" + strconv.FormatUint(st.Ino, 10)
	for line := range strings.SplitSeq(string(locks), "\n") {
		words := strings.Fields(line)
		if len(words) > 5 && words[1] == "FLOCK" && words[3] == "WRITE" && strings.HasSuffix(words[5], inode) {
			if pid, err := strconv.Atoi(words[4]); err == nil && pid > 0 {
				return pid, nil
			}
		}
	}
	return 0, nil
}
