package host

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Worker is a running worker process of nginx.
type Worker struct {
	Account
	// Folders are those of the files that it has open.
	Folders []string
}

// Workers returns the running nginx's worker processes, one for each account
// and set of folders; none where no nginx runs or this process may not see
// which files they have open.
func Workers() []Worker { return workers("/proc") }

func workers(proc string) []Worker {
	dirs, _ := filepath.Glob(filepath.Join(proc, "[0-9]*"))
	var found []Worker
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
		w := Worker{a, openFolders(filepath.Join(dir, "fd"))}
		if ok && len(w.Folders) > 0 && !slices.ContainsFunc(found, func(v Worker) bool {
			return v.uid == w.uid && slices.Equal(v.gids, w.gids) && slices.Equal(v.Folders, w.Folders)
		}) {
			found = append(found, w)
		}
	}
	return found
}

// openFolders returns the folders of the files that a process has open, sorted.
func openFolders(fds string) (folders []string) {
	names, _ := filepath.Glob(filepath.Join(fds, "*"))
	for _, name := range names {
		target, err := os.Readlink(name)
		if err == nil && filepath.IsAbs(target) && !strings.HasPrefix(target, "/dev/") {
			folders = append(folders, filepath.Dir(target))
		}
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// Writers returns the accounts of those workers that have a file in the folder
// of a log open.
func Writers(workers []Worker, log string) (accounts []Account) {
	dir := filepath.Dir(resolve(log))
	for _, w := range workers {
		if slices.Contains(w.Folders, dir) {
			accounts = append(accounts, w.Account)
		}
	}
	return accounts
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
