package admin

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// dayHours is how many hours the page shows.
const dayHours = 24

// topCustomers is how many customers of a meter the page shows.
const topCustomers = 10

// meterDay is what was counted of a meter in the past day.
type meterDay struct {
	name  string
	hours [dayHours]uint64 // the last one is the present hour
	total uint64
	// top are the customers with the most, customers how many there are.
	top       []customerDay
	customers int
}

type customerDay struct {
	name  string
	total uint64
}

// day returns what was counted in the past 24 hours, by meter.
func (s *Server) day(now time.Time) ([]*meterDay, error) {
	first := agent.WindowOf(now) - dayHours + 1
	meters := map[string]*meterDay{}
	sums := map[string]map[string]uint64{}
	for u, err := range s.Books.Usage(first, first+dayHours) {
		if err != nil {
			return nil, err
		}
		m := meters[u.Meter]
		if m == nil {
			m = &meterDay{name: u.Meter}
			meters[u.Meter], sums[u.Meter] = m, map[string]uint64{}
		}
		m.hours[u.Window-first] += u.Total
		m.total += u.Total
		sums[u.Meter][u.Customer] += u.Total
	}
	for name, m := range meters {
		m.customers = len(sums[name])
		for customer, total := range sums[name] {
			m.top = append(m.top, customerDay{customer, total})
		}
		slices.SortFunc(m.top, func(a, b customerDay) int {
			return cmp.Or(cmp.Compare(b.total, a.total), cmp.Compare(a.name, b.name))
		})
		m.top = slices.Clone(m.top[:min(len(m.top), topCustomers)])
	}
	return slices.SortedFunc(maps.Values(meters), func(a, b *meterDay) int { return cmp.Compare(a.name, b.name) }), nil
}
