//go:build !linux

package host

import "errors"

// FileSystemOf knows nothing on other systems than Linux.
func FileSystemOf(string) (FileSystem, error) {
	return FileSystem{}, errors.ErrUnsupported
}

func hasACL(string) bool { return true }
