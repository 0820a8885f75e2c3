package agent

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// Memory is a Store without a disk, for counting finished logs: what is
// committed stays until the process ends. It is also the plain model that the
// durable store must agree with.
type Memory struct {
	// MaxCustomers is the number of customers of a window that are told apart,
	// beside those that a person adjusts; 0 means any number. It is set before
	// the first Commit.
	MaxCustomers int
	// Known, when it isn't nil, tells which customers are told apart however
	// many there are. It is set before the first Commit.
	Known func(name []byte) bool

	instance string

	mu        sync.Mutex // guards all below
	positions map[string]map[uint64]Position
	rows      map[usageKey]*memoryRow
	customers map[Window]map[string]bool
	members   map[memoryMember]bool
	lines     map[sourceHour]Accounting
	outbox    []Entry // in the order of compareEntries
	ledger    []Entry
	decisions []Decision
	refusals  []Refusal
	refused   uint64 // the last Refusal's ID
	documents map[string]map[string][]byte
}

var (
	_ Store       = (*Memory)(nil)
	_ Books       = (*Memory)(nil)
	_ Corrections = (*Memory)(nil)
	_ Documents   = (*Memory)(nil)
)

type usageKey struct {
	meter, customer string
	window          Window
}

type memoryMember struct {
	meter, customer string
	period          Period
	id              MemberID
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
		customers: map[Window]map[string]bool{},
		members:   map[memoryMember]bool{},
		lines:     map[sourceHour]Accounting{},
		documents: map[string]map[string][]byte{},
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
	m.count(source, t)
	for _, r := range t.Refusals() {
		m.refused++
		r.ID, r.Source = m.refused, source
		m.refusals = append(m.refusals, r)
	}
	return nil
}

// count adds a tally.
func (m *Memory) count(source string, t *Tally) {
	for r := range t.Rows() {
		m.add(t.Meters()[r.Meter], m.known(r.Window, t.Customer(r.Customer)), r.Window, r.Value, r.Minute)
	}
	for x := range t.Members() {
		meter, customer := t.Meters()[x.Meter], m.known(x.Window, t.Customer(x.Customer))
		if k := (memoryMember{meter, customer, x.Period, x.ID}); !m.members[k] {
			m.members[k] = true
			m.add(meter, customer, x.Window, x.Value, x.Minute)
		}
	}
	for w, lines := range t.Accounts() {
		k := sourceHour{source, w}
		sum := m.lines[k]
		sum.Add(lines)
		m.lines[k] = sum
	}
}

// known returns the customer under which usage is counted: "" for one that is
// beyond the most.
func (m *Memory) known(w Window, customer []byte) string {
	if names := m.customers[w]; m.MaxCustomers > 0 && len(names) >= m.MaxCustomers && !names[string(customer)] &&
		(m.Known == nil || !m.Known(customer)) {
		return ""
	}
	return string(customer)
}

func (m *Memory) add(meter, customer string, w Window, value uint64, minute uint8) {
	row := m.row(usageKey{meter, customer, w})
	row.total += value
	row.minute = max(row.minute, minute)
}

// row returns the row of k. A customer with a row is one that the window tells
// apart.
func (m *Memory) row(k usageKey) *memoryRow {
	row := m.rows[k]
	if row == nil {
		row = &memoryRow{}
		m.rows[k] = row
		if m.customers[k.window] == nil {
			m.customers[k.window] = map[string]bool{}
		}
		if k.customer != "" {
			m.customers[k.window][k.customer] = true
		}
	}
	return row
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
		e := m.next(Entry{Meter: k.meter, Customer: k.customer, Window: k.window, Minute: row.minute, From: row.reported})
		e.Value = int64(min(row.total-row.reported, math.MaxInt64))
		m.outbox = append(m.outbox, e)
		row.reported, row.minute = row.total, 0
		n++
	}
	slices.SortFunc(m.outbox, compareEntries)
	return n, nil
}

// next makes e the next entry of its meter, customer and window.
func (m *Memory) next(e Entry) Entry {
	row := m.row(usageKey{e.Meter, e.Customer, e.Window})
	row.seq++
	e.Seq, e.State = row.seq, Sealed
	e.Identifier = Identify(m.instance, &e)
	return e
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
		e.Identifier = Identify(m.instance, &e)
		m.outbox[i] = e
	}
}

// Delivered implements Store.
func (m *Memory) Delivered(e *Entry) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var sum int64
	for i := range m.ledger {
		o := &m.ledger[i]
		if o.State == Accepted && o.EventName == e.EventName && o.Account == e.Account && o.Window == e.Window {
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
		if e.Seq == 0 {
			part := m.next(e)
			part.State = e.State
			m.ledger = append(m.ledger, part)
			continue
		}
		m.settle(e)
	}
	return nil
}

func (m *Memory) settle(e Entry) {
	if !e.Final() {
		m.put(e)
		return
	}
	i, found := slices.BinarySearchFunc(m.outbox, e, compareEntries)
	if !found {
		return
	}
	m.outbox = slices.Delete(m.outbox, i, i+1)
	m.ledger = append(m.ledger, e)
}

// Decide implements Corrections.
func (m *Memory) Decide(decisions []Decision, entries []Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range entries {
		m.settle(e)
	}
	m.decisions = append(m.decisions, decisions...)
	return nil
}

// Adjust implements Corrections.
func (m *Memory) Adjust(d Decision, e Entry) (Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if sum := m.counted(&e); sum+e.Value < 0 {
		return Entry{}, fmt.Errorf("%d were counted, and %d can't be taken back", sum, -e.Value)
	}
	e = m.next(Entry{
		Meter: e.Meter, Customer: e.Customer, Window: e.Window, Minute: e.Minute,
		Value: e.Value, Note: e.Note, Adjustment: true,
	})
	m.outbox = append(m.outbox, e)
	slices.SortFunc(m.outbox, compareEntries)
	d.Seq = e.Seq
	m.decisions = append(m.decisions, d)
	return e, nil
}

// counted returns what e's row comes to with all that people did.
func (m *Memory) counted(e *Entry) int64 {
	var sum int64
	if row := m.rows[usageKey{e.Meter, e.Customer, e.Window}]; row != nil {
		sum = int64(min(row.total, math.MaxInt64))
	}
	for _, list := range [][]Entry{m.outbox, m.ledger} {
		for i := range list {
			o := &list[i]
			if o.Meter != e.Meter || o.Customer != e.Customer || o.Window != e.Window {
				continue
			}
			if o.Adjustment && o.State != WrittenOff {
				sum += o.Value
			} else if !o.Adjustment && o.State == WrittenOff {
				sum -= o.Value
			}
		}
	}
	return sum
}

// Replay implements Corrections.
func (m *Memory) Replay(source string, ids []uint64, t *Tally) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		i := slices.IndexFunc(m.refusals, func(r Refusal) bool { return r.ID == id && r.Source == source })
		if i < 0 {
			return fmt.Errorf("refused line %d of source %s isn't kept any more", id, source)
		}
		k := sourceHour{source, m.refusals[i].Window}
		lines := m.lines[k]
		if lines.Lines == 0 || lines.Refused == 0 {
			return errors.New("a refused line that wasn't accounted for")
		}
		lines.Lines, lines.Refused = lines.Lines-1, lines.Refused-1
		m.lines[k] = lines
		m.refusals = slices.Delete(m.refusals, i, i+1)
	}
	m.count(source, t)
	return nil
}
