package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRestoredState puts an old state directory back after more was billed.
func TestRestoredState(t *testing.T) {
	t.Run("nothing came between", func(t *testing.T) {
		l := newLives(t).start()
		l.serve("cus_a", 3, 10)
		l.once("agent.toml")
		l.copyState("state", "old")
		l.serve("cus_a", 3, 5)
		l.serve("cus_b", 2, 7)
		l.once("agent.toml")
		l.copyState("old", "state")
		l.once("agent.toml")
		l.exact()
	})
	t.Run("late lines came after it", func(t *testing.T) {
		l := newLives(t).start()
		l.serve("cus_a", 3, 10)
		l.serve("cus_b", 2, 7)
		l.once("agent.toml")
		l.copyState("state", "old")
		l.serve("cus_a", 3, 5)
		l.once("agent.toml")
		l.copyState("old", "state")
		l.serve("cus_a", 3, 3)
		l.serve("cus_b", 2, 1)
		ok, said := l.once("agent.toml")
		if short := l.safe(); short != 3 || ok {
			t.Errorf("%d units are held, all went out = %v; want the 3 after the restore, false\n%s", short, ok, said)
		}
		l.reasons("state", "Stripe has this identifier with 5 units, the entry has 8")
		l.later(25 * time.Hour)
		l.once("agent.toml") // Stripe's part is settled
		l.later(25 * time.Hour)
		l.once("agent.toml") // and the rest, which is old by now, looked for
		l.later(25 * time.Hour)
		l.once("agent.toml")
		l.exact()
	})
}

// TestTwin runs two agents under one name on the same log, which is a mistake.
func TestTwin(t *testing.T) {
	twins := func(t *testing.T) *lives {
		l := newLives(t).start()
		conf, err := os.ReadFile(filepath.Join(l.dir, "agent.toml"))
		l.must(err)
		l.write("twin.toml", strings.ReplaceAll(string(conf), l.dir+"/state", l.dir+"/twin"))
		l.opened = append(l.opened, "twin")
		return l
	}
	// Whoever sends an entry first goes on from there, the other one holds its
	// own: what it has overlaps with what it can't know.
	end := func(l *lives) {
		l.t.Helper()
		for range 2 {
			l.once("agent.toml")
			l.once("twin.toml")
		}
		if short := l.safe(); short > 0 {
			l.t.Errorf("%d units aren't billed, though both agents have read all", short)
		}
		for range 3 {
			l.later(25 * time.Hour)
			l.once("agent.toml")
			l.once("twin.toml")
			l.safe()
		}
	}
	t.Run("in turns", func(t *testing.T) {
		l := twins(t)
		for i := range 4 {
			l.serve("cus_a", 3, 10)
			l.serve("cus_b", 2, 1)
			l.once([]string{"agent.toml", "twin.toml"}[i%2])
			l.serve("cus_b", 2, 2)
			l.once([]string{"twin.toml", "agent.toml"}[i/2])
			l.safe()
		}
		end(l)
	})
	t.Run("at once", func(t *testing.T) {
		l := twins(t)
		l.serve("cus_a", 3, 100)
		l.serve("cus_b", 2, 50)
		for range 6 {
			one, two := l.agent("agent.toml"), l.agent("twin.toml")
			l.must(one.Start())
			l.must(two.Start())
			l.t.Cleanup(func() { one.Process.Kill(); two.Process.Kill() })
			for range 10 {
				l.serve("cus_a", 3, 3)
				l.serve("cus_b", 1, 2)
				time.Sleep(50 * time.Millisecond) // the two read on
			}
			one.Process.Signal(syscall.SIGTERM)
			two.Process.Signal(syscall.SIGTERM)
			one.Wait()
			two.Wait()
			l.safe()
		}
		end(l)
	})
}

// TestStateDeleted loses the state and counts the logs from their beginning.
func TestStateDeleted(t *testing.T) {
	for name, lose := range map[string]func(l *lives) []string{
		"deleted":   func(l *lives) []string { l.must(os.RemoveAll(filepath.Join(l.dir, "state"))); return nil },
		"new state": func(*lives) []string { return []string{"--new-state"} },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLives(t).start()
			l.serve("cus_a", 3, 10)
			l.serve("cus_b", 2, 7)
			l.once("agent.toml")
			l.serve("cus_a", 3, 5)
			l.once("agent.toml")
			l.once("agent.toml", lose(l)...)
			l.safe()
			l.serve("cus_a", 3, 2)
			l.serve("cus_c", 1, 4)
			l.once("agent.toml")
			l.safe()
			for range 3 {
				l.later(25 * time.Hour)
				l.once("agent.toml")
				l.safe()
			}
			l.exact()
		})
	}
}
