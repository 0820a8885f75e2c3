package host

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// kinds are the types of file systems that matter, by their magic number.
var kinds = map[int64]string{
	unix.NFS_SUPER_MAGIC: "nfs", unix.SMB_SUPER_MAGIC: "smb", unix.CIFS_SUPER_MAGIC: "cifs", unix.SMB2_SUPER_MAGIC: "cifs",
	unix.V9FS_MAGIC: "9p", unix.CEPH_SUPER_MAGIC: "ceph", unix.AFS_SUPER_MAGIC: "afs", unix.FUSE_SUPER_MAGIC: "fuse",
	unix.TMPFS_MAGIC: "tmpfs", unix.RAMFS_MAGIC: "ramfs", unix.OVERLAYFS_SUPER_MAGIC: "overlay",
}

// FileSystemOf asks where path lies, which must be there.
func FileSystemOf(path string) (FileSystem, error) {
	var st unix.Statfs_t
	var info unix.Stat_t
	if err := errors.Join(unix.Statfs(path, &st), unix.Stat(path, &info)); err != nil {
		return FileSystem{}, fmt.Errorf("ask the file system of %s: %w", path, err)
	}
	// The block size of the counts is Frsize.
	block := int64(st.Frsize)
	if block == 0 {
		block = int64(st.Bsize)
	}
	return FileSystem{
		Kind: kinds[int64(st.Type)], Free: int64(st.Bavail) * block, Size: int64(st.Blocks) * block,
		FreeFiles: int64(st.Ffree), Files: int64(st.Files), Device: info.Dev,
	}, nil
}

// hasACL reports whether an access control list may say more than the mode of
// a file does.
func hasACL(path string) bool {
	n, err := unix.Getxattr(path, "system.posix_acl_access", nil)
	return err == nil && n > 0
}
