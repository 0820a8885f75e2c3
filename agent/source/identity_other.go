//go:build unix && !linux

package source

import "golang.org/x/sys/unix"

// statPath looks at the file behind path, through symbolic links.
func statPath(path string) (stat, error) {
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	return fromStat(&st), err
}

// statFd looks at an open file.
func statFd(fd int) (stat, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return fromStat(&st), err
}

// fromStat leaves out the birth time, which each of these systems keeps in
// another way: a reused inode is then told by its content alone.
func fromStat(st *unix.Stat_t) stat {
	return stat{
		dev: uint64(st.Dev), ino: uint64(st.Ino), size: st.Size, mtime: st.Mtim.Nano(),
		links: uint64(st.Nlink), mode: uint32(st.Mode),
	}
}

// nextData knows no holes here: their zeros are read and skipped.
func nextData(_ int, off int64) int64 { return off }

// canWatch reports that a watch can't be had: there is no name for an open
// descriptor here that it could be put on.
func canWatch() bool { return false }
