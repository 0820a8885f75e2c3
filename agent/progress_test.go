package agent

import (
	"context"
	"testing"
	"time"
)

// hungSource is a log on a disk that doesn't answer, until its channel is
// closed.
type hungSource struct {
	logSource
	asked, answer chan struct{}
}

func (*hungSource) Name() string { return "hung" }

func (s *hungSource) Next(ctx context.Context, wait time.Duration) (Block, error) {
	select {
	case s.asked <- struct{}{}:
	default:
	}
	<-s.answer
	return s.logSource.Next(ctx, wait)
}

func TestProgressShowsTheHungLoop(t *testing.T) {
	t.Parallel()
	ms, err := NewMeters([]Meter{{Name: "calls", Match: Match{Paths: []string{"/*"}}}})
	if err != nil {
		t.Fatal(err)
	}
	store := NewMemory("test")
	hung := &hungSource{
		logSource: *openLog(&logFile{}, store, time.Now),
		asked:     make(chan struct{}, 1), answer: make(chan struct{}),
	}
	a := &Agent{
		Feeds: []Feed{
			{Source: openLog(&logFile{}, store, time.Now), Parser: wordParser{}},
			{Source: hung, Parser: wordParser{}},
		},
		Meters: ms, Store: store, Now: time.Now, Log: quiet(),
	}
	if p := a.Progress(); p != nil {
		t.Errorf("before Run: got %v, want nothing", p)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	<-hung.asked
	steps := func() map[string]uint64 {
		m := map[string]uint64{}
		for _, p := range a.Progress() {
			m[p.Loop] = p.Steps
		}
		return m
	}
	for deadline := time.Now().Add(10 * time.Second); steps()["ingest edge"] < 3 || steps()["report"] < 1; {
		if time.Now().After(deadline) {
			t.Fatalf("got %v, want steps of the loops that go on", steps())
		}
	}
	if got := steps(); len(got) != 3 || got["ingest hung"] != 0 {
		t.Errorf("got %v, want no step of the hung loop alone", got)
	}
	close(hung.answer)
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := steps()["ingest hung"]; got == 0 {
		t.Error("the loop that goes on again made no step")
	}
}
