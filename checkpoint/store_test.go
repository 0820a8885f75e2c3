package checkpoint

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// hour0 is the window in which most tests count.
var hour0 = agent.WindowOf(time.Date(2026, 11, 24, 18, 0, 0, 0, time.UTC))

// meters m0, m1, … count the paths /m0, /m1, ….
func meters(t testing.TB, n int) *agent.Meters {
	t.Helper()
	var list []agent.Meter
	for i := range n {
		list = append(list, agent.Meter{Name: fmt.Sprintf("m%d", i), Match: agent.Match{Paths: []string{fmt.Sprintf("/m%d", i)}}})
	}
	ms, err := agent.NewMeters(list)
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

// countLine counts a line for a customer at a minute of a window.
func countLine(ms *agent.Meters, tally *agent.Tally, w agent.Window, minute int, meter int, customer string) {
	rec := agent.Record{
		Time:     w.Start().UnixMilli() + int64(minute)*60_000,
		Path:     fmt.Appendf(nil, "/m%d", meter),
		Status:   200,
		Customer: []byte(customer),
	}
	ms.Measure(&rec, tally)
}

func testOptions(dir string) Options {
	return Options{Dir: dir, Instance: "edge-1", MinFree: 1}
}

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(testOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func collect[T any](t testing.TB, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// usageText writes all usage as lines of text, sorted.
func usageText(t testing.TB, s *Store) string {
	t.Helper()
	var lines []string
	for _, u := range collect(t, s.Usage(firstWindow, lastWindow)) {
		lines = append(lines, fmt.Sprintf("%s %s %s %d/%d", u.Window, u.Meter, u.Customer, u.Reported, u.Total))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestCommitSealDeliver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	ms := meters(t, 2)
	tally := ms.NewTally()
	countLine(ms, tally, hour0, 3, 0, "acme")
	countLine(ms, tally, hour0, 7, 0, "acme")
	countLine(ms, tally, hour0, 5, 1, "bolt")
	tally.Refuse(2, hour0)
	position := agent.Position{
		ID: 7, Path: "/var/log/access.log", Device: 1, Inode: 2, Birth: -3, Offset: 4,
		Head: []byte("head"), Mark: []byte("mark"), Past: []agent.Place{{Offset: 3, Sum: 1 << 63}}, Done: true,
	}
	must(t, s.Commit("edge", []agent.Position{position}, tally))
	tally.Reset()

	if n, err := s.Seal(hour0.End().Add(-1)); n != 0 || err != nil {
		t.Fatalf("sealed %d rows of an hour that isn't over, %v", n, err)
	}
	if n, err := s.Seal(hour0.End()); n != 2 || err != nil {
		t.Fatalf("sealed %d rows, %v; want 2", n, err)
	}
	if n, err := s.Seal(hour0.End()); n != 0 || err != nil {
		t.Fatalf("sealed %d rows again, %v", n, err)
	}
	countLine(ms, tally, hour0, 2, 0, "acme")
	must(t, s.Commit("edge", nil, tally))
	if n, err := s.Seal(hour0.End()); n != 1 || err != nil {
		t.Fatalf("sealed %d late rows, %v; want 1", n, err)
	}
	must(t, s.Close())
	must(t, s.Close())
	if _, err := s.Pending(nil, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("Pending after Close: %v", err)
	}

	s = open(t, dir)
	if got, err := s.Positions("edge"); err != nil || fmt.Sprint(got) != fmt.Sprint([]agent.Position{position}) {
		t.Errorf("positions %v, %v; want %v", got, err, position)
	}
	lines := collect(t, s.Accounting(hour0, hour0+1))
	want := agent.SourceLines{Source: "edge", Window: hour0, Accounting: agent.Accounting{Lines: 6, Billed: 4, Refused: 2}}
	if len(lines) != 1 || lines[0] != want {
		t.Errorf("accounting %v, want %v", lines, want)
	}
	entries, err := s.Pending(nil, 10)
	must(t, err)
	var got []string
	for i := range entries {
		e := &entries[i]
		got = append(got, fmt.Sprintf("%s %s %d: %d at %d", e.Meter, e.Customer, e.Seq, e.Value, e.Minute))
		if e.Identifier != agent.Identify("edge-1", e) || e.State != agent.Sealed {
			t.Errorf("entry %+v", e)
		}
		e.EventName, e.Account, e.CustomerKey, e.ValueKey = "calls", "cus_1", "stripe_customer_id", "value"
		e.Attempts, e.FirstAttempt, e.LastAttempt = 1, 1_800_000_000, 1_800_000_000
	}
	slices.Sort(got)
	if want := "m0 acme 1: 2 at 7, m0 acme 2: 1 at 2, m1 bolt 1: 1 at 5"; strings.Join(got, ", ") != want {
		t.Errorf("entries %v, want %s", got, want)
	}
	must(t, s.Attempt(entries))
	stored := collect(t, s.Outbox())
	if fmt.Sprint(stored) != fmt.Sprint(entries) {
		t.Errorf("outbox %v, want %v", stored, entries)
	}
	entries[0].State, entries[0].Settled, entries[0].RequestID = agent.Accepted, 1_800_000_001, "req_1"
	entries[1].State, entries[1].Reason = agent.Parked, "no such customer"
	must(t, s.Settle(entries[:2]))
	if got, err := s.Pending(&entries[0], 10); err != nil || fmt.Sprint(got) != fmt.Sprint(entries[1:]) {
		t.Errorf("pending %v, %v; want %v", got, err, entries[1:])
	}
	if got := collect(t, s.Ledger(hour0, hour0+1)); fmt.Sprint(got) != fmt.Sprint(entries[:1]) {
		t.Errorf("ledger %v, want %v", got, entries[:1])
	}
	if got, err := s.Delivered(&entries[1]); err != nil || got != entries[0].Value {
		t.Errorf("delivered %d, %v; want %d", got, err, entries[0].Value)
	}
	st, err := s.Stats()
	must(t, err)
	if st.Outbox.Parked != 1 || st.Outbox.Sealed != 1 || st.Outbox.Oldest != hour0 || st.Commits != 2 || st.Windows != 1 || st.Unsealed != 0 {
		t.Errorf("stats %+v", st)
	}
}

// One minute of an account and window belongs to one entry, also when the
// others are in the ledger or were attempted before a restart.
func TestAttemptGivesEachEntryAMinuteOfItsOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	ms := meters(t, 1)
	taken := map[int64]bool{}
	for i := range 61 {
		tally := ms.NewTally()
		countLine(ms, tally, hour0, 30, 0, fmt.Sprint("c", i))
		must(t, s.Commit("edge", nil, tally))
		if _, err := s.Seal(hour0.End()); err != nil {
			t.Fatal(err)
		}
		entries, err := s.Pending(nil, 100)
		must(t, err)
		for k := range entries {
			entries[k].EventName, entries[k].Account = "calls", "cus_1"
		}
		must(t, s.Attempt(entries))
		for k := range entries {
			if i == 60 {
				if got := entries[k].Time().Minute(); got != 30 {
					t.Errorf("the 61st entry is at minute %d, want its own, 30", got)
				}
			} else if taken[entries[k].Timestamp] {
				t.Errorf("minute %s is taken twice", entries[k].Time())
			}
			taken[entries[k].Timestamp] = true
			entries[k].State = agent.Accepted
		}
		must(t, s.Settle(entries))
		if i%20 == 10 {
			must(t, s.Close())
			s = open(t, dir)
		}
	}
	if len(taken) != 60 {
		t.Errorf("%d minutes are taken, want 60", len(taken))
	}
}

func TestEntriesThatAreNoEntries(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*agent.Entry){
		"another value":    func(e *agent.Entry) { e.Value++ },
		"another seq":      func(e *agent.Entry) { e.Seq++ },
		"another customer": func(e *agent.Entry) { e.Customer += "x" },
		"no state":         func(e *agent.Entry) { e.State = 0 },
	} {
		s := open(t, t.TempDir())
		ms := meters(t, 1)
		tally := ms.NewTally()
		countLine(ms, tally, hour0, 0, 0, "acme")
		must(t, s.Commit("edge", nil, tally))
		_, err := s.Seal(hour0.End())
		must(t, err)
		entries, err := s.Pending(nil, 1)
		must(t, err)
		before := entries[0]
		change(&entries[0])
		if err := s.Settle(entries); err == nil {
			t.Errorf("%s: settled", name)
		}
		dir := s.dir
		must(t, s.Close())
		if got := collect(t, open(t, dir).Outbox()); len(got) != 1 || got[0] != before {
			t.Errorf("%s: outbox %v, want %v", name, got, before)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := Open(testOptions(dir)); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("a second Open: %v", err)
	}
	must(t, s.Bind("acct_1", false, nil))
	must(t, s.Bind("acct_1", false, nil))
	for _, err := range []error{s.Bind("acct_2", false, nil), s.Bind("acct_1", true, nil)} {
		if !errors.Is(err, ErrBound) || !strings.Contains(err.Error(), "hint") {
			t.Errorf("bound to another: %v", err)
		}
	}
	must(t, s.Close())

	other := testOptions(dir)
	other.Instance = "edge-2"
	if _, err := Open(other); !errors.Is(err, ErrBound) || !strings.Contains(err.Error(), `set instance = "edge-1"`) {
		t.Errorf("another instance: %v", err)
	}
	bound := testOptions(dir)
	bound.Account, bound.Live = "acct_1", true
	if _, err := Open(bound); !errors.Is(err, ErrBound) {
		t.Errorf("another mode: %v", err)
	}
	bound.Live = false
	s, err := Open(bound)
	must(t, err)
	must(t, s.Close())

	if _, err := Open(Options{Dir: dir}); err == nil {
		t.Error("opened without an instance")
	}
	must(t, os.RemoveAll(filepath.Join(dir, databaseName)))
	if _, err := Open(testOptions(dir)); !errors.Is(err, ErrNoCheckpoint) || !strings.Contains(err.Error(), "--new-state") {
		t.Errorf("without its database: %v", err)
	}
}

func TestOpenHealsEmptyFilesOfAKilledProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	ms := meters(t, 1)
	tally := ms.NewTally()
	countLine(ms, tally, hour0, 0, 0, "acme")
	must(t, s.Commit("edge", nil, tally))
	want := usageText(t, s)
	must(t, s.Close())
	for _, name := range []string{"00099.mem", "000099.vlog"} {
		must(t, os.WriteFile(filepath.Join(dir, databaseName, name), nil, 0o600))
	}
	if got := usageText(t, open(t, dir)); got != want {
		t.Errorf("usage %q, want %q", got, want)
	}
}

func TestFullDiskWritesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	ms := meters(t, 1)
	tally := ms.NewTally()
	countLine(ms, tally, hour0, 0, 0, "acme")
	free := s.minFree
	s.minFree = 1 << 60
	if err := s.Commit("edge", nil, tally); !errors.Is(err, agent.ErrFull) {
		t.Fatalf("Commit: %v", err)
	}
	if got := usageText(t, s); got != "" {
		t.Errorf("usage %q", got)
	}
	s.minFree = free
	must(t, s.Commit("edge", nil, tally))
	s.minFree = 1 << 60
	if _, err := s.Seal(hour0.End()); !errors.Is(err, agent.ErrFull) {
		t.Errorf("Seal: %v", err)
	}
	if err := s.Maintain(hour0.End()); !errors.Is(err, agent.ErrFull) {
		t.Errorf("Maintain: %v", err)
	}
	s.minFree = free
	if n, err := s.Seal(hour0.End()); n != 1 || err != nil {
		t.Errorf("sealed %d, %v", n, err)
	}
	must(t, s.Close())
	full := testOptions(dir)
	full.MinFree = 1 << 60
	if _, err := Open(full); !errors.Is(err, agent.ErrFull) {
		t.Errorf("Open: %v", err)
	}
}

func TestNamesThatAreTooLongStayApart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	ms := meters(t, 1)
	tally := ms.NewTally()
	long := strings.Repeat("x", 1<<20)
	for _, name := range []string{long + "a", long + "b", long + "b", strings.Repeat("y", maxName), "\x00", "é\xff"} {
		countLine(ms, tally, hour0, 0, 0, name)
	}
	must(t, s.Commit("edge", nil, tally))
	must(t, s.Close())
	totals := map[uint64]int{}
	for _, u := range collect(t, open(t, dir).Usage(hour0, hour0+1)) {
		totals[u.Total]++
		if len(u.Customer) > maxName {
			t.Errorf("a name of %d bytes", len(u.Customer))
		}
	}
	if totals[1] != 4 || totals[2] != 1 {
		t.Errorf("rows by total: %v", totals)
	}
}
