package stripetest

import "time"

// process decides what becomes of the events that were accepted
// Config.Processing ago: Stripe looks at meter and customer after it has
// answered.
func (f *Fake) process() {
	due := f.now().Add(-f.cfg.Processing)
	for ; f.undecided < len(f.events); f.undecided++ {
		ev := f.events[f.undecided]
		if ev.created.After(due) {
			return
		}
		ev.pending = false
		if ev.dropped == "" {
			ev.dropped = f.gone(ev)
		}
		if ev.dropped != "" {
			f.stats.Dropped++
		}
	}
}

// gone returns why an event isn't aggregated though it was well-formed; "" when
// it is.
func (f *Fake) gone(ev *event) string {
	switch m := f.meter(ev.eventName); {
	case m == nil:
		return "no_meter"
	case f.archived(m):
		return "archived_meter"
	case f.deleted[ev.customer]:
		return "meter_event_customer_not_found"
	}
	return ""
}

// lagOf returns by how much longer than Config.Lag summaries stay without an
// event.
func (f *Fake) lagOf(ev *event) time.Duration {
	var lag time.Duration
	if spread := f.cfg.LagSpread; spread > 0 {
		lag = time.Duration(hash(0, ev.identifier, 0) % uint64(spread))
	}
	if a := f.act(SlowSummaries); a != nil {
		lag += time.Duration(hash(a.seed, ev.identifier, 0) % uint64(max(a.Lag, 1)))
	}
	return lag
}
