package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logmeter/logmeter/agent"
)

// damaged is a closed state with several tables and a log, and what is in it.
func damaged(t *testing.T) (dir, usage string) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, dir)
	ms := meters(t, 1)
	tally := ms.NewTally()
	for i := range agent.Window(6) {
		for k := range 3000 {
			countLine(ms, tally, hour0+i, 0, 0, fmt.Sprintf("customer-%d-of-many", k))
		}
		must(t, s.Commit("edge", nil, tally))
		tally.Reset()
		if _, err := s.Seal((hour0 + i).End()); err != nil {
			t.Fatal(err)
		}
	}
	usage = usageText(t, s)
	must(t, s.Close()) // writes what is in the log to a table
	s = open(t, dir)
	must(t, s.Commit("edge", nil, tally))
	copied := killed(t, dir)
	must(t, s.Close())
	return copied, usage
}

func files(t *testing.T, dir, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, databaseName, pattern))
	must(t, err)
	if len(names) == 0 {
		t.Fatalf("no %s", pattern)
	}
	return names
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, change(content), 0o600))
}

// Whatever happens to a file, Open says what to do, or the state is as it was.
func TestDamage(t *testing.T) {
	t.Parallel()
	master, usage := damaged(t)
	flip := func(at func(n int) int) func([]byte) []byte {
		return func(b []byte) []byte {
			b[at(len(b))] ^= 0x10
			return b
		}
	}
	cut := func(b []byte) []byte { return b[:len(b)/2] }
	for _, c := range []struct {
		name, pattern string
		change        func([]byte) []byte // nil: delete the file
		intact        bool                // nothing was lost
	}{
		{"MANIFEST deleted", "MANIFEST", nil, false},
		{"MANIFEST overwritten", "MANIFEST", func([]byte) []byte { return []byte("what is this?") }, false},
		{"MANIFEST flipped", "MANIFEST", flip(func(n int) int { return n / 2 }), false},
		{"MANIFEST empty", "MANIFEST", func([]byte) []byte { return nil }, false},
		{"KEYREGISTRY cut", "KEYREGISTRY", cut, false},
		{"table deleted", "*.sst", nil, false},
		{"table empty", "*.sst", func([]byte) []byte { return nil }, false},
		{"table cut", "*.sst", cut, false},
		{"table cut by a byte", "*.sst", func(b []byte) []byte { return b[:len(b)-1] }, false},
		{"table zeroed at its end", "*.sst", func(b []byte) []byte { return append(b[:len(b)-4096], make([]byte, 4096)...) }, false},
		{"table flipped at its start", "*.sst", flip(func(int) int { return 20 }), false},
		{"table flipped in the middle", "*.sst", flip(func(n int) int { return n / 2 }), false},
		{"table flipped in its last block", "*.sst", flip(func(n int) int { return n - n/20 }), false},
		{"table flipped in its index", "*.sst", flip(func(n int) int { return n - 60 }), false},
		{"table flipped in its last byte", "*.sst", flip(func(n int) int { return n - 1 }), false},
		{"value log deleted", "*.vlog", nil, true},
		{"log deleted", "*.mem", nil, true},
		{"log empty", "*.mem", func([]byte) []byte { return nil }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := killed(t, master)
			path := files(t, dir, c.pattern)[0]
			if c.change == nil {
				must(t, os.Remove(path))
			} else {
				edit(t, path, c.change)
			}
			tables, _ := filepath.Glob(filepath.Join(dir, databaseName, "*.sst"))
			s, err := Open(testOptions(dir))
			switch {
			case err != nil && c.intact:
				t.Fatalf("Open: %v", err)
			case err != nil:
				if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNoCheckpoint) || !strings.Contains(err.Error(), "hint") {
					t.Errorf("the error doesn't say what to do: %v", err)
				}
				for _, path := range tables {
					if _, err := os.Stat(path); err != nil {
						t.Errorf("what was left is gone, too: %v", err)
					}
				}
				t.Log(err)
			default:
				defer s.Close()
				if !c.intact {
					t.Error("opened")
				}
				if got := usageText(t, s); got != usage {
					t.Error("opened with other usage")
				}
			}
		})
	}
}

