package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// killed returns a copy of an open state: what a process that is killed now
// leaves behind. Badger writes tables behind our back, so a copy during which
// a file came or went isn't one of any moment, and is made again.
func killed(t testing.TB, dir string) string {
	t.Helper()
	listing := func() string {
		var list strings.Builder
		must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if errors.Is(err, os.ErrNotExist) {
				return nil
			} else if err != nil {
				return err
			}
			if info, err := d.Info(); err == nil {
				fmt.Fprintln(&list, path, info.Size(), info.ModTime())
			}
			return nil
		}))
		return list.String()
	}
	for {
		to, before := t.TempDir(), listing()
		err := os.CopyFS(to, os.DirFS(dir))
		if before != listing() {
			continue
		}
		must(t, err)
		return to
	}
}

// compare checks all that can be read from s against the model.
func compare(t *testing.T, s *Store, model *agent.Memory, sources []string) {
	t.Helper()
	byKey := func(a, b agent.Usage) int {
		return cmp.Or(cmp.Compare(a.Meter, b.Meter), cmp.Compare(a.Customer, b.Customer), cmp.Compare(a.Window, b.Window))
	}
	usage := collect(t, s.Usage(firstWindow, lastWindow))
	slices.SortFunc(usage, byKey)
	if want := slices.SortedFunc(slices.Values(collect(t, model.Usage(agent.FirstWindow, agent.LastWindow))), byKey); !slices.Equal(usage, want) {
		t.Fatalf("usage %v\nwant %v", usage, want)
	}
	order := func(a, b agent.Entry) int { return cmp.Compare(a.Identifier, b.Identifier) }
	outbox := collect(t, s.Outbox())
	if !slices.IsSortedFunc(outbox, func(a, b agent.Entry) int { return cmp.Compare(a.Window, b.Window) }) {
		t.Fatal("the outbox isn't in the order of windows")
	}
	pending, err := model.Pending(nil, 1<<30)
	must(t, err)
	ledger, settled := collect(t, s.Ledger(firstWindow, lastWindow)), collect(t, model.Ledger(agent.FirstWindow, agent.LastWindow))
	for _, list := range [][]agent.Entry{outbox, pending, ledger, settled} {
		slices.SortFunc(list, order)
	}
	if !slices.Equal(outbox, pending) {
		t.Fatalf("outbox %v\nwant %v", outbox, pending)
	}
	if !slices.Equal(ledger, settled) {
		t.Fatalf("ledger %v\nwant %v", ledger, settled)
	}
	bySource := func(a, b agent.SourceLines) int {
		return cmp.Or(cmp.Compare(a.Window, b.Window), cmp.Compare(a.Source, b.Source))
	}
	lines := collect(t, s.Accounting(firstWindow, lastWindow))
	slices.SortFunc(lines, bySource)
	if want := collect(t, model.Accounting(agent.FirstWindow, agent.LastWindow)); !slices.Equal(lines, want) {
		t.Fatalf("accounting %+v\nwant %+v", lines, want)
	}
	for _, l := range lines {
		if l.Remainder() != 0 {
			t.Fatalf("accounting %+v doesn't add up", l)
		}
	}
	if got, want := collect(t, s.Decisions()), collect(t, model.Decisions()); !slices.Equal(got, want) {
		t.Fatalf("decisions %v\nwant %v", got, want)
	}
	if got, want := collect(t, s.Refusals()), collect(t, model.Refusals()); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("refusals %v\nwant %v", got, want)
	}
	for _, kind := range []string{"account", "told"} {
		if got, want := collect(t, s.Documents(kind)), collect(t, model.Documents(kind)); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("documents %v\nwant %v", got, want)
		}
	}
	for _, source := range sources {
		got, err := s.Positions(source)
		must(t, err)
		want, _ := model.Positions(source)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("positions %v, want %v", got, want)
		}
	}
}

