package host

import (
	"os"
	"os/user"
	"strconv"
)

// groupID finds a group by name or by number.
func groupID(name string) (uint32, error) {
	text := name
	if g, err := user.LookupGroup(name); err == nil {
		text = g.Gid
	}
	gid, err := strconv.ParseUint(text, 10, 32)
	return uint32(gid), err
}

// names are the user and the group of a file, by number where they have no
// name here.
func names(o owner) string {
	return userName(o.uid) + " " + gidName(o.gid)
}

func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

func gidName(gid uint32) string {
	id := strconv.FormatUint(uint64(gid), 10)
	if g, err := user.LookupGroupId(id); err == nil {
		return g.Name
	}
	return id
}

// groupName is the main group of an account.
func groupName(a Account) string {
	if len(a.gids) == 0 {
		return a.Name
	}
	return gidName(a.gids[0])
}

// letIn says how an account comes to read a file or a folder: by joining its
// group, where that may and isn't root's.
func letIn(a Account, path string) string {
	info, err := os.Stat(path)
	if err == nil && ownerOf(info).gid != 0 && info.Mode()&0o040 != 0 && (!info.IsDir() || info.Mode()&0o010 != 0) {
		return "usermod -aG " + gidName(ownerOf(info).gid) + " " + a.Name + ", and start logmeter again"
	}
	right := "g+r"
	if info != nil && info.IsDir() {
		right = "g+rx"
	}
	return "give a group the right that " + a.Name + " is in: chgrp adm " + path + " && chmod " + right + " " + path
}
