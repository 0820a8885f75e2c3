package agent

import "testing"

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
