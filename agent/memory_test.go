package agent

import (
	"testing"
	"time"
)

// sealedOne returns a store with one sealed and frozen entry of 10 units.
func sealedOne(t *testing.T) (*Memory, Entry) {
	t.Helper()
	ms, err := NewMeters([]Meter{{Name: "calls", Match: Match{Paths: []string{"/a"}}}})
	must(t, err)
	m, tally := NewMemory("edge"), ms.NewTally()
	for range 10 {
		ms.Measure(&Record{Time: noon.UnixMilli(), Path: []byte("/a"), Customer: []byte("acme")}, tally)
	}
	must(t, m.Commit("edge", nil, tally))
	if n, err := m.Seal(noon.Add(time.Hour)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	page, err := m.Pending(nil, 10)
	must(t, err)
	must(t, m.Attempt(page))
	return m, page[0]
}

// The part of an entry that Stripe has settles; the rest keeps its place.
func TestSettleAtPart(t *testing.T) {
	m, e := sealedOne(t)
	part := e
	part.Seq, part.Value, part.State = 0, 7, Accepted
	rest := Entry{Meter: e.Meter, Customer: e.Customer, Window: e.Window, Seq: e.Seq, From: 7, Value: 3, State: Sealed}
	must(t, m.Settle([]Entry{part, rest}))
	if u := all(t, m.Usage(FirstWindow, LastWindow)); len(u) != 1 || u[0].Total != 10 || u[0].Reported != 10 {
		t.Fatalf("usage %+v; want 10, all of it reported", u)
	}
	if l := all(t, m.Ledger(FirstWindow, LastWindow)); len(l) != 1 || l[0].Value != 7 || l[0].Seq != 2 || l[0].Identifier != e.Identifier {
		t.Fatalf("ledger %+v; want the part, under the name it was sent", l)
	}
	got, err := m.Pending(nil, 10)
	must(t, err)
	if len(got) != 1 || got[0].Value != 3 || got[0].Seq != 1 || got[0].Frozen() || got[0].Identifier != Identify("edge", &rest) || got[0].Identifier == e.Identifier {
		t.Fatalf("the rest is %+v; want 3 units under its old seq", got)
	}
	if n, err := m.Seal(noon.Add(time.Hour)); n != 0 || err != nil {
		t.Fatal(n, err)
	}
}

func TestWrittenOffIsNotDelivered(t *testing.T) {
	m, e := sealedOne(t)
	e.State = WrittenOff
	must(t, m.Decide([]Decision{{Action: "write-off", Seq: e.Seq}}, []Entry{e}))
	if sum, err := m.Delivered(&e); sum != 0 || err != nil {
		t.Fatalf("delivered %d, %v; want 0", sum, err)
	}
	if l := all(t, m.Ledger(FirstWindow, LastWindow)); len(l) != 1 || len(all(t, m.Decisions())) != 1 || len(all(t, m.Outbox())) != 0 {
		t.Fatalf("ledger %+v; want the entry, and a decision", l)
	}
	if n, err := m.Seal(noon.Add(time.Hour)); n != 0 || err != nil {
		t.Fatalf("sealed %d again, %v", n, err)
	}
}

// An adjustment has a seq of its own, and the usage counted stays as it is.
func TestAdjust(t *testing.T) {
	m, e := sealedOne(t)
	for customer, value := range map[string]int64{"acme": -4, "new": 4} {
		a, err := m.Adjust(Decision{Action: "adjust"}, Entry{Meter: "calls", Customer: customer, Window: e.Window, Value: value, Note: "refund"})
		must(t, err)
		want := uint32(1)
		if customer == "acme" {
			want = 2
		}
		if a.Seq != want || !a.Adjustment || a.State != Sealed || a.Identifier != Identify("edge", &Entry{Meter: "calls", Customer: customer, Window: e.Window, Seq: want, Adjustment: true}) {
			t.Fatalf("%s: %+v", customer, a)
		}
	}
	if _, err := m.Adjust(Decision{Action: "adjust"}, Entry{Meter: "calls", Customer: "acme", Window: e.Window, Value: -7}); err == nil {
		t.Fatal("11 of 10 were taken back")
	}
	if u := all(t, m.Usage(FirstWindow, LastWindow)); len(u) != 1 || u[0].Total != 10 || u[0].Reported != 10 {
		t.Fatalf("usage %+v", u)
	}
}

// Customers beyond the most share one row, and each member counts once.
func TestMemoryBounds(t *testing.T) {
	ms, err := NewMeters([]Meter{{Name: "calls", Match: Match{Paths: []string{"/a"}}}})
	must(t, err)
	m, tally := NewMemory("edge"), ms.NewTally()
	m.MaxCustomers = 2
	for _, c := range []string{"a", "b", "c", "d", "a"} {
		ms.Measure(&Record{Time: noon.UnixMilli(), Path: []byte("/a"), Customer: []byte(c)}, tally)
	}
	slot, w := tally.names.Number([]byte("a")), WindowOf(noon)
	for range 2 {
		tally.members.add(Member{Period: Period{w, 24}, ID: MemberID{1}, Customer: slot, Window: w, Value: 5})
	}
	must(t, m.Commit("edge", nil, tally))
	tally.Reset()
	tally.members.add(Member{Period: Period{w, 24}, ID: MemberID{1}, Customer: slot, Window: w + 1, Value: 5})
	must(t, m.Commit("edge", nil, tally))
	got := map[string]uint64{}
	for _, u := range all(t, m.Usage(FirstWindow, LastWindow)) {
		got[u.Customer] += u.Total
	}
	if len(got) != 3 || got["a"] != 7 || got["b"] != 1 || got[""] != 2 {
		t.Fatalf("usage %v", got)
	}
}

// A customer who is known has a row however many there are.
func TestMemoryKnown(t *testing.T) {
	ms, err := NewMeters([]Meter{{Name: "calls", Match: Match{Paths: []string{"/a"}}}})
	must(t, err)
	m, tally := NewMemory("edge"), ms.NewTally()
	m.MaxCustomers, m.Known = 1, func(name []byte) bool { return string(name) == "real" }
	for _, c := range []string{"x", "y", "real", "real"} {
		ms.Measure(&Record{Time: noon.UnixMilli(), Path: []byte("/a"), Customer: []byte(c)}, tally)
	}
	must(t, m.Commit("edge", nil, tally))
	got := map[string]uint64{}
	for _, u := range all(t, m.Usage(FirstWindow, LastWindow)) {
		got[u.Customer] += u.Total
	}
	if len(got) != 3 || got["x"] != 1 || got["real"] != 2 || got[""] != 1 {
		t.Fatalf("usage %v", got)
	}
}

func TestMemoryDocuments(t *testing.T) {
	m := NewMemory("edge")
	must(t, m.PutDocuments("k", []Document{{"b", []byte("2")}, {"a", []byte("1")}}))
	must(t, m.PutDocuments("k", []Document{{"b", nil}}))
	if d := all(t, m.Documents("k")); len(d) != 1 || d[0].Name != "a" || string(d[0].Value) != "1" {
		t.Fatalf("%v", d)
	}
	if v, err := m.Document("k", "b"); v != nil || err != nil {
		t.Fatal(v, err)
	}
}

// A position that is gone is deleted with the commit that says so.
func TestGonePositionIsDeleted(t *testing.T) {
	m := NewMemory("edge-1")
	tally := NewTally(nil)
	commit := func(ps ...Position) {
		t.Helper()
		if err := m.Commit("edge", ps, tally); err != nil {
			t.Fatal(err)
		}
	}
	commit(Position{ID: 1, Offset: 5}, Position{ID: 2, Offset: 7})
	commit(Position{ID: 1, Gone: true}, Position{ID: 3, Gone: true})
	got, err := m.Positions("edge")
	if err != nil || len(got) != 1 || got[0].ID != 2 {
		t.Errorf("got %v, %v; want position 2 alone", got, err)
	}
}
