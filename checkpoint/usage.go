package checkpoint

import (
	"fmt"
	"iter"
	"slices"

	"github.com/logmeter/logmeter/agent"
)

// frozen is a window in memory as it is at one moment.
type frozen struct {
	numbers []uint32
	chunks  []chunk
}

// snapshot is the usage at one moment: what is in memory, and the database,
// where every other window is whole in its chunks.
type snapshot struct {
	view    view
	windows []agent.Window // in their order
	memory  map[agent.Window]frozen
	names   *agent.Names // guarded by Store.mu, as they grow
}

func (s *Store) snapshot(from, to agent.Window) (*snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.viewLocked()
	if err != nil {
		return nil, err
	}
	snap := &snapshot{view: v, memory: make(map[agent.Window]frozen), names: s.names}
	for at, h := range s.headers {
		if at < from || at >= to || h.stage == stagePruning || h.stage == stagePruned {
			continue
		}
		snap.windows = append(snap.windows, at)
		w := s.windows[at]
		if w == nil {
			continue
		}
		f := frozen{numbers: w.numbers[:len(w.numbers):len(w.numbers)]}
		for _, m := range w.meters {
			for _, c := range m.chunks {
				if c != nil {
					f.chunks = append(f.chunks, *c)
				}
			}
		}
		snap.memory[at] = f
	}
	slices.Sort(snap.windows)
	return snap, nil
}

// Usage implements agent.Books. The loop may call any method but Close, which
// waits for it to end.
func (s *Store) Usage(from, to agent.Window) iter.Seq2[agent.Usage, error] {
	return func(yield func(agent.Usage, error) bool) {
		snap, err := s.snapshot(from, to)
		if err != nil {
			yield(agent.Usage{}, err)
			return
		}
		defer s.done(snap.view)
		for _, at := range snap.windows {
			if more, err := s.usageOf(snap, at, yield); err != nil {
				yield(agent.Usage{}, fmt.Errorf("read usage of %s: %w", at, err))
				return
			} else if !more {
				return
			}
		}
	}
}

// usageOf yields the rows of a window. One that wasn't in memory is read past
// it, so that looking at history doesn't drive out what is being counted.
func (s *Store) usageOf(snap *snapshot, at agent.Window, yield func(agent.Usage, error) bool) (more bool, err error) {
	if f, ok := snap.memory[at]; ok {
		delete(snap.memory, at)
		for i := range f.chunks {
			c := &f.chunks[i]
			if !yieldRows(snap.view, at, c, s.namesOf(snap, f, c), yield) {
				return false, nil
			}
		}
		return true, nil
	}
	d, err := readWindow(snap.view, s.meta.id, at)
	if err != nil {
		return false, err
	}
	for _, c := range d.chunks {
		first := int(c.block) * blockRows
		if !yieldRows(snap.view, at, c, func(i int) string { return string(d.names[first+i]) }, yield) {
			return false, nil
		}
	}
	return true, nil
}

// namesOf returns the names of a chunk's customers.
func (s *Store) namesOf(snap *snapshot, f frozen, c *chunk) func(i int) string {
	names := make([]string, blockRows)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range c.rows {
		if c.rows[i].total > 0 {
			names[i] = string(snap.names.Name(f.numbers[int(c.block)*blockRows+i]))
		}
	}
	return func(i int) string { return names[i] }
}

func yieldRows(v view, at agent.Window, c *chunk, name func(i int) string, yield func(agent.Usage, error) bool) bool {
	for i := range c.rows {
		r := &c.rows[i]
		if r.total == 0 {
			continue // nothing was counted; it only numbers adjustments
		}
		u := agent.Usage{Meter: v.dict.words[c.meter], Customer: name(i), Window: at, Total: r.total, Reported: r.reported}
		if !yield(u, nil) {
			return false
		}
	}
	return true
}
