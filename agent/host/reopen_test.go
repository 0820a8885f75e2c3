package host

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWorkerShutOut: a real nginx whose worker can't get through the folder
// writes on into the renamed file, and Writing says so of it.
func TestWorkerShutOut(t *testing.T) {
	nginx := needs(t, "nginx")
	worker, err := LookupAccount("www-data")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("NOT TESTED: it needs root and the user www-data")
	}
	log := shut(t, 0o750, 0o640)
	dir := filepath.Dir(filepath.Dir(log))
	conf := filepath.Join(dir, "nginx.conf")
	text := "user www-data; daemon off; pid " + dir + "/pid; error_log " + dir + "/error.log; events {}\n" +
		"http { access_log " + log + "; server { listen unix:" + dir + "/socket; } }\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginx, "-p", dir, "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	}()
	deadline := time.Now().Add(10 * time.Second)
	until := func(what string, done func() bool) {
		t.Helper()
		for !done() {
			if time.Now().After(deadline) {
				t.Fatalf("waited in vain: %s", what)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	var found []Account
	until("a worker that has the log open", func() bool { found = Writers(Workers(), log); return len(found) > 0 })
	if found[0].uid != worker.uid {
		t.Errorf("the worker is %+v, want %+v", found[0], worker)
	}
	until("the pid file", func() bool { _, err := os.Stat(dir + "/pid"); return err == nil })
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	pid, err := os.ReadFile(dir + "/pid")
	if err != nil {
		t.Fatal(err)
	}
	master, err := strconv.Atoi(strings.TrimSpace(string(pid)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(master, syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	until("the worker's complaint", func() bool {
		text, _ := os.ReadFile(dir + "/error.log")
		return strings.Contains(string(text), "open() \""+log+"\" failed (13: Permission denied)")
	})
	wantFindings(t, Writing(found, log), "problem: nginx's workers run as www-data, who can't get through "+filepath.Dir(log))
}
