package agent

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Meters is a compiled set of meters. It is read-only and safe for concurrent
// use.
type Meters struct {
	meters []Meter
	names  []string
	fields []string // behind Record.Fields
	rules  []rule   // by meter
	paths  pathTree
	any    ruleList // meters without a path
}

// rule is a compiled Meter.
type rule struct {
	condition
	paths   [][]segment
	exclude []excluded
	how     Aggregation
	field   int // index into Record.Fields, of a meter that has one
	per     Per
	times   uint64
}

// NewMeters compiles meters. Its error names everything in them that isn't
// understood.
func NewMeters(meters []Meter) (*Meters, error) {
	ms := &Meters{meters: slices.Clone(meters), fields: Fields(meters)}
	var errs []error
	for i := range ms.meters {
		m := &ms.meters[i]
		if slices.Contains(ms.names, m.Name) {
			errs = append(errs, fmt.Errorf("meter %s is there twice", m.Name))
		}
		ms.names = append(ms.names, m.Name)
		r, err := ms.compile(m)
		if err != nil {
			errs = append(errs, fmt.Errorf("meter %s: %w", m.Name, err))
		}
		ms.rules = append(ms.rules, r)
		if len(r.paths) == 0 {
			ms.any.all = append(ms.any.all, int32(i))
		}
		for _, p := range r.paths {
			ms.paths.add(p, int32(i))
		}
	}
	ms.any.index(ms.rules)
	ms.paths.index(ms.rules)
	return ms, errors.Join(errs...)
}

func (ms *Meters) compile(m *Meter) (rule, error) {
	r := rule{how: m.Aggregation, field: slices.Index(ms.fields, m.Field), per: m.Per, times: max(m.Times, 1)}
	var errs []error
	fault := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	if m.Times > MaxTimes {
		fault(fmt.Errorf("times is %d; want 1 to %d", m.Times, MaxTimes))
	}
	if m.Aggregation != CountLines && m.Field == "" {
		fault(errors.New("has no field to add up or to tell apart by"))
	}
	var err error
	r.condition, r.paths, err = m.compile(ms.fields)
	fault(err)
	fault(CheckCrossing(m.Paths))
	for i := range m.Exclude {
		var e excluded
		e.condition, e.paths, err = m.Exclude[i].compile(ms.fields)
		fault(err)
		r.exclude = append(r.exclude, e)
	}
	return r, errors.Join(errs...)
}

// compile returns what m asks for.
func (m *Match) compile(fields []string) (condition, [][]segment, error) {
	var errs []error
	var paths [][]segment
	for _, p := range m.Paths {
		segs, err := splitPattern(p)
		errs = append(errs, err)
		paths = append(paths, segs)
	}
	for _, h := range m.Hosts {
		errs = append(errs, CheckHost(h))
	}
	c, err := newCondition(m, fields)
	return c, paths, errors.Join(append(errs, err)...)
}

// Names returns the meters' names in the order given.
func (ms *Meters) Names() []string { return ms.names }

// NewTally returns an empty tally for these meters.
func (ms *Meters) NewTally() *Tally { return NewTally(ms.names) }

// Measure counts a record: it adds to each meter that wants it, for the
// record's customer, and accounts for the line. It returns the condition that
// the closest meter failed, RuleCount when one wants the record. It allocates
// only for customers, windows and unique values that are new to t.
func (ms *Meters) Measure(rec *Record, t *Tally) Rule {
	h := t.hourAt(windowAt(rec.Time))
	h.lines.Lines++
	t.lines++
	why := ms.match(rec, t)
	if len(t.matched) == 0 {
		h.lines.Rules[why]++
		return why
	}
	if len(rec.Customer) == 0 {
		h.lines.NoCustomer++
		return RuleCount
	}
	h.lines.Billed++
	slot, minute := t.names.Number(rec.Customer), minuteOf(rec.Time)
	for _, w := range t.matched {
		r := &ms.rules[w.meter]
		if r.how != CountUnique {
			t.add(h, w.meter, slot, w.value, minute)
			continue
		}
		t.members.add(Member{
			Period: r.per.of(h.window), ID: memberOf(rec.field(r.field)),
			Meter: int(w.meter), Customer: slot, Window: h.window, Minute: minute, Value: w.value,
		})
	}
	return RuleCount
}

