package host

import (
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
)

// Account is a user of this machine with the groups that it is in.
type Account struct {
	Name string
	uid  uint32
	gids []uint32 // the main one first
}

// Self is the account that this process runs as.
func Self() Account {
	a := Account{Name: strconv.Itoa(os.Geteuid()), uid: uint32(os.Geteuid()), gids: []uint32{uint32(os.Getegid())}}
	if u, err := user.LookupId(a.Name); err == nil {
		a.Name = u.Username
	}
	more, _ := os.Getgroups()
	for _, g := range more {
		a.gids = append(a.gids, uint32(g))
	}
	return a
}

// LookupAccount finds an account by name or by number.
func LookupAccount(name string) (Account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			return Account{}, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return Account{}, err
	}
	a := Account{Name: u.Username, uid: uint32(uid)}
	groups, err := u.GroupIds()
	if err != nil {
		return Account{}, err
	}
	for _, g := range append([]string{u.Gid}, groups...) {
		if gid, err := strconv.ParseUint(g, 10, 32); err == nil {
			a.gids = append(a.gids, uint32(gid))
		}
	}
	return a, nil
}

// Root reports whether permissions don't bind the account.
func (a Account) Root() bool { return a.uid == 0 }

// The rights of a permission.
const (
	mayExecute fs.FileMode = 1
	mayWrite   fs.FileMode = 2
	mayRead    fs.FileMode = 4
)

// owner is who owns a file.
type owner struct{ uid, gid uint32 }

// may reports whether the account has a right to what has this mode and owner,
// by the mode alone: an access control list can say otherwise.
func (a Account) may(right, mode fs.FileMode, o owner) bool {
	switch {
	case a.Root():
		return true
	case a.uid == o.uid:
		return mode>>6&right == right
	case slices.Contains(a.gids, o.gid):
		return mode>>3&right == right
	}
	return mode&right == right
}

// denied returns the first folder on the way to path, from the root on, that
// the account can't pass through, "" when it can pass them all. Folders with an
// access control list are taken to let it pass.
func (a Account) denied(path string) string {
	var dirs []string
	for dir := filepath.Dir(resolve(path)); ; dir = filepath.Dir(dir) {
		dirs = append(dirs, dir)
		if dir == filepath.Dir(dir) {
			break
		}
	}
	for _, dir := range slices.Backward(dirs) {
		info, err := os.Stat(dir)
		if err != nil {
			return ""
		}
		if !a.may(mayExecute, info.Mode().Perm(), ownerOf(info)) && !hasACL(dir) {
			return dir
		}
	}
	return ""
}
