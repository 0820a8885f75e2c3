package agent

import (
	"fmt"
	"iter"
	"slices"
)

// Tally is what one source has counted since its last commit, in memory. It
// belongs to the source's goroutine; the store reads it during Commit.
type Tally struct {
	// IDs belongs to the store: its own number for each customer slot that it
	// has seen. Reset empties it when the slots are numbered anew.
	IDs []uint32

	meters  []string
	names   *Names
	hours   []*hour // those touched since Reset, then idle ones kept for reuse
	touched int     // how many of hours were touched
	current *hour   // where the last line went
	window  Window  // the last line's window, also after Reset
	started bool    // window is meaningful
	rows    int
	lines   int
	members members
	refused []Refusal

	// Scratch of Measure: the meters that want the line, the lists and the
	// meters looked at, and the line for which each was last looked at.
	matched    []wanted
	lists      []*ruleList
	candidates []int32
	stamps     []uint64
	stamp      uint64
	// notNumber counts the times that a line had no number for a meter that
	// sums, the last time for notNumberOf.
	notNumber   int
	notNumberOf int32
}

// hour is what was counted in one window.
type hour struct {
	window Window
	lines  Accounting
	meters []counters
}

// counters holds one meter's counts in one hour by customer slot. A count is
// value<<6 | minute, where minute is that of the latest line counted in it; 0
// means that nothing was counted.
type counters struct {
	counts []uint64
	dirty  []uint32 // the slots with a count
}

// Row is a count of one meter and customer in one window.
type Row struct {
	Window   Window
	Meter    int    // index into Meters
	Customer uint32 // slot, see Customer
	Value    uint64
	Minute   uint8 // of the window, of the latest line counted
}

// maxIdleNames is the number of customer slots above which Reset forgets
// them, so that invented names don't stay in memory.
const maxIdleNames = 1 << 18

// NewTally returns an empty tally for meters with the given names.
func NewTally(meters []string) *Tally {
	return &Tally{
		meters: meters,
		names:  NewNames(),
		stamps: make([]uint64, len(meters)),
	}
}

// Meters returns the meters' names; a Row's Meter is an index into it.
func (t *Tally) Meters() []string { return t.meters }

// Customers returns the number of customer slots.
func (t *Tally) Customers() int { return t.names.Len() }

// Customer returns the name, as logged, of a customer slot.
func (t *Tally) Customer(slot uint32) []byte { return t.names.Name(slot) }

// Lines returns the number of lines accounted for since Reset.
func (t *Tally) Lines() int { return t.lines }

// Size returns how many rows there are and how many customer slots the store
// hasn't seen: what a commit has to write.
func (t *Tally) Size() (rows, newNames int) {
	return t.rows + len(t.members.list), t.names.Len() - len(t.IDs)
}

// Rows yields every count since Reset, window by window and meter by meter.
func (t *Tally) Rows() iter.Seq[Row] {
	return func(yield func(Row) bool) {
		for _, h := range t.hours[:t.touched] {
			for m := range h.meters {
				c := &h.meters[m]
				for _, slot := range c.dirty {
					n := c.counts[slot]
					if !yield(Row{h.window, m, slot, n >> 6, uint8(n & 63)}) {
						return
					}
				}
			}
		}
	}
}

// Members yields what meters that count each thing once have seen since Reset,
// each once.
func (t *Tally) Members() iter.Seq[Member] { return slices.Values(t.members.list) }

// Accounts yields where the lines since Reset went, by window.
func (t *Tally) Accounts() iter.Seq2[Window, Accounting] {
	return func(yield func(Window, Accounting) bool) {
		for _, h := range t.hours[:t.touched] {
			if !yield(h.window, h.lines) {
				return
			}
		}
	}
}

// Reset forgets all counts, after they were committed.
func (t *Tally) Reset() {
	forget := t.names.Len() > maxIdleNames
	for _, h := range t.hours[:t.touched] {
		h.lines = Accounting{}
		for m := range h.meters {
			c := &h.meters[m]
			for _, slot := range c.dirty {
				c.counts[slot] = 0
			}
			c.dirty = c.dirty[:0]
			if forget {
				c.counts = nil
			}
		}
	}
	if forget {
		t.names.Reset()
		t.IDs = t.IDs[:0]
		t.hours = nil
	}
	t.touched, t.current, t.rows, t.lines = 0, nil, 0, 0
	t.members.reset()
	t.refused = t.refused[:0]
}

