package stripetest

import (
	"cmp"
	"slices"
	"time"
)

// Total is what Stripe would bill of one event name, customer and UTC hour.
type Total struct {
	EventName string `json:"event_name"`
	Customer  string `json:"customer"`
	Hour      string `json:"hour"`   // its start, RFC 3339
	Value     int64  `json:"value"`  // by the meter's own rule
	Events    int    `json:"events"` // applied and not dropped
}

// Totals returns all usage, sorted, without regard to the summaries' lag.
func (f *Fake) Totals() []Total {
	f.mu.Lock()
	defer f.mu.Unlock()
	type key struct {
		lane
		hour int64
	}
	f.process()
	events := map[key]int{}
	for _, ev := range f.events {
		if ev.dropped == "" && !ev.cancelled {
			events[key{lane{ev.eventName, ev.customer}, ev.timestamp / 3600}]++
		}
	}
	totals := make([]Total, 0, len(events))
	for k, n := range events {
		value, _ := f.aggregate(f.meter(k.eventName), k.customer, k.hour*3600, (k.hour+1)*3600, time.Time{})
		totals = append(totals, Total{
			k.eventName, k.customer, time.Unix(k.hour*3600, 0).UTC().Format(time.RFC3339), value, n,
		})
	}
	slices.SortFunc(totals, func(a, b Total) int {
		return cmp.Or(cmp.Compare(a.EventName, b.EventName), cmp.Compare(a.Customer, b.Customer), cmp.Compare(a.Hour, b.Hour))
	})
	return totals
}

// Dropped is an event that was accepted and isn't billed.
type Dropped struct {
	Identifier string `json:"identifier"`
	Reason     string `json:"reason"` // Stripe's code of it
}

// Drops returns the events that were dropped, in the order of their arrival.
func (f *Fake) Drops() []Dropped {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.process()
	drops := []Dropped{}
	for _, ev := range f.events {
		if ev.dropped != "" {
			drops = append(drops, Dropped{ev.identifier, ev.dropped})
		}
	}
	return drops
}

// Usage returns what Stripe would bill a customer of an event name in all.
func (f *Fake) Usage(customer, eventName string) int64 {
	var sum int64
	for _, t := range f.Totals() {
		if t.Customer == customer && t.EventName == eventName {
			sum += t.Value
		}
	}
	return sum
}