// TestModel runs random lives of a store beside agent.Memory: commits, seals,
// attempts and settlements, clean restarts and kills. LOGMETER_SEEDS sets how
// many lives.
func TestModel(t *testing.T) {
	t.Parallel()
	seeds := 3
	if n, err := strconv.Atoi(os.Getenv("LOGMETER_SEEDS")); err == nil {
		seeds = n
	} else if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			live(t, uint64(seed))
		})
	}
}

func live(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	model := agent.NewMemory("edge-1")
	if seed%2 == 1 {
		model.MaxCustomers = 25
		model.Known = func(name []byte) bool { return len(name) > 0 && name[len(name)-1] == '7' }
	}
	reopen := func() *Store {
		o := testOptions(dir)
		o.MaxCustomers = model.MaxCustomers
		s, err := Open(o)
		must(t, err)
		s.Know(func() func([]byte) bool { return model.Known })
		t.Cleanup(func() { s.Close() })
		return s
	}
	s := reopen()
	sources := []string{"edge", "api"}
	ms := meters(t, 3)
	tallies := map[string]*agent.Tally{"edge": ms.NewTally(), "api": ms.NewTally()}
	customers := []int{3, 40, 250}[seed%3]
	// A life of few commits between restarts tests the ring's ends, one of
	// many its turns.
	steps, restarts := 300, 1+rnd.IntN(40)

	for range steps {
		switch n := rnd.IntN(100); {
		case n < 70:
			source := sources[rnd.IntN(2)]
			tally := tallies[source]
			for range rnd.IntN(2 * customers) {
				w := hour0
				if rnd.IntN(20) == 0 {
					w += agent.Window(rnd.IntN(9) - 6) // late, early
				}
				countLine(ms, tally, w, rnd.IntN(60), rnd.IntN(4), fmt.Sprint("customer-", rnd.IntN(customers)))
			}
			if rnd.IntN(5) == 0 {
				tally.Refuse(rnd.IntN(3), hour0)
			}
			if rnd.IntN(5) == 0 {
				tally.Refuse(1, hour0)
				tally.Keep(fmt.Appendf(nil, "line %d", rnd.Int()), "/l", rnd.Int64(), "no time", 1)
			}
			for range rnd.IntN(20) {
				tally.See(fmt.Append(nil, "customer-", rnd.IntN(customers)), agent.Member{
					Period: agent.Period{Start: hour0 - agent.Window(rnd.IntN(2)), Hours: uint16(24 * (1 + rnd.IntN(2)))},
					ID:     agent.MemberID{byte(rnd.IntN(40))}, Meter: rnd.IntN(3), Window: hour0 + agent.Window(rnd.IntN(2)), Minute: uint8(rnd.IntN(60)), Value: 1 + rnd.Uint64N(3),
				})
			}
			var positions []agent.Position
			for id := range uint64(rnd.IntN(3)) {
				positions = append(positions, agent.Position{ID: id, Path: "/l", Offset: rnd.Int64(), Head: []byte("h"), Mark: []byte("m"), Finished: rnd.Int64N(3), Gone: rnd.IntN(4) == 0})
			}
			must(t, s.Commit(source, positions, tally))
			must(t, model.Commit(source, positions, tally))
			tally.Reset()
		case n < 78:
			closed := (hour0 + agent.Window(rnd.IntN(6)-3)).End()
			got, err := s.Seal(closed)
			must(t, err)
			if want, _ := model.Seal(closed); got != want {
				t.Fatalf("sealed %d, want %d", got, want)
			}
		case n < 86:
			deliver(t, rnd, s, model)
		case n < 90:
			correct(t, rnd, s, model, ms)
		case n < 92:
			must(t, s.Maintain(hour0.Start()))
		default:
			if rnd.IntN(restarts) > 0 {
				continue
			}
			if rnd.IntN(2) == 0 {
				must(t, s.Close())
			} else {
				dir = killed(t, dir)
				must(t, s.Close())
			}
			s = reopen()
			if rnd.IntN(2) == 0 {
				// A new process has new tallies; stale ones must not matter.
				tallies = map[string]*agent.Tally{"edge": ms.NewTally(), "api": ms.NewTally()}
			}
			compare(t, s, model, sources)
		}
	}
	compare(t, s, model, sources)
}