// What a power cut does to the log's end takes the last transactions away,
// counts and position together: never one without the other.
func TestTornLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	ms := meters(t, 1)
	tally := ms.NewTally()
	countLine(ms, tally, hour0, 0, 0, "acme")
	const commits = 40
	for i := range commits {
		must(t, s.Commit("edge", []agent.Position{{ID: 1, Offset: int64(i + 1)}}, tally))
	}
	log := files(t, dir, "*.mem")[0]
	content, err := os.ReadFile(log)
	must(t, err)
	end := len(content)
	for end > 0 && content[end-1] == 0 {
		end--
	}
	for name, change := range map[string]func(b []byte){
		"zeroed":  func(b []byte) { clear(b[end*2/3:]) },
		"flipped": func(b []byte) { b[end*2/3] ^= 1 },
		"random":  func(b []byte) { copy(b[end*2/3:], "not what was written") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := killed(t, dir)
			edit(t, files(t, dir, "*.mem")[0], func(b []byte) []byte {
				change(b)
				return b
			})
			s := open(t, dir)
			positions, err := s.Positions("edge")
			must(t, err)
			var offset int64
			if len(positions) > 0 {
				offset = positions[0].Offset
			}
			if offset == 0 || offset >= commits {
				t.Errorf("position %d, want one before %d", offset, commits)
			}
			if got, want := usageText(t, s), fmt.Sprintf("%s m0 acme 0/%d", hour0, offset); got != want {
				t.Errorf("usage %q, want %q", got, want)
			}
		})
	}
}

// A process that is killed again and again before it gets to maintenance leaves
// a table with each start. That must neither slow it down nor stop it.
func TestManyStarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ms := meters(t, 1)
	tally := ms.NewTally()
	countLine(ms, tally, hour0, 0, 0, "acme")
	const starts = 30
	for range starts {
		s := open(t, dir)
		if n := s.db.Levels()[0].NumTables; n > flattenTables {
			t.Fatalf("%d tables lie over each other", n)
		}
		must(t, s.Commit("edge", nil, tally))
		must(t, s.Close())
	}
	if got, want := usageText(t, open(t, dir)), fmt.Sprintf("%s m0 acme 0/%d", hour0, starts); got != want {
		t.Errorf("usage %q, want %q", got, want)
	}
}

// Keys that are gone are noticed where something else needs them.
func TestMissingKeys(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]func(s *Store) []byte{
		"meta":   func(*Store) []byte { return metaKey() },
		"batch":  func(*Store) []byte { return batchKey(3) },
		"header": func(*Store) []byte { return windowKey(prefixHeader, hour0) },
		"names":  func(*Store) []byte { return namesKey(hour0, 0) },
		"word":   func(*Store) []byte { return wordKey(1) },
	} {
		dir := t.TempDir()
		s := open(t, dir)
		ms := meters(t, 1)
		tally := ms.NewTally()
		countLine(ms, tally, hour0, 0, 0, "acme")
		for range 5 {
			must(t, s.Commit("edge", nil, tally))
		}
		tx := s.begin()
		tx.remove(key(s))
		must(t, tx.commit())
		must(t, s.Close())
		if _, err := Open(testOptions(dir)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s is missing: %v", name, err)
		}
	}
}

func TestSentinelIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, open(t, dir).Close())
	path := filepath.Join(dir, sentinelName)
	must(t, os.Remove(path))
	must(t, open(t, dir).Close())
	text, err := os.ReadFile(path)
	must(t, err)
	var s sentinel
	if err := json.Unmarshal(text, &s); err != nil || s.Instance != "edge-1" || s.Format != formatVersion {
		t.Errorf("sentinel %s, %v", text, err)
	}
	must(t, os.WriteFile(path, []byte("{"), 0o600))
	if _, err := Open(testOptions(dir)); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "hint") {
		t.Errorf("a torn sentinel: %v", err)
	}
}
