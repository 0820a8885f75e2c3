package agent

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Meter says which records it counts. A record must satisfy every condition
// that is given.
type Meter struct {
	Name string
	// Paths are the patterns (see CheckPath) of which one must match the
	// record's normalised Path; empty means any path that a proxy would route.
	Paths []string
	// Methods are the request methods of which one must be the record's, to
	// the letter: GET doesn't include HEAD. Empty means any.
	Methods []string
	// Status is the set of statuses; an empty set means any.
	Status StatusSet
}

// StatusSet is a set of HTTP statuses from 0 to 999.
type StatusSet [16]uint64

// ParseStatus adds to the set a code ("200"), a class ("2xx") or a range
// ("200-299", both ends included).
func (s *StatusSet) ParseStatus(text string) error {
	wrong := fmt.Errorf("status %q isn't understood; want a code (\"200\"), a class (\"2xx\") or a range (\"200-299\")", text)
	lo, hi, isRange := strings.Cut(text, "-")
	if !isRange {
		hi = lo
		if len(text) == 3 && strings.EqualFold(text[1:], "xx") && text[0] >= '1' && text[0] <= '9' {
			lo, hi = text[:1]+"00", text[:1]+"99"
		}
	}
	from, err1 := strconv.ParseUint(lo, 10, 16)
	to, err2 := strconv.ParseUint(hi, 10, 16)
	if err1 != nil || err2 != nil || len(lo) != 3 || len(hi) != 3 || from > to {
		return wrong
	}
	for code := from; code <= to; code++ {
		s[code/64] |= 1 << (code % 64)
	}
	return nil
}

// Has reports whether code is in the set.
func (s *StatusSet) Has(code int) bool {
	return uint(code) < 1000 && s[code/64]&(1<<(code%64)) != 0
}

// Empty reports whether no status is in the set.
func (s *StatusSet) Empty() bool { return *s == StatusSet{} }

// Meters is a compiled set of meters. It is read-only and safe for concurrent
// use.
type Meters struct {
	names []string
	rules []rule
	paths pathTree
	any   []int32 // rules without a path
}

// rule is what remains to be checked when the path fits.
type rule struct {
	methods []string
	status  StatusSet
	anyCode bool
}

// NewMeters compiles meters. It reports every pattern that isn't understood.
func NewMeters(meters []Meter) (*Meters, error) {
	ms := &Meters{}
	var errs []error
	for i, m := range meters {
		if slices.Contains(ms.names, m.Name) {
			errs = append(errs, fmt.Errorf("meter %s is there twice", m.Name))
		}
		ms.names = append(ms.names, m.Name)
		ms.rules = append(ms.rules, rule{m.Methods, m.Status, m.Status.Empty()})
		if len(m.Paths) == 0 {
			ms.any = append(ms.any, int32(i))
		}
		for _, p := range m.Paths {
			if err := ms.paths.add(p, int32(i)); err != nil {
				errs = append(errs, fmt.Errorf("meter %s: %w", m.Name, err))
			}
		}
	}
	return ms, errors.Join(errs...)
}

// Names returns the meters' names in the order given.
func (ms *Meters) Names() []string { return ms.names }

// NewTally returns an empty tally for these meters.
func (ms *Meters) NewTally() *Tally { return NewTally(ms.names) }

// Measure counts a record: it adds 1 to each meter that wants it, for the
// record's customer, and accounts for the line. It allocates only for
// customers and windows that are new to t.
func (ms *Meters) Measure(rec *Record, t *Tally) {
	h := t.hourAt(windowAt(rec.Time))
	h.lines.Lines++
	t.lines++
	ms.match(rec, t)
	if len(t.matched) == 0 {
		h.lines.Rules[RulePath]++
		return
	}
	if len(rec.Customer) == 0 {
		h.lines.NoCustomer++
		return
	}
	h.lines.Billed++
	slot, minute := t.names.Number(rec.Customer), minuteOf(rec.Time)
	for _, m := range t.matched {
		t.add(h, m, slot, 1, minute)
	}
}

// Matching returns the indices of the meters that want the record, valid
// until t is used again. It counts nothing.
func (ms *Meters) Matching(rec *Record, t *Tally) []int32 {
	ms.match(rec, t)
	return t.matched
}

// match leaves in t.matched the meters that want the record, each once.
func (ms *Meters) match(rec *Record, t *Tally) {
	t.matched = t.matched[:0]
	if rec.Path == nil {
		return
	}
	t.matched = append(t.matched, ms.any...)
	t.matched = ms.paths.match(rec.Path, t.matched)
	if len(t.matched) == 0 {
		return
	}
	t.stamp++
	kept := t.matched[:0]
	for _, m := range t.matched {
		r := &ms.rules[m]
		if t.stamps[m] == t.stamp || !r.anyCode && !r.status.Has(rec.Status) || !r.wantsMethod(rec.Method) {
			continue
		}
		t.stamps[m] = t.stamp
		kept = append(kept, m)
	}
	t.matched = kept
}

func (r *rule) wantsMethod(method []byte) bool {
	if len(r.methods) == 0 {
		return true
	}
	for _, m := range r.methods {
		if m == string(method) {
			return true
		}
	}
	return false
}
