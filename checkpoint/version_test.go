package checkpoint

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"github.com/logmeter/logmeter/agent"
)

// restoreFormat1 makes a state of what version 1 wrote: a backup that it made,
// with a pruned window, rows that are sealed and rows that are only in the ring,
// an entry of every state, and a commit that was cut off while its positions
// were moved to their places.
func restoreFormat1(t *testing.T) string {
	t.Helper()
	backup, err := os.ReadFile(filepath.Join("testdata", "format1.backup"))
	must(t, err)
	dir := filepath.Join(t.TempDir(), "state")
	must(t, Restore(dir, bytes.NewReader(backup)))
	return dir
}

// versions counts the values of a state by version, and returns that of meta.
func versions(t *testing.T, dir string) (byVersion map[byte]int, meta byte) {
	t.Helper()
	db, err := openDatabase(dir, open(t, t.TempDir()).log)
	must(t, err)
	defer db.Close()
	byVersion = make(map[byte]int)
	must(t, db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.DefaultIteratorOptions)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			must(t, it.Item().Value(func(value []byte) error {
				byVersion[value[0]]++
				if it.Item().Key()[0] == prefixMeta {
					meta = value[0]
				}
				return nil
			}))
		}
		return nil
	}))
	return byVersion, meta
}

// A state as version 1 wrote it opens, with all that is in it.
func TestReadsFormat1(t *testing.T) {
	t.Parallel()
	dir := restoreFormat1(t)
	if all, meta := versions(t, dir); meta != 1 || len(all) != 1 {
		t.Fatalf("values by version %v, meta %d; the test needs a state of version 1", all, meta)
	}
	s := open(t, dir)
	var dump bytes.Buffer
	must(t, s.Dump(&dump))
	golden(t, "format1.dump.golden", dump.String())

	acct, late, before := "\x00é\xff", "2026-11-24T18:00:00Z m1 late 0/1", "2026-11-24T17:00:00Z m0 "
	want := []string{
		before + acct + " 5/5", before + "acme 1/2", before + "bolt 2/2", before + "core 3/3", before + "dent 4/4",
		"2026-11-24T18:00:00Z m1 " + acct + " 0/1", "2026-11-24T18:00:00Z m1 acme 0/1", "2026-11-24T18:00:00Z m1 bolt 0/1",
		"2026-11-24T18:00:00Z m1 core 0/1", "2026-11-24T18:00:00Z m1 dent 0/1", late,
	}
	if got := usageText(t, s); got != strings.Join(want, "\n") {
		t.Errorf("usage\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if ps, err := s.Positions("api"); err != nil || len(ps) != 2 || ps[1].Path != "/var/log/api.log.1" || !ps[1].Done {
		t.Errorf("positions of api %+v, %v; want what was being moved, too", ps, err)
	}
	var lines agent.Accounting
	for _, l := range collect(t, s.Accounting(firstWindow, lastWindow)) {
		lines.Add(l.Accounting)
	}
	if lines.Lines != 29 || lines.Billed != 22 || lines.Rules[agent.RulePath] != 5 || lines.Refused != 2 || lines.Remainder() != 0 {
		t.Errorf("accounting %+v", lines)
	}
	states := map[agent.State]int{}
	for _, e := range append(collect(t, s.Outbox()), collect(t, s.Ledger(firstWindow, lastWindow))...) {
		states[e.State]++
	}
	if fmt.Sprint(states) != fmt.Sprint(map[agent.State]int{agent.Sealed: 2, agent.Held: 1, agent.Parked: 1, agent.Accepted: 1}) {
		t.Errorf("entries by state %v", states)
	}
}

// Raising a state writes one value; whatever happens before or after that, the
// state opens. From then on version 1, which reads meta first, refuses it.
func TestRaiseFormat(t *testing.T) {
	t.Parallel()
	dir := restoreFormat1(t)
	s := open(t, dir)
	raised := killed(t, dir)
	must(t, s.Close())
	all, meta := versions(t, raised)
	if meta != formatVersion || all[1] == 0 {
		t.Errorf("values by version %v, meta %d; want all but a few as they were", all, meta)
	}
	s = open(t, raised)

	// It goes on: old values are read, changed and written anew.
	ms := meters(t, 2)
	tally := ms.NewTally()
	countLine(ms, tally, hour0-1, 1, 0, "acme")
	countLine(ms, tally, hour0-2000, 1, 0, "acme") // in a window that was pruned
	tally.Refuse(1, hour0)
	ps, err := s.Positions("edge")
	must(t, err)
	must(t, s.Commit("edge", ps, tally))
	_, err = s.Seal(hour0.End())
	must(t, err)
	entries, err := s.Pending(nil, 100)
	must(t, err)
	if e := entries[0]; e.Window != hour0-2000 || e.Seq != 2 {
		t.Errorf("the late line makes %+v, want seq 2 behind the floor", e)
	}
	var all2 []agent.Entry
	for _, e := range entries {
		if !e.Frozen() {
			e.EventName, e.Account, e.CustomerKey, e.ValueKey = "calls", "cus_"+e.Customer, "stripe_customer_id", "value"
		}
		all2 = append(all2, e)
	}
	must(t, s.Attempt(all2))
	for i := range all2 {
		all2[i].State, all2[i].Settled = agent.Accepted, hour0.End().Unix()
	}
	must(t, s.Settle(all2))
	total, billed := uint64(0), int64(0)
	for _, u := range collect(t, s.Usage(firstWindow, lastWindow)) {
		total += u.Total
	}
	for _, e := range collect(t, s.Ledger(firstWindow, lastWindow)) {
		billed += e.Value
	}
	if total != 24 || billed != 24 {
		t.Errorf("counted %d and billed %d, want 24", total, billed)
	}
	want := usageText(t, s)
	var backup bytes.Buffer
	must(t, s.Backup(&backup))
	again := filepath.Join(t.TempDir(), "state")
	must(t, Restore(again, &backup))
	if got := usageText(t, open(t, again)); got != want {
		t.Errorf("restored usage\n%s\nwant\n%s", got, want)
	}
}
