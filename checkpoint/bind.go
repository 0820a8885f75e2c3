package checkpoint

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// ErrBound is wrapped by the error about a state that belongs to another
// instance, Stripe account, mode or meter.
var ErrBound = errors.New("the state belongs to another")

// Bind ties the state to a Stripe account and its mode, and the event names to
// the ids of Stripe's meters, each the first time that it is known: an empty
// account and absent meters aren't. From then on another one is an error that
// wraps ErrBound: entries made for one account must not go to another, nor the
// usage of one hour to two meters. After an error nothing is bound.
func (s *Store) Bind(account string, live bool, meters map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	m, news := s.meta, false
	switch {
	case account == "":
	case m.account == "":
		m.account, m.live, news = account, live, true
	case m.account != account || m.live != live:
		return fmt.Errorf("%w: %s reports to Stripe account %s in %s mode, not to %s in %s mode\n"+
			"  hint: use a key of that account and mode, or give this one a state_dir of its own; to start afresh, run with --new-state",
			ErrBound, s.dir, m.account, mode(m.live), account, mode(live))
	}
	m.meters = maps.Clone(m.meters)
	for _, event := range slices.Sorted(maps.Keys(meters)) {
		id := meters[event]
		if id == "" {
			continue
		}
		was, ok := m.meters[event]
		if ok && id != was {
			return fmt.Errorf("%w: %s reports %s to Stripe's meter %s, and that event_name is the meter %s now\n"+
				"  hint: what was sent stays with %[4]s; give the new meter an event_name of its own, or, to start afresh, run with --new-state",
				ErrBound, s.dir, event, was, id)
		}
		if !ok {
			if m.meters == nil {
				m.meters = make(map[string]string)
			}
			m.meters[event], news = id, true
		}
	}
	if !news {
		return nil
	}
	if err := s.space(0); err != nil {
		return err
	}
	if err := s.writeMeta(m); err != nil {
		return fmt.Errorf("bind the state: %w", err)
	}
	return nil
}

func mode(live bool) string {
	if live {
		return "live"
	}
	return "test"
}