// Matching returns the indices of the meters that want the record. It counts
// nothing.
func (ms *Meters) Matching(rec *Record, t *Tally) []int32 {
	ms.match(rec, t)
	all := make([]int32, len(t.matched))
	for i, w := range t.matched {
		all[i] = w.meter
	}
	return all
}

// wanted is a meter that wants a line, and what the line adds to it.
type wanted struct {
	meter int32
	value uint64
}

// match leaves in t.matched the meters that want the record, each once. When
// there is none it returns the condition that the closest meter failed.
func (ms *Meters) match(rec *Record, t *Tally) Rule {
	t.matched = t.matched[:0]
	if rec.Path == nil {
		return RulePath
	}
	t.lists = ms.paths.match(rec.Path, ms.any.appendTo(t.lists[:0]))
	if len(t.lists) == 0 {
		return RulePath
	}
	t.candidates = t.candidates[:0]
	for _, l := range t.lists {
		t.candidates = l.candidates(rec, t.candidates)
	}
	t.stamp++
	closest := RulePath
	for _, m := range t.candidates {
		if t.stamps[m] == t.stamp {
			continue // by another of its patterns
		}
		t.stamps[m] = t.stamp
		why, value := ms.rules[m].try(rec)
		if why == RuleCount {
			t.matched = append(t.matched, wanted{m, value})
			continue
		}
		if why == ruleNumber {
			t.notNumber, t.notNumberOf = t.notNumber+1, m
			why = RuleField
		}
		closest = max(closest, why)
	}
	if len(t.matched) == 0 {
		for _, l := range t.lists {
			closest = max(closest, l.closest(rec, ms.rules))
		}
	}
	return closest
}

// ruleNumber is what try says of a record that a meter wants and whose field
// holds no number to add up. It is accounted for as RuleField.
const ruleNumber = RuleCount + 1

// try returns RuleCount and what the record adds when the rule wants it, else
// the condition that it fails. Its path fits.
func (r *rule) try(rec *Record) (Rule, uint64) {
	if why := r.fails(rec, RuleExclude); why != RuleExclude {
		return why, 0
	}
	for i := range r.exclude {
		if r.exclude[i].holds(rec) {
			return RuleExclude, 0
		}
	}
	switch r.how {
	case SumField:
		n, ok := wholeNumber(rec.field(r.field), MaxValue/r.times)
		switch {
		case !ok:
			return ruleNumber, 0
		case n == 0:
			return RuleZero, 0
		}
		return RuleCount, n * r.times
	case CountUnique:
		if rec.field(r.field) == nil {
			return RuleField, 0
		}
	}
	return RuleCount, r.times
}

// wholeNumber reads digits alone, up to most.
func wholeNumber(text []byte, most uint64) (n uint64, ok bool) {
	if len(text) == 0 {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + uint64(c-'0'); n > most {
			return 0, false
		}
	}
	return n, true
}

// of returns the period that a window falls into.
func (p Per) of(w Window) Period {
	switch p {
	case PerDay:
		day := w.Start().Truncate(24 * time.Hour)
		return Period{WindowOf(day), 24}
	case PerMonth:
		year, month, _ := w.Start().Date()
		first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
		return Period{WindowOf(first), uint16(first.AddDate(0, 1, 0).Sub(first) / time.Hour)}
	}
	return Period{w, 1}
}

// memberOf returns the name of a value: 128 bits of a hash that nobody can
// find two values for, so that no caller can make his look like one seen.
func memberOf(value []byte) MemberID {
	sum := sha256.Sum256(value)
	return MemberID(sum[:16])
}
