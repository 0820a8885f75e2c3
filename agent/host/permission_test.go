package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stranger is in no group that owns anything here.
var stranger = Account{Name: "stranger", uid: 54321, gids: []uint32{54321}}

// shut makes a folder that only its owner and group may use, with a log. The
// folders above it are open.
func shut(t *testing.T, dirMode, logMode os.FileMode) string {
	t.Helper()
	dir := tree(t, map[string]string{"log/a.log": ""})
	for d := dir; d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "log/a.log"), logMode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "log"), dirMode); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(dir, "log"), 0o755) })
	if d := stranger.denied(filepath.Join(dir, "x")); d != "" {
		t.Skipf("NOT TESTED: %s is shut already", d)
	}
	return filepath.Join(dir, "log/a.log")
}

func TestReading(t *testing.T) {
	created := func(mode os.FileMode) *Policy {
		return &Policy{Create: true, CreateMode: mode, HasMode: true, Place: Place{"nginx", 1}}
	}
	tests := []struct {
		name     string
		dir, log os.FileMode
		policy   *Policy
		who      Account
		want     []string
	}{
		{"all open", 0o755, 0o644, nil, stranger, nil},
		{"folder shut", 0o750, 0o644, nil, stranger, []string{"problem: stranger can't get through"}},
		{"folder can't be listed", 0o711, 0o644, nil, stranger, []string{"problem: stranger can't list"}},
		{"log shut", 0o755, 0o640, nil, stranger, []string{"problem: stranger can't read"}},
		{"the next log is shut", 0o755, 0o644, created(0o640), stranger, []string{"problem: the log that rotation makes next (0640 "}},
		{"the next log is open", 0o755, 0o644, created(0o644), stranger, nil},
		{"no user of that name", 0o755, 0o644, &Policy{Create: true, Owner: "nobody-of-that-name"}, stranger, []string{"problem: whom nobody knows here"}},
		{"as it was", 0o755, 0o644, &Policy{Create: true}, stranger, nil},
		{"root", 0o700, 0o600, created(0o600), Account{Name: "root"}, nil},
		{"its group", 0o750, 0o640, created(0o640), Account{Name: "member", uid: 54321, gids: []uint32{uint32(os.Getegid())}}, nil},
		{"its owner", 0o700, 0o600, created(0o600), Self(), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantFindings(t, Reading(tt.who, shut(t, tt.dir, tt.log), tt.policy), tt.want...)
		})
	}
}

func TestWriting(t *testing.T) {
	log := shut(t, 0o750, 0o640)
	wantFindings(t, Writing([]Account{Self(), stranger}, log), "problem: nginx's workers run as stranger, who can't get through "+filepath.Dir(log))
	wantFindings(t, Writing([]Account{stranger}, shut(t, 0o711, 0o640)))
}

func TestWorkers(t *testing.T) {
	status := "Name:\tnginx\nUid:\t33\t54321\t33\t33\nGid:\t33\t54322\t33\t33\nGroups:\t4 54323\n"
	dir := tree(t, map[string]string{
		"1/cmdline": "nginx: master process\x00", "1/status": "Uid:\t0\t0\t0\t0\n",
		"7/cmdline": "nginx: worker process\x00", "7/status": status,
		"8/cmdline": "nginx: worker process\x00", "8/status": status,
		"9/cmdline": "nginx: worker process\x00",
		"x/cmdline": "nginx: worker process\x00", "x/status": status,
		"5/cmdline": "nginx: worker process\x00", "5/status": "Uid:\tmany\n",
	})
	for _, pid := range []string{"1", "7", "8", "9"} {
		fd := filepath.Join(dir, pid, "fd")
		for name, target := range map[string]string{"0": "/dev/null", "5": "/var/log/nginx/access.log", "6": "/var/log/nginx/error.log.1", "7": "socket:[77]"} {
			if err := os.MkdirAll(fd, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(target, filepath.Join(fd, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := workers(dir)
	if len(got) != 1 || got[0].uid != 54321 || got[0].Name != "54321" || len(got[0].gids) != 3 || got[0].gids[0] != 54322 {
		t.Errorf("got %+v", got)
	}
	if len(Writers(got, "/var/log/nginx/other.log")) != 1 || len(Writers(got, "/var/log/other.log")) != 0 {
		t.Errorf("the writers of a log aren't those with a file beside it: %+v", got)
	}
}

func TestDisk(t *testing.T) {
	dir := t.TempDir()
	fs, err := FileSystemOf(dir)
	if err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	if fs.Size <= 0 || fs.Free < 0 || fs.Free > fs.Size {
		t.Errorf("got %+v", fs)
	}
	if _, err := os.Stat("/dev/shm"); err == nil {
		if fs, err := FileSystemOf("/dev/shm"); err == nil && fs.Kind == "tmpfs" {
			found := Disk("/dev/shm", true)
			if len(found) == 0 || !strings.Contains(found[0].Text, "lies in memory") {
				t.Errorf("got %+v", found)
			}
			if len(Disk("/dev/shm", false)) == 0 {
				t.Error("logs in memory are no finding")
			}
		}
	}
	if found := DiskBelow(filepath.Join(dir, "not/there"), true); len(found) == 0 || !strings.Contains(found[0].Text, "isn't there yet") {
		t.Errorf("got %+v", found)
	}
}
