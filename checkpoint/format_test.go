package checkpoint

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"github.com/logmeter/logmeter/agent"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file in testdata. On a difference look twice:
// states on people's disks have the old form, so a change of a key or a value
// needs a new formatVersion and a migration.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		must(t, os.WriteFile(path, []byte(text), 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if text != string(want) {
		t.Errorf("%s has changed:\n%s\nwant\n%s", name, text, want)
	}
}

var goldenID = stateID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

// goldenStore is a small state with a value of every kind, all of them fixed.
func goldenStore(t *testing.T) *Store {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir)
	s.meta.id, s.meta.created = goldenID, 1_780_000_000
	must(t, s.Bind("acct_1", true, map[string]string{"calls": "mtr_1", "bytes": "mtr_2"}))
	ms := meters(t, 2)
	tally := ms.NewTally()
	countLine(ms, tally, hour0, 3, 0, "acme")
	countLine(ms, tally, hour0, 4, 0, "bolt")
	countLine(ms, tally, hour0, 4, 0, "bolt")
	countLine(ms, tally, hour0-1, 59, 1, "acme")
	countLine(ms, tally, hour0, 5, 2, "acme")
	tally.Refuse(1, hour0)
	tally.Keep([]byte("not a line"), "/var/log/access.log", 4000, "no time", 1_780_000_100)
	tally.See([]byte("acme"), agent.Member{Period: agent.Period{Start: hour0, Hours: 24}, ID: agent.MemberID{1}, Meter: 1, Window: hour0, Minute: 9, Value: 1})
	must(t, s.Commit("edge", []agent.Position{{
		ID: 7, Path: "/var/log/access.log", Device: 64769, Inode: 1234567, Birth: 1_780_000_000_123_456_789, Offset: 4096,
		Head: []byte("head"), Mark: []byte("mark"), Past: []agent.Place{{Offset: 1024, Sum: 0x0102030405060708}}, Done: true, Finished: 1_780_000_200,
	}}, tally))
	_, err := s.Seal(hour0.Start())
	must(t, err)
	_, err = s.Seal(hour0.End())
	must(t, err)
	must(t, s.Commit("edge", nil, tally))
	entries, err := s.Pending(nil, 10)
	must(t, err)
	for i := range entries {
		e := &entries[i]
		e.EventName, e.Account, e.CustomerKey, e.ValueKey = "calls", fmt.Sprint("cus_", i), "stripe_customer_id", "value"
		e.Attempts, e.FirstAttempt, e.LastAttempt, e.NotBefore = 3, hour0.End().Unix()+200, hour0.End().Unix()+900, hour0.End().Unix()+1800
		e.KeyEpoch, e.Unknown, e.Reason = 1, true, "no answer"
	}
	must(t, s.Attempt(entries[1:]))
	entries[1].State, entries[1].Settled, entries[1].RequestID, entries[1].Duplicate = agent.Accepted, hour0.End().Unix()+901, "req_1", true
	entries[2].State, entries[2].AbsentSince = agent.Held, hour0.End().Unix()+902
	must(t, s.Settle(entries[1:3]))
	_, err = s.Adjust(agent.Decision{At: 1_780_000_300, By: "ann", Action: "adjust", Reason: "goodwill", Meter: "m0", Customer: "bolt", Window: hour0, Value: -1},
		agent.Entry{Meter: "m0", Customer: "bolt", Window: hour0, Minute: 4, Value: -1, Note: "goodwill"})
	must(t, err)
	off := collect(t, s.Outbox())[0]
	off.State, off.Reason, off.Settled, off.Released = agent.WrittenOff, "a test", 1_780_000_400, true
	must(t, s.Decide([]agent.Decision{{At: 1_780_000_400, By: "ann", Action: "write-off", Reason: "a test", Meter: off.Meter, Customer: off.Customer, Window: off.Window, Seq: off.Seq, Value: off.Value}}, []agent.Entry{off}))
	must(t, s.PutDocuments("account", []agent.Document{{Name: "cus_1", Value: []byte("active")}}))
	return s
}

func TestGoldenDatabase(t *testing.T) {
	t.Parallel()
	s := goldenStore(t)
	var text bytes.Buffer
	must(t, s.Dump(&text))
	golden(t, "dump.golden", text.String())

	var raw strings.Builder
	must(t, s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.DefaultIteratorOptions)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			value, err := it.Item().ValueCopy(nil)
			if err != nil {
				return err
			}
			fmt.Fprintf(&raw, "%c %x\n  %x\n", it.Item().Key()[0], it.Item().Key()[1:], value)
		}
		return nil
	}))
	golden(t, "format2.golden", raw.String())
}