// deliver attempts and settles some entries of a page in both stores.
func deliver(t *testing.T, rnd *rand.Rand, s *Store, model *agent.Memory) {
	t.Helper()
	var after *agent.Entry
	var page []agent.Entry
	for range 1 + rnd.IntN(3) {
		next, err := s.Pending(after, 1+rnd.IntN(50))
		must(t, err)
		if len(next) == 0 {
			break
		}
		page = next
		after = &page[len(page)-1]
	}
	rnd.Shuffle(len(page), func(i, k int) { page[i], page[k] = page[k], page[i] })
	page = page[:min(len(page), rnd.IntN(40))]
	for i := range page {
		e := &page[i]
		if !e.Frozen() {
			e.EventName, e.Account = "calls_"+e.Meter[:1], fmt.Sprint("cus_", rnd.IntN(5))
			e.CustomerKey, e.ValueKey = "stripe_customer_id", "value"
		}
		e.Attempts++
		e.LastAttempt = hour0.Start().Unix() + int64(rnd.IntN(7200)) - 3600
	}
	twin := slices.Clone(page)
	must(t, s.Attempt(page))
	must(t, model.Attempt(twin))
	if !slices.Equal(page, twin) {
		t.Fatalf("attempt %v\nwant %v", page, twin)
	}
	if rnd.IntN(4) == 0 {
		return // a crash before the answer
	}
	for i := range page {
		e := &page[i]
		switch e.State = agent.State(1 + rnd.IntN(4)); e.State {
		case agent.Parked:
			e.Reason = "refused: " + strings.Repeat("x", rnd.IntN(50))
		case agent.Held:
			e.Unknown, e.AbsentSince = true, e.LastAttempt
		case agent.Accepted:
			e.Settled, e.RequestID, e.Duplicate = e.LastAttempt+1, "req_1", rnd.IntN(2) == 0
		}
	}
	settled := make([]agent.Entry, 0, len(page))
	for i := range page {
		e := page[i]
		if e.Value > 1 && !e.Adjustment && rnd.IntN(4) == 0 { // Stripe has a part of it
			part, has := e, 1+rnd.Int64N(e.Value-1)
			part.Seq, part.Value, part.State, part.Settled = 0, has, agent.Accepted, e.LastAttempt+1
			rest := agent.Entry{
				Meter: e.Meter, Customer: e.Customer, Window: e.Window, Seq: e.Seq, Minute: e.Minute,
				From: e.From + uint64(has), Value: e.Value - has, State: agent.Sealed,
			}
			settled = append(settled, part, rest)
			continue
		}
		settled = append(settled, e)
	}
	must(t, s.Settle(slices.Clone(settled)))
	must(t, model.Settle(settled))
	for i := range page {
		got, err := s.Delivered(&page[i])
		must(t, err)
		if want, _ := model.Delivered(&page[i]); got != want {
			t.Fatalf("delivered %d, want %d", got, want)
		}
	}
}

