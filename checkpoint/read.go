package checkpoint

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/logmeter/logmeter/agent"
)

const lastWindow = agent.Window(math.MaxInt32)

// Positions implements agent.Store.
func (s *Store) Positions(source string) ([]agent.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return nil, s.failed
	}
	word, ok := s.dict.numbers[source]
	if !ok {
		return nil, nil
	}
	var positions []agent.Position
	err := s.scan(sourceKey(prefixPosition, word), nil, func(key, payload []byte) (bool, error) {
		p, err := decodePosition(key, payload)
		positions = append(positions, p)
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("read positions of %s: %w", source, err)
	}
	return positions, nil
}

// Usage yields the usage of the windows from (included) to to (not included),
// window by window. Each window is as it stood when its first row is yielded.
// The loop may call any method but Close.
func (s *Store) Usage(from, to agent.Window) iter.Seq2[agent.Usage, error] {
	return func(yield func(agent.Usage, error) bool) {
		s.mu.Lock()
		var windows []agent.Window
		for at := range s.headers {
			if at >= from && at < to {
				windows = append(windows, at)
			}
		}
		s.mu.Unlock()
		slices.Sort(windows)
		for _, at := range windows {
			rows, err := s.usageOf(at)
			if err != nil {
				yield(agent.Usage{}, fmt.Errorf("read usage of %s: %w", at, err))
				return
			}
			for _, u := range rows {
				if !yield(u, nil) {
					return
				}
			}
		}
	}
}

// usageOf returns the rows of a window. One that isn't in memory is read past
// it, so that looking at history doesn't drive out what is being counted.
func (s *Store) usageOf(at agent.Window) ([]agent.Usage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return nil, s.failed
	}
	var usage []agent.Usage
	add := func(c *chunk, name func(customer uint32) string) {
		for i, r := range c.rows {
			if r.total > 0 {
				usage = append(usage, agent.Usage{
					Meter:    s.dict.words[c.meter],
					Customer: name(c.block*blockRows + uint32(i)),
					Window:   at,
					Total:    r.total,
					Reported: r.reported,
				})
			}
		}
	}
	if w := s.windows[at]; w != nil {
		for _, m := range w.meters {
			for _, c := range m.chunks {
				if c != nil {
					add(c, func(customer uint32) string { return string(s.names.Name(w.numbers[customer])) })
				}
			}
		}
		return usage, nil
	}
	if stage := s.headers[at].stage; stage == stagePruning || stage == stagePruned {
		return nil, nil
	}
	d, err := s.readWindow(at)
	if err != nil {
		return nil, err
	}
	for _, c := range d.chunks {
		add(c, func(customer uint32) string { return string(d.names[customer]) })
	}
	return usage, nil
}

// Accounting yields where the lines of the windows from (included) to to (not
// included) went, window by window, as it stood when the iteration began.
func (s *Store) Accounting(from, to agent.Window) iter.Seq2[agent.SourceLines, error] {
	return each(s, prefixAccounting, from, to, func(v view, key, payload []byte) (agent.SourceLines, error) {
		lines := agent.SourceLines{Window: keyWindow(key)}
		var err error
		if lines.Accounting, err = decodeAccounting(key, payload); err != nil {
			return lines, err
		}
		lines.Source, err = v.dict.word(key, binary.BigEndian.Uint32(key[5:]))
		return lines, err
	})
}

// Outbox yields the entries of the outbox, the oldest window first, as they
// stood when the iteration began.
func (s *Store) Outbox() iter.Seq2[agent.Entry, error] {
	return s.entries(prefixOutbox, firstWindow, lastWindow)
}

// Ledger yields the accepted entries of the windows from (included) to to (not
// included), as they stood when the iteration began.
func (s *Store) Ledger(from, to agent.Window) iter.Seq2[agent.Entry, error] {
	return s.entries(prefixLedger, from, to)
}

func (s *Store) entries(prefix byte, from, to agent.Window) iter.Seq2[agent.Entry, error] {
	return each(s, prefix, from, to, func(v view, key, payload []byte) (agent.Entry, error) {
		return s.readEntry(&v.dict, key, payload)
	})
}

// each yields what decode makes of the keys that start with a window. The loop
// may call any method but Close, which waits for it to end.
func each[T any](s *Store, prefix byte, from, to agent.Window, decode func(v view, key, payload []byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		v, err := s.view()
		if err != nil {
			yield(zero, err)
			return
		}
		defer s.done(v)
		err = scan(v.t, s.meta.id, []byte{prefix}, windowKey(prefix, from), func(key, payload []byte) (bool, error) {
			if keyWindow(key) >= to {
				return false, nil
			}
			row, err := decode(v, key, payload)
			return err == nil && yield(row, nil), err
		})
		if err != nil {
			yield(zero, err)
		}
	}
}
