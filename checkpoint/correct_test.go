package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/logmeter/logmeter/agent"
)

// sealedAcme is a state with an entry of 10 units of acme in hour0.
func sealedAcme(t *testing.T) (*Store, agent.Entry) {
	t.Helper()
	s := open(t, t.TempDir())
	ms := meters(t, 1)
	tally := ms.NewTally()
	for range 10 {
		countLine(ms, tally, hour0, 3, 0, "acme")
	}
	must(t, s.Commit("edge", nil, tally))
	_, err := s.Seal(hour0.End())
	must(t, err)
	return s, collect(t, s.Outbox())[0]
}

// What people ask for in vain changes nothing, and doesn't stop the agent.
func TestRefusedCorrections(t *testing.T) {
	t.Parallel()
	s, e := sealedAcme(t)
	adjust := func(value int64) error {
		_, err := s.Adjust(agent.Decision{Action: "adjust"}, agent.Entry{Meter: "m0", Customer: "acme", Window: hour0, Value: value})
		return err
	}
	must(t, adjust(-4))
	before := collect(t, s.Outbox())
	changed := e
	changed.Value++
	for name, err := range map[string]error{
		"takes back more than is left": adjust(-7),
		"changes nothing":              adjust(0),
		"another value":                s.Decide([]agent.Decision{{}}, []agent.Entry{changed}),
		"a line that isn't kept":       s.Replay("edge", []uint64{1}, meters(t, 1).NewTally()),
		"a document that's too large":  s.PutDocuments("k", []agent.Document{{Name: "n", Value: make([]byte, maxDocument+1)}}),
	} {
		if err == nil {
			t.Errorf("%s: done", name)
		}
	}
	if err := adjust(-7); err == nil || !strings.Contains(err.Error(), "10 were counted") || !strings.Contains(err.Error(), "hint") {
		t.Errorf("the error doesn't say what was counted: %v", err)
	}
	if got := collect(t, s.Outbox()); fmt.Sprint(got) != fmt.Sprint(before) || len(collect(t, s.Decisions())) != 1 {
		t.Errorf("outbox %v, want %v", got, before)
	}
	must(t, adjust(-6))

	// What is written off can't be taken back once more.
	s, e = sealedAcme(t)
	e.State, e.Settled = agent.WrittenOff, 1
	must(t, s.Decide([]agent.Decision{{Action: "write-off"}}, []agent.Entry{e}))
	if err := adjust(-1); err == nil {
		t.Error("took back what was written off")
	}
}

func TestBindMeters(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	must(t, s.Bind("", false, nil))
	must(t, s.Bind("acct_1", true, nil))
	must(t, s.Bind("acct_1", true, map[string]string{"calls": "mtr_1", "unknown": ""}))
	must(t, s.Bind("acct_1", true, map[string]string{"calls": "", "bytes": "mtr_2"}))
	dir := s.dir
	must(t, s.Close())
	s = open(t, dir)
	err := s.Bind("acct_1", true, map[string]string{"calls": "mtr_9", "aaa": "mtr_3"})
	if !errors.Is(err, ErrBound) || !strings.Contains(err.Error(), "mtr_1") || !strings.Contains(err.Error(), "hint") {
		t.Errorf("another meter: %v", err)
	}
	if got := fmt.Sprint(s.meta.meters); got != "map[bytes:mtr_2 calls:mtr_1]" {
		t.Errorf("bound to %s", got)
	}
}

// A flood of refused lines stays within bounds, and IDs are never used twice.
func TestRefusedLinesAreBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	ms := meters(t, 1)
	for _, size := range []int{10, 8 << 10} {
		commits := 1 + maxRefusals/64
		if size > 10 {
			commits = 40
			s.quarantine.bytes += maxRefusalBytes - 1<<20 // as if it were nearly full
		}
		for range commits {
			tally := ms.NewTally()
			for range 64 {
				tally.Refuse(1, hour0)
				tally.Keep(make([]byte, size), "/l", 0, "no time", 1)
			}
			must(t, s.Commit("edge", nil, tally))
			if q := s.quarantine; len(q.list) > maxRefusals || q.bytes > maxRefusalBytes {
				t.Fatalf("%d lines of %d bytes are kept", len(q.list), q.bytes)
			}
		}
	}
	last := s.quarantine.last
	kept := len(s.quarantine.list)
	var ids []uint64
	for r := range s.Refusals() {
		ids = append(ids, r.ID)
	}
	if len(ids) != kept || ids[len(ids)-1] != last {
		t.Fatalf("%d lines on disk, %d in memory, the last is %d", len(ids), kept, last)
	}
	// All of them at once is more than one transaction of Badger's.
	must(t, s.Replay("edge", ids, ms.NewTally()))
	s = open(t, killed(t, dir))
	if got := collect(t, s.Refusals()); len(got) > 0 || staged(t, s) > 0 {
		t.Errorf("%d lines are left", len(got))
	}
	tally := ms.NewTally()
	tally.Refuse(1, hour0)
	tally.Keep([]byte("x"), "/l", 0, "no time", 1)
	must(t, s.Commit("edge", nil, tally))
	if got := collect(t, s.Refusals()); len(got) != 1 || got[0].ID != last+1 {
		t.Errorf("after %d comes %+v", last, got)
	}
}

