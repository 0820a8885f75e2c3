package admin

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// reachable returns a path of the socket in dir that is short enough for the
// kernel, to be used before done is called.
func reachable(dir string) (path string, done func(), err error) {
	if path = filepath.Join(dir, SocketName); len(path) <= longestPath {
		return path, func() {}, nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), SocketName), func() { d.Close() }, nil
}

// peer returns the id of the user at the other end, by the kernel's word.
func peer(c *net.UnixConn) (uid int, ok bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	var cred *syscall.Ucred
	if cerr := raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); cerr != nil || err != nil {
		return 0, false
	}
	return int(cred.Uid), true
}
