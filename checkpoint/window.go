package checkpoint

import (
	"fmt"
	"math"

	"github.com/logmeter/logmeter/agent"
)

// firstWindow is older than every window.
const firstWindow = agent.Window(math.MinInt32)

// window is the usage of one window in memory.
type window struct {
	at   agent.Window
	used uint64 // when it was last used, see Store.used

	numbers []uint32 // number in Store.names of each customer of the window
	local   []uint32 // the inverse: 1 + customer, 0 for none

	// The customers before written are on disk, those from tail on in the
	// last segment.
	written, tail uint32

	meters  []meterChunks
	pending int // rows with usage that isn't sealed
}

// meterChunks are the chunks of one meter by block; nil where nothing is.
type meterChunks struct {
	meter  uint32 // word
	chunks []*chunk
}

// chunk holds the rows of one meter for 256 customers of one window.
type chunk struct {
	w            *window
	meter, block uint32
	rows         [blockRows]row
	folded       uint64 // the last batch that is in the chunk on disk
	since        uint64 // the first batch that isn't, 0 = none
}

func (c *chunk) key() []byte { return chunkKey(c.w.at, c.meter, c.block) }

// chunk returns the chunk of a meter's block, made when there is none.
func (w *window) chunk(meter, block uint32) *chunk {
	at := w.place(meter, block)
	if *at == nil {
		*at = &chunk{w: w, meter: meter, block: block}
	}
	return *at
}

// place returns where the chunk of a meter's block is kept.
func (w *window) place(meter, block uint32) **chunk {
	var m *meterChunks
	for i := range w.meters {
		if w.meters[i].meter == meter {
			m = &w.meters[i]
		}
	}
	if m == nil {
		w.meters = append(w.meters, meterChunks{meter: meter})
		m = &w.meters[len(w.meters)-1]
	}
	for int(block) >= len(m.chunks) {
		m.chunks = append(m.chunks, nil)
	}
	return &m.chunks[block]
}

// customer returns the window's number for a name's number in Store.names,
// which it gives out when the name is new to the window.
func (w *window) customer(number uint32) uint32 {
	if int(number) >= len(w.local) {
		grown := make([]uint32, number+number/4+64)
		copy(grown, w.local)
		w.local = grown
	}
	if c := w.local[number]; c != 0 {
		return c - 1
	}
	w.numbers = append(w.numbers, number)
	w.local[number] = uint32(len(w.numbers))
	return uint32(len(w.numbers) - 1)
}

// lookup returns the window's number for a name's number in Store.names.
func (w *window) lookup(number uint32) (uint32, bool) {
	if int(number) >= len(w.local) || w.local[number] == 0 {
		return 0, false
	}
	return w.local[number] - 1, true
}

// named returns how many customers of the window are told apart.
func (w *window) named(names *agent.Names) int {
	if n, ok := names.Lookup(nil); ok {
		if _, ok := w.lookup(n); ok {
			return len(w.numbers) - 1 // "" stands for all others
		}
	}
	return len(w.numbers)
}

// add counts an increment of the batch seq.
func (s *Store) add(c *chunk, i uint32, value uint64, minute uint8, seq uint64) error {
	r := &c.rows[i]
	if r.total+value < r.total {
		return fmt.Errorf("usage of %s in %s doesn't fit in 64 bits", s.names.Name(c.w.numbers[c.block*blockRows+i]), c.w.at)
	}
	if r.pending() == 0 {
		c.w.pending++
		r.minute = minute
	}
	r.total += value
	r.minute = max(r.minute, minute)
	if c.since == 0 {
		c.since = seq
		s.dirty.push(c)
	}
	return nil
}

// dirtyList holds the chunks with increments that are only in the ring, the
// one that waits longest first. A chunk that was written by other means
// (Seal) stays in the list until it comes up.
type dirtyList struct {
	waiting []dirtyChunk
	first   int
}

type dirtyChunk struct {
	c     *chunk
	since uint64
}

func (d *dirtyList) push(c *chunk) { d.waiting = append(d.waiting, dirtyChunk{c, c.since}) }

// front returns the chunk that waits longest, nil when none does.
func (d *dirtyList) front() *chunk {
	for d.first < len(d.waiting) {
		if f := d.waiting[d.first]; f.c.since == f.since {
			return f.c
		}
		d.waiting[d.first] = dirtyChunk{}
		d.first++
	}
	d.waiting, d.first = d.waiting[:0], 0
	return nil
}

// len returns how many chunks wait, or a few more.
func (d *dirtyList) len() int { return len(d.waiting) - d.first }

// fold puts a chunk with all that was committed so far.
func (s *Store) fold(t *txn, c *chunk) {
	t.put(c.key(), appendRows(nil, s.seq, c.rows[:]))
	c.folded, c.since = s.seq, 0
}