func TestEnvelope(t *testing.T) {
	t.Parallel()
	key, payload := wordKey(1), []byte("payload")
	value := appendEnvelope(nil, goldenID, key, payload)
	if got, err := openEnvelope(goldenID, key, value); err != nil || !bytes.Equal(got, payload) {
		t.Errorf("opened %q, %v", got, err)
	}
	for i := range 8 * len(value) {
		flipped := bytes.Clone(value)
		flipped[i/8] ^= 1 << (i % 8)
		if _, err := openEnvelope(goldenID, key, flipped); !errors.Is(err, ErrDamaged) {
			t.Errorf("bit %d flipped: %v", i, err)
		}
	}
	for n := range value {
		if _, err := openEnvelope(goldenID, key, value[:n]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := openEnvelope(goldenID, wordKey(2), value); !errors.Is(err, ErrDamaged) {
		t.Errorf("under another key: %v", err)
	}
	if _, err := openEnvelope(stateID{}, key, value); !errors.Is(err, ErrDamaged) {
		t.Errorf("in another state: %v", err)
	}
	next := appendEnvelope(nil, goldenID, key, payload)[:len(value)-4]
	next[0]++
	sum := checksum(goldenID, key, next)
	next = append(next, byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24))
	if _, err := openEnvelope(goldenID, key, next); !errors.Is(err, ErrFormat) {
		t.Errorf("of another version: %v", err)
	}
}

func TestWindowKeysSortByTime(t *testing.T) {
	t.Parallel()
	windows := []agent.Window{firstWindow, -2, -1, 0, 1, hour0, lastWindow}
	for i, w := range windows {
		key := windowKey(prefixChunk, w)
		if got := keyWindow(key); got != w {
			t.Errorf("window %d reads back as %d", w, got)
		}
		if i > 0 && bytes.Compare(windowKey(prefixChunk, windows[i-1]), key) >= 0 {
			t.Errorf("window %d doesn't sort after %d", w, windows[i-1])
		}
	}
}

// The payloads are protected by checksums, so what decodes them meets foreign
// bytes only when the program is wrong. It must not panic even then.
func FuzzDecode(f *testing.F) {
	for _, prefix := range []byte("mdwncbapqroluxyjks") {
		f.Add(prefix, []byte{1, 0, 2, 3, 4, 5, 0, 0})
	}
	f.Add(byte(prefixBatch), []byte{1, 0, 0x90, 0xd2, 0x3c, 1, 3, 1, 2, 3, 5, 7, 0})
	f.Fuzz(func(t *testing.T, prefix byte, payload []byte) {
		key := append([]byte{prefix}, make([]byte, 24)...)[:max(1, keyBytes[prefix])]
		if prefix == prefixWrite {
			key = writeKey(metaKey())
		}
		if prefix == prefixBatch {
			key[1] = 1
		}
		s := &Store{dict: dictionary{words: []string{"", "a", "b"}}}
		value := appendEnvelope(nil, stateID{}, key, payload)
		_, _ = s.describe(view{dict: s.dict}, key, value)
	})
}

func TestEntryRoundTrip(t *testing.T) {
	t.Parallel()
	start := hour0.Start().Unix()
	for _, e := range []agent.Entry{
		{State: agent.Sealed, Value: 1},
		{State: agent.Parked, Value: 1<<63 - 1, Minute: 59, Customer: "\x00\xff", Timestamp: start, FirstAttempt: start, LastAttempt: start - 1, Settled: 1, NotBefore: 1 << 40},
		{State: agent.Sealed, Adjustment: true, Value: -1 << 63, Note: "taken back", Released: true},
		{State: agent.WrittenOff, Value: 1, Settled: start},
		{State: agent.Held, Unknown: true, Duplicate: true, Attempts: 1<<32 - 1, KeyEpoch: 1<<32 - 1, AbsentSince: start + 1, Reason: strings.Repeat("é", 2000)},
	} {
		e.Window, e.Seq = hour0, 9
		key := entryKey(prefixOutbox, hour0, "m", e.Customer, e.Seq)
		got, words, err := decodeEntry(key, appendEntry(nil, &e, entryWords{1, 2, 3, 4}))
		e.Reason = clip(e.Reason)
		if err != nil || got != e || words != (entryWords{1, 2, 3, 4}) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, e)
		}
	}
	if got := clip(strings.Repeat("é", 2000)); len(got) > maxReason || !strings.HasSuffix(got, "é…") {
		t.Errorf("clipped to %d bytes, ending %q", len(got), got[len(got)-6:])
	}
}
