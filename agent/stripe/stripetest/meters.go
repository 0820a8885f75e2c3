package stripetest

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

func (f *Fake) object(m *Meter) object {
	status, window := "active", any(nil)
	if f.archived(m) {
		status = "inactive"
	}
	if m.Window != "" {
		window = m.Window
	}
	return object{
		"id": m.ID, "object": "billing.meter", "created": 1700000000, "updated": 1700000000,
		"event_name": m.EventName, "display_name": m.DisplayName, "status": status, "livemode": f.cfg.Live,
		"event_time_window":   window,
		"default_aggregation": map[string]any{"formula": m.Formula},
		"customer_mapping":    map[string]any{"type": "by_id", "event_payload_key": m.CustomerKey},
		"value_settings":      map[string]any{"event_payload_key": m.ValueKey},
		"status_transitions":  map[string]any{"deactivated_at": nil},
	}
}

func (f *Fake) listMeters(_ *http.Request, q url.Values) answer {
	data := []object{}
	for _, m := range f.meters {
		if s := q.Get("status"); s == "" || (s == "active") != f.archived(m) {
			data = append(data, f.object(m))
		}
	}
	return list("/v1/billing/meters", q, data)
}

func (f *Fake) byMeterID(id string) (*Meter, answer) {
	for _, m := range f.meters {
		if m.ID == id {
			return m, answer{}
		}
	}
	return nil, failure(http.StatusNotFound, "invalid_request_error", "resource_missing", "id", fmt.Sprintf("No such billing meter: '%s'", id))
}

func (f *Fake) getMeter(r *http.Request, _ url.Values) answer {
	m, missing := f.byMeterID(r.PathValue("id"))
	if m == nil {
		return missing
	}
	return answer{status: http.StatusOK, body: f.object(m)}
}

// summaries serves GET /v1/billing/meters/{id}/event_summaries.
func (f *Fake) summaries(r *http.Request, q url.Values) answer {
	m, missing := f.byMeterID(r.PathValue("id"))
	if m == nil {
		return missing
	}
	customer := q.Get("customer")
	if customer == "" {
		return invalid("parameter_missing", "customer", "Missing required param: customer.")
	}
	start, err1 := strconv.ParseInt(q.Get("start_time"), 10, 64)
	end, err2 := strconv.ParseInt(q.Get("end_time"), 10, 64)
	if err1 != nil || err2 != nil {
		return invalid("parameter_missing", "start_time", "Missing required param: start_time and end_time.")
	}
	step, align := end-start, int64(60)
	switch window := q.Get("value_grouping_window"); window {
	case "":
	case "hour":
		step, align = 3600, 3600
	case "day":
		step, align = 86400, 86400
	default:
		return invalid("", "value_grouping_window", "Invalid value_grouping_window: must be one of day or hour")
	}
	if start%align != 0 || end%align != 0 || end <= start {
		return invalid("", "start_time", fmt.Sprintf("start_time and end_time must be aligned with %d seconds, and end_time after start_time", align))
	}
	data := []object{}
	for t := end - step; t >= start; t -= step { // newest first
		value, found := f.aggregate(m, customer, t, t+step, f.now())
		if !found {
			continue
		}
		data = append(data, object{
			"id": fmt.Sprintf("mtrusg_%s_%d", m.ID, t), "object": "billing.meter_event_summary",
			"aggregated_value": value, "start_time": t, "end_time": t + step, "livemode": f.cfg.Live, "meter": m.ID,
		})
	}
	return list(r.URL.Path, q, data)
}

// aggregate returns what the meter has of a customer in a range of time, as far
// as its lag shows it at a moment; the zero moment shows all of it.
func (f *Fake) aggregate(m *Meter, customer string, start, end int64, at time.Time) (value int64, found bool) {
	f.process()
	visible := at.Add(-f.cfg.Lag)
	last := map[int64]*event{} // by window, of a meter that keeps only the last
	for _, ev := range f.byLane[lane{m.EventName, customer}] {
		if ev.dropped != "" || ev.cancelled || ev.timestamp < start || ev.timestamp >= end {
			continue
		}
		if !at.IsZero() && (ev.pending || ev.created.Add(ev.lag).After(visible)) {
			continue
		}
		found = true
		n := ev.value
		if m.Formula == "count" {
			n = 1
		}
		switch {
		case m.Window != "":
			last[ev.timestamp/windowSeconds(m.Window)] = ev
		case m.Formula == "last":
			value = n
		default:
			value += n
		}
	}
	for _, ev := range last {
		if m.Formula == "count" {
			value++
		} else {
			value += ev.value
		}
	}
	return value, found
}

func windowSeconds(window string) int64 {
	if window == "day" {
		return 86400
	}
	return 3600
}
