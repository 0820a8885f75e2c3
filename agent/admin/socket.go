package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// SocketName is the name of the socket in a state directory.
const SocketName = "logmeter.sock"

// socketMode lets the owner's group in too; the state directory, whose mode is
// 0700 unless someone changed that, decides who comes as far as the socket.
const socketMode = 0o660

// longestPath is the longest path of a socket that the kernels take.
const longestPath = 103

// Listen listens on the socket in a state directory. The caller holds the
// state's lock, so a socket that is there was left behind by a killed process.
func Listen(dir string) (net.Listener, error) {
	path := filepath.Join(dir, SocketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listen for commands: %w", err)
	}
	at, done, err := reachable(dir)
	if err != nil {
		return nil, fmt.Errorf("listen for commands: %w", err)
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: at, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen for commands: %w", err)
	}
	l.SetUnlinkOnClose(false) // the name it knows may be gone; the file is removed below
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, fmt.Errorf("listen for commands: %w", errors.Join(err, l.Close()))
	}
	return &socket{l, path}, nil
}

// socket is a listener that removes its file.
type socket struct {
	*net.UnixListener
	path string
}

func (s *socket) Close() error {
	err := s.UnixListener.Close()
	if err == nil {
		err = os.Remove(s.path)
	}
	return err
}

func dialSocket(ctx context.Context, dir string) (net.Conn, error) {
	at, done, err := reachable(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	var d net.Dialer
	return d.DialContext(ctx, "unix", at)
}
