package source

import (
	"errors"

	"golang.org/x/sys/unix"
)

// statPath looks at the file behind path, through symbolic links.
func statPath(path string) (stat, error) { return statx(unix.AT_FDCWD, path, 0) }

// statFd looks at an open file.
func statFd(fd int) (stat, error) { return statx(fd, "", unix.AT_EMPTY_PATH) }

func statx(dir int, path string, flags int) (stat, error) {
	var x unix.Statx_t
	err := unix.Statx(dir, path, flags, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &x)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		// Old kernels and old container runtimes have no statx; they tell no
		// birth time.
		return fstat(dir, path, flags)
	}
	if err != nil {
		return stat{}, err
	}
	s := stat{
		dev:   unix.Mkdev(x.Dev_major, x.Dev_minor),
		ino:   x.Ino,
		size:  int64(x.Size),
		mtime: x.Mtime.Sec*1e9 + int64(x.Mtime.Nsec),
		links: uint64(x.Nlink),
		mode:  uint32(x.Mode),
	}
	if x.Mask&unix.STATX_BTIME != 0 {
		s.birth = x.Btime.Sec*1e9 + int64(x.Btime.Nsec)
	}
	return s, nil
}

func fstat(dir int, path string, flags int) (stat, error) {
	var st unix.Stat_t
	var err error
	if flags&unix.AT_EMPTY_PATH != 0 {
		err = unix.Fstat(dir, &st)
	} else {
		err = unix.Stat(path, &st)
	}
	if err != nil {
		return stat{}, err
	}
	return stat{
		dev: st.Dev, ino: st.Ino, size: st.Size, mtime: st.Mtim.Nano(),
		links: uint64(st.Nlink), mode: st.Mode,
	}, nil
}

// nextData returns the first offset at or after off that isn't in a hole of a
// sparse file; -1 when only a hole follows.
func nextData(fd int, off int64) int64 {
	n, err := unix.Seek(fd, off, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		return -1
	case err != nil:
		return off // this file system can't tell
	}
	return max(n, off)
}

// canWatch reports whether a watch can be had at all. The library ends the
// process when there is none.
func canWatch() bool {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}
