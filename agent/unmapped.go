package agent

import (
	"cmp"
	"errors"
	"slices"
)

// Unmapped is the usage of one meter and one logged value that can't be billed
// as the configuration stands.
type Unmapped struct {
	Customer    string // as logged, or its hash; "" for customers beyond the most
	Meter       string
	Reason      string // why, for people
	Hours       int    // with usage
	Units       uint64
	First, Last Window
}

// FindUnmapped returns the usage of the windows from (included) to to (not
// included) that biller can't build an entry for, the most units first. It
// changes nothing and makes no call.
func FindUnmapped(b Books, biller Biller, from, to Window) ([]Unmapped, error) {
	type key struct{ customer, meter string }
	found := map[key]*Unmapped{} // nil: it can be billed
	for u, err := range b.Usage(from, to) {
		if err != nil {
			return nil, err
		}
		k := key{u.Customer, u.Meter}
		row, known := found[k]
		if !known {
			e := Entry{Meter: u.Meter, Customer: u.Customer, Window: u.Window, Value: 1}
			var rejected *Rejected
			if err := biller.Build(&e); errors.As(err, &rejected) {
				row = &Unmapped{Customer: u.Customer, Meter: u.Meter, Reason: rejected.Reason, First: u.Window}
			} else if err != nil {
				return nil, err
			}
			found[k] = row
		}
		if row != nil {
			row.Hours++
			row.Units += u.Total
			row.Last = u.Window
		}
	}
	var all []Unmapped
	for _, row := range found {
		if row != nil {
			all = append(all, *row)
		}
	}
	slices.SortFunc(all, func(a, b Unmapped) int {
		return cmp.Or(cmp.Compare(b.Units, a.Units), cmp.Compare(a.Customer, b.Customer), cmp.Compare(a.Meter, b.Meter))
	})
	return all, nil
}