// maxKept bounds the refused lines that a tally keeps, and maxKeptBytes what
// is kept of each.
const (
	maxKept      = 64
	maxKeptBytes = 8 << 10
)

// Refusals returns the refused lines that the tally keeps. Only the first of a
// flood are among them. A Refusal's ID and Source are the store's to give.
func (t *Tally) Refusals() []Refusal { return t.refused }

// Keep keeps a refused line that Refuse has just accounted for, so that it can
// be read again once the configuration is mended.
func (t *Tally) Keep(line []byte, path string, offset int64, reason string, at int64) {
	if len(t.refused) == maxKept {
		return
	}
	t.refused = append(t.refused, Refusal{
		Path: path, Offset: offset, Window: t.window, At: at, Reason: reason,
		Line: append([]byte(nil), line[:min(len(line), maxKeptBytes)]...), Size: len(line),
	})
}

// keepPlace is Keep for a line that may hold a secret: where it is, and
// nothing of what it says.
func (t *Tally) keepPlace(line []byte, path string, offset int64, reason string, at int64) {
	before := len(t.refused)
	t.Keep(nil, path, offset, reason, at)
	for i := range t.refused[before:] {
		t.refused[before+i].Size = len(line)
	}
}

// Refuse accounts for n lines that aren't records of the format. A refused
// line has no time that can be trusted: it counts in the window of the line
// before it, or in fallback when there was none.
func (t *Tally) Refuse(n int, fallback Window) {
	h := t.lastHour(fallback)
	h.lines.Lines += uint64(n)
	h.lines.Refused += uint64(n)
	t.lines += n
}

// Skip accounts for a line that the configuration sets aside, in the window
// that Refuse would use.
func (t *Tally) Skip(fallback Window) { t.skipped(t.lastHour(fallback)) }

// skipIn is Skip in a window that is known.
func (t *Tally) skipIn(w Window) { t.skipped(t.hourAt(w)) }

func (t *Tally) skipped(h *hour) {
	h.lines.Lines++
	h.lines.Rules[RuleSkip]++
	t.lines++
}

// takeNotNumber returns how often a line had no number for a meter that sums
// since it was last asked, and of which meter that was so last.
func (t *Tally) takeNotNumber() (int, error) {
	n := t.notNumber
	t.notNumber = 0
	return n, fmt.Errorf("meter %s", t.meters[t.notNumberOf])
}

// add counts value for a customer; value must not be 0.
func (t *Tally) add(h *hour, meter int32, slot uint32, value uint64, minute uint8) {
	c := &h.meters[meter]
	if int(slot) >= len(c.counts) {
		c.grow(t.names.Len())
	}
	n := c.counts[slot]
	if n == 0 {
		c.dirty = append(c.dirty, slot)
		t.rows++
	}
	c.counts[slot] = (n>>6+value)<<6 | max(n&63, uint64(minute))
}

func (c *counters) grow(slots int) {
	// Room for half as many again: new customers come one at a time.
	counts := make([]uint64, slots+slots/2+64)
	copy(counts, c.counts)
	c.counts = counts
}

// hourAt returns the hour of a window and makes it the current one.
func (t *Tally) hourAt(w Window) *hour {
	if t.current != nil && t.current.window == w {
		return t.current
	}
	t.window, t.started = w, true
	for _, h := range t.hours[:t.touched] {
		if h.window == w {
			t.current = h
			return h
		}
	}
	if t.touched == len(t.hours) {
		t.hours = append(t.hours, &hour{meters: make([]counters, len(t.meters))})
	}
	h := t.hours[t.touched]
	h.window = w
	t.touched++
	t.current = h
	return h
}

func (t *Tally) lastHour(fallback Window) *hour {
	if t.started {
		return t.hourAt(t.window)
	}
	return t.hourAt(fallback)
}
