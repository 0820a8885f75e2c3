package agent

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// A stop that was asked for seals what is open; one for a fault leaves all as it
// is, for the next start.
func TestAbortNeitherDrainsNorSends(t *testing.T) {
	for name, c := range map[string]struct {
		cause  error
		sealed int
	}{
		"stop":  {nil, 1},
		"fault": {fmt.Errorf("%w: %w", ErrAbort, errors.New("merge tables")), 0},
	} {
		ms, err := NewMeters([]Meter{{Name: "calls", Match: Match{Paths: []string{"/a"}}}})
		must(t, err)
		m, tally := NewMemory("edge"), ms.NewTally()
		ms.Measure(&Record{Time: noon.UnixMilli(), Path: []byte("/a"), Customer: []byte("acme")}, tally)
		must(t, m.Commit("edge", nil, tally))
		ck := &clock{t: noon}
		a := &Agent{Meters: ms, Store: m, SendOnStop: true, Now: ck.now, Log: quiet()}
		ctx, stop := context.WithCancelCause(t.Context())
		stop(c.cause)
		must(t, a.Run(ctx))
		if got := len(all(t, m.Outbox())); got != c.sealed {
			t.Errorf("%s: %d entries are sealed, want %d", name, got, c.sealed)
		}
	}
}
