package checkpoint

import (
	"testing"

	"github.com/logmeter/logmeter/agent"
)

// A first look at a directory with years of rotated logs brings more positions
// than a transaction holds. They are committed together all the same.
func TestManyPositions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	ms := meters(t, 1)
	tally := ms.NewTally()
	fill(t, ms, tally, hour0, 3000, 3000)
	positions := func(offset int64) []agent.Position {
		list := make([]agent.Position, 900)
		for i := range list {
			list[i] = agent.Position{ID: uint64(i), Offset: offset, Head: make([]byte, 1024), Mark: make([]byte, 1024), Done: true}
		}
		return list
	}
	want := func(s *Store, offset int64, total uint64) {
		t.Helper()
		got, err := s.Positions("edge")
		must(t, err)
		if len(got) != 900 {
			t.Fatalf("%d positions, want 900", len(got))
		}
		for _, p := range got {
			if p.Offset != offset {
				t.Fatalf("position %d at %d, want %d", p.ID, p.Offset, offset)
			}
		}
		for _, u := range collect(t, s.Usage(hour0, hour0+1)) {
			if u.Total != total {
				t.Fatalf("%s used %d, want %d", u.Customer, u.Total, total)
			}
		}
		if n := staged(t, s); n != 0 {
			t.Fatalf("%d staged positions are left", n)
		}
	}
	must(t, s.Commit("edge", positions(1), tally))
	want(s, 1, 1)
	source := s.dict.numbers["edge"]
	aside := func(positions []agent.Position) {
		t.Helper()
		var w writes
		putPositions(&w, source, positions)
		must(t, s.putAside(&w))
	}

	// A crash before the commit: nothing of it counts.
	aside(positions(2)[:100])
	copied := killed(t, dir)
	want(open(t, copied), 1, 1)

	// A crash right after the commit: all of it counts.
	aside(positions(2)[100:])
	tx := s.begin()
	must(t, s.putRows(tx, &writes{}, tally))
	tx.put(promotingKey(), nil)
	must(t, tx.commit())
	copied = killed(t, dir)
	want(open(t, copied), 2, 2)

	// A crash in the middle of the move.
	tx = s.begin()
	var w writes
	putPositions(&w, source, positions(2)[:50])
	for _, x := range w.list {
		tx.do(x)
		tx.remove(writeKey(x.key))
	}
	must(t, tx.commit())
	copied = killed(t, dir)
	want(open(t, copied), 2, 2)
}

func staged(t *testing.T, s *Store) int {
	t.Helper()
	n := 0
	for _, prefix := range []byte{prefixStaged, prefixWrite, prefixPromoting} {
		s.scanKeys([]byte{prefix}, nil, func([]byte) bool { n++; return true })
	}
	return n
}
