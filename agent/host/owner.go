package host

import (
	"io/fs"
	"syscall"
)

// ownerOf returns who owns a file.
func ownerOf(info fs.FileInfo) owner {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return owner{st.Uid, st.Gid}
	}
	return owner{}
}