// correct does what people do, in both stores.
func correct(t *testing.T, rnd *rand.Rand, s *Store, model *agent.Memory, ms *agent.Meters) {
	t.Helper()
	same := func(got, want error) {
		t.Helper()
		if (got == nil) != (want == nil) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	d := agent.Decision{At: hour0.Start().Unix() + rnd.Int64N(1<<20), By: "ann", Action: "adjust", Reason: "goodwill"}
	switch rnd.IntN(4) {
	case 0:
		e := agent.Entry{
			Meter: fmt.Sprint("m", rnd.IntN(4)), Customer: fmt.Sprint("customer-", rnd.IntN(60)), Window: hour0 + agent.Window(rnd.IntN(12)-6),
			Minute: uint8(rnd.IntN(60)), Value: 1 + rnd.Int64N(40), Note: "goodwill",
		}
		if rnd.IntN(2) == 0 {
			e.Value = -e.Value
		}
		d.Meter, d.Customer, d.Window, d.Value = e.Meter, e.Customer, e.Window, e.Value
		got, err := s.Adjust(d, e)
		want, werr := model.Adjust(d, e)
		same(err, werr)
		if got != want {
			t.Fatalf("adjusted %+v\nwant %+v", got, want)
		}
	case 1:
		page, err := s.Pending(nil, 1+rnd.IntN(80))
		must(t, err)
		rnd.Shuffle(len(page), func(i, k int) { page[i], page[k] = page[k], page[i] })
		page = page[:min(len(page), 1+rnd.IntN(4))]
		var ds []agent.Decision
		for i := range page {
			e := &page[i]
			e.Reason, e.NotBefore, e.Released = "decided", 5, true
			if e.State = agent.Sealed; rnd.IntN(2) == 0 {
				e.State, e.Settled = agent.WrittenOff, d.At
			}
			d.Action, d.Meter, d.Customer, d.Window, d.Seq, d.Value = "decide", e.Meter, e.Customer, e.Window, e.Seq, e.Value
			ds = append(ds, d)
		}
		must(t, s.Decide(ds, page))
		must(t, model.Decide(ds, page))
	case 2:
		tally := ms.NewTally()
		var ids []uint64
		for _, r := range collect(t, model.Refusals()) {
			if r.Source == "edge" && rnd.IntN(2) == 0 {
				ids = append(ids, r.ID)
				countLine(ms, tally, r.Window+agent.Window(rnd.IntN(2)), 3, rnd.IntN(4), fmt.Sprint("customer-", rnd.IntN(60)))
			}
		}
		must(t, s.Replay("edge", ids, tally))
		tally.IDs = tally.IDs[:0]
		must(t, model.Replay("edge", ids, tally))
	case 3:
		var docs []agent.Document
		for range 1 + rnd.IntN(3) {
			doc := agent.Document{Name: fmt.Sprint("name-", rnd.IntN(9))}
			if rnd.IntN(3) > 0 {
				doc.Value = make([]byte, rnd.IntN(4))
			}
			docs = append(docs, doc)
		}
		kind := []string{"account", "told"}[rnd.IntN(2)]
		must(t, s.PutDocuments(kind, docs))
		must(t, model.PutDocuments(kind, docs))
		got, err := s.Document(kind, docs[0].Name)
		must(t, err)
		if want, _ := model.Document(kind, docs[0].Name); (got == nil) != (want == nil) || string(got) != string(want) {
			t.Fatalf("document %v, want %v", got, want)
		}
	}
}

// A commit with more rows than a transaction holds is whole, or it isn't
// there, and what a crash leaves of it is never taken for a part of a later one.
func TestCommitOfManyBatches(t *testing.T) {
	t.Parallel()
	const customers = 36_000
	dir := t.TempDir()
	s := open(t, dir)
	ms := meters(t, 2)
	model := agent.NewMemory("edge-1")
	tally := ms.NewTally()
	for i := range customers {
		for m := range 2 {
			countLine(ms, tally, hour0, i%60, m, fmt.Sprintf("customer-%d", i*7919%customers))
		}
	}
	for range 2 {
		must(t, s.Commit("edge", nil, tally))
		must(t, model.Commit("edge", nil, tally))
	}
	if s.seq < 4 {
		t.Fatalf("%d batches; the test needs several a commit", s.seq)
	}
	dir = killed(t, dir)
	s = open(t, dir)
	compare(t, s, model, nil)

	small := ms.NewTally()
	countLine(ms, small, hour0, 59, 0, "customer-1")
	// Around the ring, a crash after two batches of an unfinished commit at
	// every turn.
	for range 5 {
		for range ringSlots / 4 {
			must(t, s.Commit("edge", nil, small))
			must(t, model.Commit("edge", nil, small))
		}
		tx := s.begin()
		must(t, s.foldSome(tx, 3))
		for i := range uint64(2) {
			s.batch.reset(s.seq + 1 + i)
			s.batch.begin(hour0, s.dict.numbers["m0"], 0)
			s.batch.add(0, 1000, 0)
			must(t, s.putPart(tx, s.seq+1+i))
		}
		tx.discard()
		must(t, s.Close())
		s = open(t, dir)
	}
	compare(t, s, model, nil)
}

// Windows far more than are kept in memory, as when old logs are counted.
func TestManyWindows(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	ms := meters(t, 1)
	model := agent.NewMemory("edge-1")
	tally := ms.NewTally()
	for i := range 120 {
		for k := range 3 {
			w := hour0 + agent.Window(i+k*k)
			countLine(ms, tally, w, 1, 0, fmt.Sprint("customer-", i%7))
		}
		if i == 60 {
			for k := range agent.Window(50) { // one commit with many windows
				countLine(ms, tally, hour0-1000-k, 1, 0, "late")
			}
			countLine(ms, tally, -1, 1, 0, "of 1969")
		}
		must(t, s.Commit("edge", nil, tally))
		must(t, model.Commit("edge", nil, tally))
		tally.Reset()
		if len(s.windows) > maxWindows {
			t.Fatalf("%d windows in memory", len(s.windows))
		}
		if i == 80 {
			dir = killed(t, dir)
			s = open(t, dir)
		}
	}
	compare(t, s, model, nil)
	closed := (hour0 + 60).Start()
	got, err := s.Seal(closed)
	must(t, err)
	if want, _ := model.Seal(closed); got != want {
		t.Errorf("sealed %d, want %d", got, want)
	}
	dir = killed(t, dir)
	s = open(t, dir)
	compare(t, s, model, nil)
	if n := len(s.windows); n > maxWindows {
		t.Errorf("%d windows in memory", n)
	}
}

// Names that a caller invents don't stay in memory for ever.
func TestInventedNamesAreForgotten(t *testing.T) {
	if testing.Short() {
		t.Skip("counts 110,000 names")
	}
	t.Parallel()
	s := open(t, t.TempDir())
	ms := meters(t, 1)
	tally := ms.NewTally()
	want := uint64(0)
	for i := range agent.Window(11) {
		for k := range 10_000 {
			countLine(ms, tally, hour0+i, 0, 0, fmt.Sprintf("invented-%d-%d", i, k))
		}
		countLine(ms, tally, hour0+i, 0, 0, "acme")
		must(t, s.Commit("edge", nil, tally))
		want++
		tally.Reset()
	}
	if n := s.names.Len(); n > idleNames+2*maxWindows*10_001 {
		t.Errorf("%d names in memory", n)
	}
	var got uint64
	for _, u := range collect(t, s.Usage(firstWindow, lastWindow)) {
		if u.Customer == "acme" {
			got += u.Total
		} else if u.Total != 1 {
			t.Fatalf("%+v, want 1", u)
		}
	}
	if got != want {
		t.Errorf("acme used %d, want %d", got, want)
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	ms := meters(t, 2)
	tally := ms.NewTally()
	commit := func(w agent.Window, customer string) {
		tally.Reset()
		countLine(ms, tally, w, 5, 0, customer)
		countLine(ms, tally, w, 5, 3, customer) // not billable
		must(t, s.Commit("edge", nil, tally))
	}
	settle := func() {
		entries, err := s.Pending(nil, 1000)
		must(t, err)
		for i := range entries {
			entries[i].EventName, entries[i].Account = "calls", "cus_1"
		}
		must(t, s.Attempt(entries))
		for i := range entries {
			if entries[i].Customer != "parked" {
				entries[i].State, entries[i].Settled = agent.Accepted, entries[i].Window.Start().Unix()+1
			}
		}
		must(t, s.Settle(entries))
	}
	for i := range agent.Window(5) {
		commit(hour0+i, "acme")
	}
	commit(hour0+1, "parked")
	if _, err := s.Seal((hour0 + 4).End()); err != nil {
		t.Fatal(err)
	}
	settle()
	commit(hour0+2, "late") // not sealed
	now := (hour0 + 4).Start().Add(retention)
	for {
		n, err := s.Prune(now)
		must(t, err)
		if n == 0 {
			break
		}
		dir = killed(t, dir)
		must(t, s.Close())
		s = open(t, dir)
	}
	got := usageText(t, s)
	want := fmt.Sprintf("%[1]s m0 acme 1/1\n%[1]s m0 parked 1/1\n%[2]s m0 acme 1/1\n%[2]s m0 late 0/1\n%[3]s m0 acme 1/1", hour0+1, hour0+2, hour0+4)
	if got != want {
		t.Errorf("usage\n%s\nwant\n%s", got, want)
	}
	if got := collect(t, s.Ledger(firstWindow, lastWindow)); len(got) != 1 || got[0].Window != hour0+4 {
		t.Errorf("ledger %v", got)
	}
	if got := collect(t, s.Accounting(firstWindow, lastWindow)); len(got) != 1 || got[0].Window != hour0+4 {
		t.Errorf("accounting %v", got)
	}
	// A line that is later still is counted, under a new identifier.
	commit(hour0, "acme")
	dir = killed(t, dir)
	must(t, s.Close())
	s = open(t, dir)
	if _, err := s.Seal(hour0.End()); err != nil {
		t.Fatal(err)
	}
	entries, err := s.Pending(nil, 1)
	must(t, err)
	if e := entries[0]; e.Window != hour0 || e.Value != 1 || e.Seq != 2 {
		t.Errorf("entry %+v, want value 1 and seq 2", e)
	}
}

// A window that is only half deleted is as good as gone.
func TestPruneInSteps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	ms := meters(t, 1)
	tally := ms.NewTally()
	for i := range 3000 {
		countLine(ms, tally, hour0, 0, 0, fmt.Sprint("customer-", i))
	}
	must(t, s.Commit("edge", nil, tally))
	tally.Reset()
	_, err := s.Seal(hour0.End())
	must(t, err)
	tx := s.begin()
	left := 5
	must(t, s.condemn(tx, hour0))
	must(t, s.sweepWindow(tx, hour0, &left))
	must(t, tx.commit())
	if stage := s.headers[hour0].stage; stage != stagePruning {
		t.Fatalf("stage %d", stage)
	}
	for _, dir := range []string{killed(t, dir), killed(t, dir)} {
		s := open(t, dir)
		if got := usageText(t, s); got != "" {
			t.Errorf("usage %.100s", got)
		}
		countLine(ms, tally, hour0, 1, 0, "customer-2999")
		must(t, s.Commit("edge", nil, tally))
		if got, want := usageText(t, s), fmt.Sprintf("%s m0 customer-2999 0/1", hour0); got != want {
			t.Errorf("usage %q, want %q", got, want)
		}
		must(t, s.Close())
		if got, want := usageText(t, open(t, dir)), fmt.Sprintf("%s m0 customer-2999 0/1", hour0); got != want {
			t.Errorf("usage after a restart %q, want %q", got, want)
		}
		tally.Reset()
	}
}

func TestSentinelNoticesThatTheDatabaseWentBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	ms := meters(t, 1)
	tally := ms.NewTally()
	countLine(ms, tally, hour0, 0, 0, "acme")
	must(t, s.Commit("edge", nil, tally))
	backup := killed(t, dir)
	for range 3 {
		must(t, s.Commit("edge", nil, tally))
	}
	must(t, s.Maintain(time.Unix(0, 0)))
	must(t, s.Close())
	must(t, os.RemoveAll(filepath.Join(dir, databaseName)))
	must(t, os.CopyFS(filepath.Join(dir, databaseName), os.DirFS(filepath.Join(backup, databaseName))))
	s = open(t, dir)
	if st, err := s.Stats(); err != nil || st.Lost != 3 || st.Commits != 1 {
		t.Errorf("stats %+v, %v; want 3 lost", st, err)
	}
	must(t, s.Close())

	// The database of another state isn't taken for this one.
	other := t.TempDir()
	must(t, open(t, other).Close())
	must(t, os.RemoveAll(filepath.Join(other, databaseName)))
	must(t, os.CopyFS(filepath.Join(other, databaseName), os.DirFS(filepath.Join(dir, databaseName))))
	if _, err := Open(testOptions(other)); err == nil || !strings.Contains(err.Error(), sentinelName) {
		t.Errorf("another database: %v", err)
	}
}