// More members than a transaction holds count once, whole or not at all.
func TestManyMembers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	ms := meters(t, 1)
	tally := ms.NewTally()
	const n = 12_000
	for i := range n {
		tally.See([]byte("acme"), agent.Member{Period: agent.Period{Start: hour0, Hours: 24}, ID: agent.MemberID{byte(i), byte(i >> 8)}, Window: hour0, Value: 1})
	}
	// A crash before the commit: the members are there, and mean nothing.
	var w writes
	tx := s.begin()
	must(t, s.count(tx, &w, tally))
	must(t, s.putAside(&w))
	tx.discard()
	s = open(t, killed(t, dir))
	if got := usageText(t, s); got != "" {
		t.Errorf("usage %q before the commit", got)
	}
	want := fmt.Sprintf("%s m0 acme 0/%d", hour0, n)
	for range 2 {
		must(t, s.Commit("edge", nil, tally))
		if got := usageText(t, s); got != want {
			t.Errorf("usage %q, want %q", got, want)
		}
	}
	s = open(t, killed(t, s.dir))
	must(t, s.Commit("edge", nil, tally))
	if got := usageText(t, s); got != want || staged(t, s) > 0 {
		t.Errorf("after a kill: usage %q, want %q", got, want)
	}
}

// Customers that are known lose nothing to a caller who invented as many as an
// hour may have before they came, and the hour tells of it once.
func TestKnownCustomersPassTheMost(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	o := testOptions(t.TempDir())
	o.MaxCustomers, o.Log = 100, slog.New(slog.NewTextHandler(&said, nil))
	s, err := Open(o)
	must(t, err)
	defer s.Close()
	asked := 0
	s.Know(func() func([]byte) bool {
		asked++
		return func(name []byte) bool { return bytes.HasPrefix(name, []byte("real-")) }
	})
	const invented, real = 100_000, 1000
	ms := meters(t, 1)
	tally := ms.NewTally()
	flush := func() {
		t.Helper()
		must(t, s.Commit("edge", nil, tally))
		tally.Reset()
	}
	for i := range invented {
		countLine(ms, tally, hour0, 0, 0, fmt.Sprint("invented-", i))
		if i%10_000 == 9999 {
			flush()
		}
	}
	for range 2 {
		for i := range real {
			countLine(ms, tally, hour0, 0, 0, fmt.Sprint("real-", i))
		}
		flush()
	}
	if asked != invented/10_000+2 {
		t.Errorf("asked %d times", asked)
	}
	check := func() {
		t.Helper()
		got := map[string]uint64{}
		for _, u := range collect(t, s.Usage(hour0, hour0+1)) {
			got[u.Customer] += u.Total
		}
		for i := range real {
			if name := fmt.Sprint("real-", i); got[name] != 2 {
				t.Fatalf("%s has %d, want 2", name, got[name])
			}
		}
		if len(got) != o.MaxCustomers+real+1 || got[""] != uint64(invented-o.MaxCustomers) {
			t.Errorf("%d customers, others %d", len(got), got[""])
		}
	}
	check()
	if n := s.names.Len(); n > o.MaxCustomers+real+1 {
		t.Errorf("%d names in memory", n)
	}
	if n := strings.Count(said.String(), "customers.max"); n != 1 {
		t.Errorf("told %d times:\n%s", n, &said)
	}
	must(t, s.Close())
	s, err = Open(o)
	must(t, err)
	defer s.Close()
	check()
}

// A caller who invents customers fills neither memory nor disk, and those who
// were there before stay exact.
func TestMostCustomers(t *testing.T) {
	t.Parallel()
	o := testOptions(t.TempDir())
	o.MaxCustomers = 100
	s, err := Open(o)
	must(t, err)
	defer s.Close()
	ms := meters(t, 1)
	tally := ms.NewTally()
	countLine(ms, tally, hour0, 0, 0, "acme")
	for i := range 20_000 {
		countLine(ms, tally, hour0, 0, 0, fmt.Sprint("invented-", i))
	}
	countLine(ms, tally, hour0, 0, 0, "acme")
	must(t, s.Commit("edge", nil, tally))
	if n := s.names.Len(); n > 101 {
		t.Errorf("%d names in memory", n)
	}
	got := map[string]uint64{}
	for _, u := range collect(t, s.Usage(hour0, hour0+1)) {
		got[u.Customer] += u.Total
	}
	if len(got) != 101 || got["acme"] != 2 || got[""] != 20_000-99 {
		t.Errorf("%d customers, acme %d, others %d", len(got), got["acme"], got[""])
	}
}
