package agent

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

func TestStatsAgreeWithTheStore(t *testing.T) {
	h := newHouse(t)
	h.log.write(noon, "/score", "acme", 200)
	h.log.write(noon.Add(time.Minute), "/other", "acme", 200)
	h.log.text = append(h.log.text, "what is this\n"...)
	a := h.agent()
	if got := a.Stats(); len(got.Feeds) != 1 || got.Feeds[0].Name != "edge" || got.Feeds[0].Lines.Lines != 0 {
		t.Errorf("before the start: got %+v", got)
	}
	if _, err := a.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := a.Stats().Feeds[0]
	if want := (Accounting{Lines: 3, Billed: 1, Rules: rules(RulePath, 1), Refused: 1}); got.Lines != want || all(t, h.store.(*Memory).Accounting(FirstWindow, LastWindow))[0].Accounting != want {
		t.Errorf("got %+v; want %+v, as the store has it", got.Lines, want)
	}
	if !got.LastLine.Equal(noon.Add(time.Minute)) {
		t.Errorf("last line at %v; want the last record's time", got.LastLine)
	}
	if got.ReadTo.IsZero() || got.LastCommit.IsZero() || got.Blocked != nil {
		t.Errorf("got %+v; want it read, committed and going on", got)
	}
	if got.Source.Bytes != uint64(len(h.log.text)) || got.Source.Behind != 0 {
		t.Errorf("source: got %+v", got.Source)
	}
}

// fullStore is a store on a disk that is full for the first few commits.
type fullStore struct {
	*Memory
	tries int
	seen  func()
}

func (s *fullStore) Commit(source string, ps []Position, t *Tally) error {
	if s.tries--; s.tries >= 0 {
		return ErrFull
	}
	if s.tries == -1 {
		s.seen() // the last moment of the wait
	}
	return s.Memory.Commit(source, ps, t)
}

// What the statistics say may be asked for at any time, also while the disk is
// full, and is never in contradiction with itself.
func TestStatsWhileRunning(t *testing.T) {
	h := newHouse(t)
	for range 50 {
		h.log.write(noon, "/score", "acme", 200)
	}
	a := h.agent()
	store := &fullStore{Memory: NewMemory("edge-1"), tries: 1}
	a.Store = store
	store.seen = func() {
		if st := a.Stats().Feeds[0]; !errors.Is(st.Blocked, ErrFull) || st.Lines.Lines != 0 {
			t.Errorf("on a full disk: got %+v; want it blocked, and no line committed", st)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	var askers sync.WaitGroup
	for range 3 {
		askers.Go(func() {
			for ctx.Err() == nil {
				for _, f := range a.Stats().Feeds {
					if f.Lines.Remainder() != 0 || f.Lines.Lines > 50 {
						t.Errorf("got %+v", f.Lines)
					}
				}
			}
		})
	}
	if _, err := a.RunOnce(t.Context()); err != nil {
		t.Error(err)
	}
	stop()
	askers.Wait()
	if st := a.Stats().Feeds[0]; st.Lines.Lines != 50 || st.Blocked != nil {
		t.Errorf("after the disk was full: got %+v; want all 50 lines", st)
	}
}
