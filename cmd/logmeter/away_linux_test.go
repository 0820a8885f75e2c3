package main

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStripeAway bills while Stripe refuses connections, then takes usage and
// loses every answer, then is back.
func TestStripeAway(t *testing.T) {
	l := newLives(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	l.must(err)
	address := free.Addr().String()
	free.Close()
	l.stripe = "http://" + address
	l.writeConfig()

	l.serve("cus_a", 3, 10)
	l.serve("cus_b", 2, 7)
	life := l.startAgent()
	l.eventually("the outage is told", func() bool { return l.said("usage can't be sent now") })
	l.startStripe(0, "-listen", address)
	l.post("fail?fault=lose-answer&n=9")
	l.eventually("answers are lost", func() bool { return l.faults() >= 4 })
	l.must(life.Process.Kill())
	life.Wait()
	l.safe()

	life = l.startAgent()
	l.serve("cus_a", 3, 5)
	before := l.faults()
	l.eventually("answers are lost again", func() bool { return l.faults() > before })
	life.Process.Signal(syscall.SIGTERM)
	life.Wait()
	l.settle()
	l.exact()
}

// TestGrayForADay has a call of which nobody knows whether it arrived, and an
// agent that is away until Stripe has forgotten the identifier.
func TestGrayForADay(t *testing.T) {
	for _, fault := range []string{"lose-answer", "drop-request"} {
		t.Run(fault, func(t *testing.T) {
			l := newLives(t).start()
			l.post("fail?n=1&fault=" + fault)
			l.serve("cus_a", 3, 10)
			life := l.startAgent()
			l.eventually("a call fails", func() bool { return l.faults() > 0 })
			l.must(life.Process.Kill())
			life.Wait()
			l.later(30 * time.Hour)
			l.once("agent.toml")
			l.safe()
			l.later(23 * time.Hour)
			l.once("agent.toml")
			if short := l.safe(); fault == "drop-request" && short != 10 {
				t.Errorf("%d units are held 23 hours after the summaries were first without them; want 10", short)
			}
			l.later(2 * time.Hour)
			l.once("agent.toml")
			l.exact()
		})
	}
}

// TestOldLines counts lines of hours that are long over.
func TestOldLines(t *testing.T) {
	l := newLives(t).start()
	for customer, hoursAgo := range map[string]int{"cus_now": 2, "cus_20h": 24, "cus_30h": 30, "cus_3d": 72, "cus_36d": 36 * 24} {
		l.serve(customer, hoursAgo, 10)
	}
	ok, said := l.once("agent.toml")
	if short := l.safe(); short != 40 || ok {
		t.Errorf("%d units aren't billed, all went out = %v; want 40, false", short, ok)
	}
	l.reasons("state", "more than 34 days old; Stripe takes usage of the past 35 days only",
		"sent only when Stripe's summaries stay without it")
	for _, want := range []string{"usage held: it is older than 20 hours", "held: 3 entries, 30 units", "parked: 1 entry, 10 units", "more than 34 days old"} {
		if !strings.Contains(said, want) {
			t.Errorf("the agent doesn't say %q:\n%s", want, said)
		}
	}
	l.once("agent.toml")
	if short := l.safe(); short != 40 {
		t.Errorf("%d units aren't billed after a second run; want 40", short)
	}
	l.later(61 * time.Minute)
	l.once("agent.toml")
	if short := l.safe(); short != 10 {
		t.Errorf("%d units aren't billed an hour later; want the 10 that have expired", short)
	}
	if left := l.waiting("state"); len(left) != 1 || left[0].Customer != "cus_36d" {
		t.Errorf("%+v wait; want the entry of cus_36d", left)
	}
}

// TestFullDiskWhileSending fills the state's disk while Stripe loses answers.
func TestFullDiskWhileSending(t *testing.T) {
	l := newLives(t).start()
	state := filepath.Join(l.dir, "state")
	l.must(os.Mkdir(state, 0o700))
	if err := syscall.Mount("tmpfs", state, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("NOT TESTED: a small tmpfs can't be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(state, syscall.MNT_DETACH) })
	conf, err := os.ReadFile(filepath.Join(l.dir, "agent.toml"))
	l.must(err)
	l.write("agent.toml", strings.Replace(string(conf), "/state\"", "/state/db\"", 1))
	l.opened = []string{"state/db"}

	l.post("fail?fault=lose-answer&n=3")
	l.serve("cus_a", 3, 10)
	life := l.startAgent()
	l.eventually("an answer is lost", func() bool { return l.faults() > 0 })
	ballast := filepath.Join(state, "ballast")
	fill(t, ballast)
	l.serve("cus_a", 3, 5)
	l.serve("cus_b", 2, 5)
	l.eventually("the full disk is told", func() bool { return l.said("counting has stopped") })
	life.Process.Signal(syscall.SIGTERM)
	if err := life.Wait(); err == nil || l.said("SIGBUS") || l.said("goroutine ") {
		t.Errorf("a stop on a full disk ended with %v; want an error, and no crash", err)
	}
	if ok, said := l.once("agent.toml"); ok || !strings.Contains(said, "too little free space for the state") {
		t.Errorf("a start on a full disk: all went out = %v\n%s", ok, said)
	}
	l.must(os.Remove(ballast))
	l.settle()
	l.exact()
}

// TestWithoutRights runs the agent as a user who may not write the state.
func TestWithoutRights(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: needs root, to run as somebody else")
	}
	const nobody = 65534
	l := newLives(t).start()
	for dir := l.dir; dir != os.TempDir(); dir = filepath.Dir(dir) {
		l.must(os.Chmod(dir, 0o755))
	}
	l.serve("cus_a", 3, 10)
	as := func() (bool, string) {
		cmd := l.agent("agent.toml", "--once")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		return l.ended(cmd)
	}
	state := filepath.Join(l.dir, "state")
	if ok, said := as(); ok || !strings.Contains(said, "state_dir must be writable") {
		t.Errorf("without a state directory: went out = %v\n%s", ok, said)
	}
	l.must(os.Mkdir(state, 0o700))
	l.must(os.Chown(state, nobody, nobody))
	if ok, said := as(); !ok {
		t.Errorf("with a state directory of its own it didn't bill:\n%s", said)
	}
	l.serve("cus_a", 3, 5)
	l.must(filepath.WalkDir(state, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o500)
		}
		return os.Chmod(path, 0o400)
	}))
	if ok, said := as(); ok || !strings.Contains(said, "hint:") {
		t.Errorf("with a state that may only be read: went out = %v\n%s", ok, said)
	}
	l.must(filepath.WalkDir(state, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chmod(path, 0o700)
	}))
	if ok, said := as(); !ok {
		t.Errorf("with its rights back it didn't bill:\n%s", said)
	}
	l.exact()
}

// said reports whether any agent has said that.
func (l *lives) said(what string) bool {
	l.t.Helper()
	text, err := os.ReadFile(l.log.Name())
	l.must(err)
	return strings.Contains(string(text), what)
}

// faults is how many calls went wrong at the fake Stripe.
func (l *lives) faults() int {
	l.t.Helper()
	resp, err := http.Get(l.stripe + "/_test/stats")
	l.must(err)
	defer resp.Body.Close()
	var stats struct{ Faults int }
	l.must(json.NewDecoder(resp.Body).Decode(&stats))
	return stats.Faults
}
