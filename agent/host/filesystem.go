package host

import (
	"fmt"
	"path/filepath"

	"github.com/logmeter/logmeter/agent"
)

// FileSystem is where a file lies.
type FileSystem struct {
	// Kind is its type as far as it matters, such as "nfs" or "tmpfs"; "" for
	// an ordinary one.
	Kind string
	// Free and Size are in bytes; Free is what an ordinary user may still use.
	Free, Size int64
	// FreeFiles and Files count files; both are 0 where there is no limit.
	FreeFiles, Files int64
	// Device tells file systems apart.
	Device uint64
}

// remote are the kinds that other machines take part in.
var remote = map[string]bool{"nfs": true, "cifs": true, "smb": true, "9p": true, "ceph": true, "afs": true, "fuse": true, "virtiofs": true}

// What must be free. The agent stops reading below 64 MiB, long after nginx's
// own trouble has begun.
const (
	scarce   = 1 << 30
	critical = 128 << 20
)

// Disk says whether a folder is a good place: for the state, which must last,
// or for logs, which must be there until they are read.
func Disk(folder string, state bool) []agent.Finding {
	f := &findings{topic: "disk"}
	fs, err := FileSystemOf(folder)
	if err != nil {
		return nil // it isn't there yet, or can't be asked
	}
	what := "the logs in " + folder
	if state {
		what = "the state in " + folder
	}
	switch {
	case state && (fs.Kind == "tmpfs" || fs.Kind == "ramfs"):
		f.problem("put state_dir on a disk", "%s lies in memory (%s): a reboot loses what is counted and not sent, and where reading stopped", what, fs.Kind)
	case state && fs.Kind == "overlay":
		f.problem("mount a volume at state_dir", "%s lies in the container's own layer and goes with it: what is counted and not sent, and where reading stopped", what)
	case state && remote[fs.Kind]:
		f.problem("put state_dir on a local disk", "%s lies on a network file system (%s), whose locks and writes can't be relied on", what, fs.Kind)
	case fs.Kind == "tmpfs" || fs.Kind == "ramfs":
		f.warn("bill from a log on a disk, or let logmeter end after nginx, as a pod's native sidecar does", "%s lie in memory (%s): what isn't read before a reboot can't be billed", what, fs.Kind)
	case fs.Kind == "overlay":
		f.warn("share a volume with the proxy's container", "%s lie in a container's own layer and go with it: what isn't read by then can't be billed", what)
	case remote[fs.Kind]:
		f.warn("run logmeter on the machine that writes the log", "%s lie on a network file system (%s): new lines are seen later, and an outage of it is one of the billing", what, fs.Kind)
	}
	verb := map[bool]string{true: "logmeter stops reading", false: "nginx writes no line that could be billed"}[state]
	hint := "make room, or have older logs compressed and removed sooner"
	switch {
	case fs.Files > 0 && fs.FreeFiles == 0:
		f.problem(hint, "%s: no file can be made any more (%d of %d inodes are taken)", what, fs.Files, fs.Files)
	case fs.Free < critical:
		f.problem(hint, "%s: only %s of the disk are free; when it is full, %s", what, sizeText(fs.Free), verb)
	case fs.Free < scarce:
		f.warn(hint, "%s: only %s of the disk are free; when it is full, %s", what, sizeText(fs.Free), verb)
	default:
		f.ok("%s: %s of %s are free", what, sizeText(fs.Free), sizeText(fs.Size))
	}
	return f.all
}

// existing returns the nearest folder on the way to path that is there.
func existing(path string) string {
	for path != filepath.Dir(path) {
		if _, err := FileSystemOf(path); err == nil {
			return path
		}
		path = filepath.Dir(path)
	}
	return path
}

// DiskBelow is Disk for a folder that may not be there yet: it would lie where
// the nearest one above it does.
func DiskBelow(folder string, state bool) []agent.Finding {
	found := Disk(existing(folder), state)
	if at := existing(folder); at != folder {
		for i := range found {
			found[i].Text += fmt.Sprintf(" (%s isn't there yet)", folder)
		}
	}
	return found
}
