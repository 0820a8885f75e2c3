package stripetest

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

func (f *Fake) object(m *Meter) map[string]any {
	status, window := "active", any(nil)
	if m.Archived {
		status = "inactive"
	}
	if m.Window != "" {
		window = m.Window
	}
	return map[string]any{
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
	limit := 10
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 100 {
			return invalid("parameter_invalid_integer", "limit", "This value must be between 1 and 100.")
		}
		limit = n
	}
	after := q.Get("starting_after")
	data, more := []any{}, false
	for _, m := range f.meters {
		if after != "" {
			if m.ID == after {
				after = ""
			}
			continue
		}
		if s := q.Get("status"); s != "" && (s == "active") == m.Archived {
			continue
		}
		if len(data) == limit {
			more = true
			break
		}
		data = append(data, f.object(m))
	}
	return answer{status: http.StatusOK, body: map[string]any{
		"object": "list", "url": "/v1/billing/meters", "has_more": more, "data": data,
	}}
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
	data := []any{}
	for t := end - step; t >= start; t -= step { // newest first
		value, found := f.aggregate(m, customer, t, t+step)
		if !found {
			continue
		}
		data = append(data, map[string]any{
			"id": fmt.Sprintf("mtrusg_%s_%d", m.ID, t), "object": "billing.meter_event_summary",
			"aggregated_value": value, "start_time": t, "end_time": t + step, "livemode": f.cfg.Live, "meter": m.ID,
		})
	}
	return answer{status: http.StatusOK, body: map[string]any{
		"object": "list", "url": r.URL.Path, "has_more": false, "data": data,
	}}
}

// aggregate returns what the meter has of a customer in a range of time, as
// far as its lag shows it.
func (f *Fake) aggregate(m *Meter, customer string, start, end int64) (value int64, found bool) {
	visible := f.now().Add(-f.cfg.Lag)
	last := map[int64]*event{} // by window, of a meter that keeps only the last
	for _, ev := range f.events {
		if ev.eventName != m.EventName || ev.customer != customer || ev.dropped != "" || ev.timestamp < start || ev.timestamp >= end {
			continue
		}
		if ev.created.After(visible) {
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
