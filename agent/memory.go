package agent

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Memory is a Store without a disk, for counting finished logs: what is
// committed stays until the process ends. It is also the plain model that the
// durable store must agree with.
type Memory struct {
	instance string

	mu        sync.Mutex // guards all below
	positions map[string]map[uint64]Position
	rows      map[usageKey]*memoryRow
	lines     map[sourceHour]Accounting
	outbox    []Entry // in the order of compareEntries
	ledger    []Entry
}

type usageKey struct {
	meter, customer string
	window          Window
}

type sourceHour struct {
	source string
	window Window
}

type memoryRow struct {
	total, reported uint64
	seq             uint32
	minute          uint8 // of the latest line since the last seal
}

// NewMemory returns an empty store whose entries get identifiers of instance.
func NewMemory(instance string) *Memory {
	return &Memory{
		instance:  instance,
		positions: map[string]map[uint64]Position{},
		rows:      map[usageKey]*memoryRow{},
		lines:     map[sourceHour]Accounting{},
	}
}

// Positions implements Store.
func (m *Memory) Positions(source string) ([]Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ps []Position
	for _, p := range m.positions[source] {
		ps = append(ps, p)
	}
	slices.SortFunc(ps, func(a, b Position) int { return cmp.Compare(a.ID, b.ID) })
	return ps, nil
}

// Commit implements Store.
func (m *Memory) Commit(source string, positions []Position, t *Tally) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range positions {
		if p.Gone {
			delete(m.positions[source], p.ID)
			continue
		}
		if m.positions[source] == nil {
			m.positions[source] = map[uint64]Position{}
		}
		m.positions[source][p.ID] = p
	}
	for r := range t.Rows() {
		k := usageKey{t.Meters()[r.Meter], string(t.Customer(r.Customer)), r.Window}
		row := m.rows[k]
		if row == nil {
			row = &memoryRow{}
			m.rows[k] = row
		}
		row.total += r.Value
		row.minute = max(row.minute, r.Minute)
	}
	for w, lines := range t.Accounts() {
		k := sourceHour{source, w}
		sum := m.lines[k]
		sum.Add(lines)
		m.lines[k] = sum
	}
	return nil
}

// Seal implements Store.
func (m *Memory) Seal(closed time.Time) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for k, row := range m.rows {
		if row.total == row.reported || k.window.End().After(closed) {
			continue
		}
		row.seq++
		m.outbox = append(m.outbox, Entry{
			Meter: k.meter, Customer: k.customer, Window: k.window, Seq: row.seq,
			Value: row.total - row.reported, Minute: row.minute, State: Sealed,
			Identifier: Identify(m.instance, k.meter, k.customer, k.window, row.seq),
		})
		row.reported, row.minute = row.total, 0
		n++
	}
	slices.SortFunc(m.outbox, compareEntries)
	return n, nil
}

// compareEntries orders entries by window, then by the rest of their key.
func compareEntries(a, b Entry) int {
	return cmp.Or(
		cmp.Compare(a.Window, b.Window),
		cmp.Compare(a.Meter, b.Meter),
		cmp.Compare(a.Customer, b.Customer),
		cmp.Compare(a.Seq, b.Seq),
	)
}

// Pending implements Store.
func (m *Memory) Pending(after *Entry, limit int) ([]Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	from := 0
	if after != nil {
		i, found := slices.BinarySearchFunc(m.outbox, *after, compareEntries)
		if found {
			i++
		}
		from = i
	}
	return slices.Clone(m.outbox[from:min(len(m.outbox), from+limit)]), nil
}

// Attempt implements Store.
func (m *Memory) Attempt(entries []Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range entries {
		e := &entries[i]
		if !e.Frozen() {
			minute := FreeMinute(e.Minute, m.taken(e))
			e.Timestamp = e.Window.Start().Unix() + 60*int64(minute)
		}
		m.put(*e)
	}
	return nil
}

// taken returns the minutes of e's window that its account already has.
func (m *Memory) taken(e *Entry) uint64 {
	var minutes uint64
	for _, list := range [][]Entry{m.outbox, m.ledger} {
		for i := range list {
			o := &list[i]
			if o.Frozen() && o.EventName == e.EventName && o.Account == e.Account && o.Window == e.Window {
				minutes |= 1 << ((o.Timestamp - o.Window.Start().Unix()) / 60)
			}
		}
	}
	return minutes
}

func (m *Memory) put(e Entry) {
	if i, found := slices.BinarySearchFunc(m.outbox, e, compareEntries); found {
		m.outbox[i] = e
	}
}

// Delivered implements Store.
func (m *Memory) Delivered(e *Entry) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var sum uint64
	for i := range m.ledger {
		if o := &m.ledger[i]; o.EventName == e.EventName && o.Account == e.Account && o.Window == e.Window {
			sum += o.Value
		}
	}
	return sum, nil
}

// Settle implements Store.
func (m *Memory) Settle(entries []Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range entries {
		if e.State != Accepted {
			m.put(e)
			continue
		}
		if i, found := slices.BinarySearchFunc(m.outbox, e, compareEntries); found {
			m.outbox = slices.Delete(m.outbox, i, i+1)
			m.ledger = append(m.ledger, e)
		}
	}
	return nil
}

// Usage returns all rows, sorted by meter, customer and window.
func (m *Memory) Usage() []Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows := make([]Usage, 0, len(m.rows))
	for k, r := range m.rows {
		rows = append(rows, Usage{k.meter, k.customer, k.window, r.total, r.reported})
	}
	slices.SortFunc(rows, func(a, b Usage) int {
		return cmp.Or(
			cmp.Compare(a.Meter, b.Meter),
			cmp.Compare(a.Customer, b.Customer),
			cmp.Compare(a.Window, b.Window),
		)
	})
	return rows
}

// Accounting returns where all lines of all sources went.
func (m *Memory) Accounting() Accounting {
	m.mu.Lock()
	defer m.mu.Unlock()
	var sum Accounting
	for _, a := range m.lines {
		sum.Add(a)
	}
	return sum
}

// Ledger returns the settled entries in the order in which they were settled.
func (m *Memory) Ledger() []Entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.ledger)
}
