package host

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Workers returns the accounts that the running nginx's worker processes have,
// each once; none where no nginx runs or processes can't be seen.
func Workers() []Account { return workers("/proc") }

func workers(proc string) []Account {
	dirs, _ := filepath.Glob(filepath.Join(proc, "[0-9]*"))
	var found []Account
	for _, dir := range dirs {
		command, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || !bytes.HasPrefix(command, []byte("nginx: worker process")) {
			continue
		}
		status, err := os.ReadFile(filepath.Join(dir, "status"))
		if err != nil {
			continue
		}
		a, ok := accountOf(string(status))
		if ok && !slices.ContainsFunc(found, func(b Account) bool { return b.uid == a.uid && slices.Equal(b.gids, a.gids) }) {
			found = append(found, a)
		}
	}
	return found
}

// accountOf reads an account from a process's status. A number takes the place
// of a name that isn't known here, as one of a container.
func accountOf(status string) (a Account, ok bool) {
	for line := range strings.SplitSeq(status, "\n") {
		key, rest, _ := strings.Cut(line, ":")
		words := strings.Fields(rest)
		switch key {
		case "Uid": // real, effective, saved, file system
			if len(words) < 2 {
				return a, false
			}
			uid, err := strconv.ParseUint(words[1], 10, 32)
			if err != nil {
				return a, false
			}
			a.uid, a.Name, ok = uint32(uid), words[1], true
			if named, err := LookupAccount(words[1]); err == nil {
				a.Name = named.Name
			}
		case "Gid", "Groups":
			for i, w := range words {
				if gid, err := strconv.ParseUint(w, 10, 32); err == nil && (key == "Groups" || i == 1) {
					a.gids = append(a.gids, uint32(gid))
				}
			}
		}
	}
	return a, ok
}
