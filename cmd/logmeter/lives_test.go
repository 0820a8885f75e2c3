package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/checkpoint"
)

// lives are lives of the real agent on a log that the test writes, against a
// fake Stripe that is a process of its own. What happens to the state between
// them is the test.
type lives struct {
	*e2e
	served map[string]uint64 // by customer and hour
	now    time.Time         // of the test's start: hours are told from it
	opened []string          // state directories, for held
}

func newLives(t *testing.T) *lives {
	if os.Getenv("LOGMETER_E2E") == "" {
		t.Skip("SKIPPED: takes the real binary through many lives; LOGMETER_E2E=1 runs it")
	}
	return &lives{e2e: newE2E(t), served: map[string]uint64{}, now: time.Now(), opened: []string{"state"}}
}

// start is what most tests begin with.
func (l *lives) start() *lives {
	l.startStripe(0)
	l.writeConfig()
	return l
}

// serve logs n billable calls of a customer in the hour that began so many
// hours ago.
func (l *lives) serve(customer string, hoursAgo, n int) {
	l.t.Helper()
	hour := l.now.UTC().Add(-time.Duration(hoursAgo) * time.Hour).Truncate(time.Hour)
	f, err := os.OpenFile(filepath.Join(l.dir, "log", "access.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	l.must(err)
	defer f.Close()
	var text strings.Builder
	for i := range n {
		at := hour.Add(time.Duration(i%3600) * time.Second)
		fmt.Fprintf(&text, `10.0.0.1 - - [%s] "GET /RetrieveCreditScore HTTP/1.1" 200 4 "-" "curl/8" "%s"`+"\n", at.Format("02/Jan/2006:15:04:05 -0700"), customer)
	}
	_, err = io.WriteString(f, text.String())
	l.must(err)
	l.served[customer+" "+hour.Format("2006-01-02T15:00:00Z")] += uint64(n)
}

// once runs an agent to its end, and returns whether all went out and what it
// said.
func (l *lives) once(config string, flags ...string) (ok bool, said string) {
	l.t.Helper()
	return l.ended(l.agent(config, append(flags, "--once")...))
}

// ended runs a command to its end.
func (l *lives) ended(cmd *exec.Cmd) (ok bool, said string) {
	l.t.Helper()
	var text strings.Builder
	cmd.Stdout = io.MultiWriter(&text, l.log)
	cmd.Stderr = cmd.Stdout
	err := cmd.Run()
	if strings.Contains(text.String(), "panic:") || strings.Contains(text.String(), "goroutine ") {
		l.t.Fatalf("the agent panicked:\n%s", text.String())
	}
	return err == nil, text.String()
}

// post gives the fake Stripe an order.
func (l *lives) post(order string) {
	l.t.Helper()
	resp, err := http.Post(l.stripe+"/_test/"+order, "", nil)
	l.must(err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		l.t.Fatalf("%s: %s", order, text)
	}
}

// waiting returns what a state that no agent runs on has in its outbox.
func (l *lives) waiting(state string) (entries []agent.Entry) {
	l.t.Helper()
	l.inState(state, func(s *checkpoint.Store) {
		for e, err := range s.Outbox() {
			l.must(err)
			entries = append(entries, e)
		}
	})
	return entries
}

// inState opens a state that no agent runs on.
func (l *lives) inState(state string, do func(*checkpoint.Store)) {
	l.t.Helper()
	s, err := checkpoint.Open(checkpoint.Options{Dir: filepath.Join(l.dir, state), Instance: "e2e"})
	l.must(err)
	defer func() { l.must(s.Close()) }()
	do(s)
}

// later lets time pass for Stripe and for what waits in the states: the agent's
// own clock is the machine's, so the times that it waits for come nearer.
func (l *lives) later(d time.Duration) {
	l.t.Helper()
	l.post("advance?d=" + d.String())
	for _, state := range l.opened {
		entries := l.waiting(state)
		for i := range entries {
			entries[i].NotBefore = max(0, entries[i].NotBefore-int64(d.Seconds()))
		}
		l.inState(state, func(s *checkpoint.Store) { l.must(s.Settle(entries)) })
	}
}

// safe demands that no hour is billed too high, and that whatever isn't billed
// waits in a state with a reason.
func (l *lives) safe() (short uint64) {
	l.t.Helper()
	billed, kept := l.billed(), map[string]uint64{}
	for _, state := range l.opened {
		for _, e := range l.waiting(state) {
			kept[e.Customer+" "+e.Window.Start().UTC().Format("2006-01-02T15:00:00Z")] += uint64(e.Value)
			if e.Reason == "" {
				l.t.Errorf("%s is %s without a reason", e.Identifier, e.State)
			}
		}
	}
	for k, want := range l.served {
		switch got := billed[k]; {
		case got > want:
			l.t.Errorf("%s: served %d, Stripe bills %d", k, want, got)
		case got+kept[k] < want:
			l.t.Errorf("%s: served %d, Stripe bills %d, %d are kept: the rest is lost", k, want, got, kept[k])
		default:
			short += want - got
		}
	}
	for k, got := range billed {
		if l.served[k] == 0 {
			l.t.Errorf("%s: Stripe bills %d, none was served", k, got)
		}
	}
	return short
}

// exact demands that every hour is billed at what was served, and that nothing
// waits.
func (l *lives) exact() {
	l.t.Helper()
	if short := l.safe(); short > 0 {
		l.t.Errorf("%d units aren't billed", short)
	}
	for _, state := range l.opened {
		for _, e := range l.waiting(state) {
			l.t.Errorf("%s: %s of %s with %d units is %s: %s", state, e.Identifier, e.Customer, e.Value, e.State, e.Reason)
		}
	}
	l.t.Logf("%d customers and hours: exact = %v", len(l.served), !l.t.Failed())
}

// reasons demands that each of the texts is why some entry of the state waits.
func (l *lives) reasons(state string, texts ...string) {
	l.t.Helper()
	entries := l.waiting(state)
	for _, text := range texts {
		found := false
		for _, e := range entries {
			found = found || strings.Contains(e.Reason, text)
		}
		if !found {
			for _, e := range entries {
				l.t.Logf("%s of %s: %s", e.Identifier, e.Customer, e.Reason)
			}
			l.t.Errorf("no entry of %d waits because of %q", len(entries), text)
		}
	}
}

// copyState copies a state that no agent runs on.
func (l *lives) copyState(from, to string) {
	l.t.Helper()
	l.must(os.RemoveAll(filepath.Join(l.dir, to)))
	l.must(os.CopyFS(filepath.Join(l.dir, to), os.DirFS(filepath.Join(l.dir, from))))
}
