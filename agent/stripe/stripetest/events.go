package stripetest

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	identifierWindow = 24 * time.Hour
	idempotencyKept  = 24 * time.Hour
	oldest           = 35 * 24 * time.Hour
	newest           = 5 * time.Minute
	maxDigits        = 15
)

// event is an applied meter event.
type event struct {
	identifier, eventName, customer string
	value                           int64
	timestamp                       int64
	created                         time.Time
	lag                             time.Duration // beyond Config.Lag, until summaries show it
	pending                         bool          // what becomes of it isn't decided yet
	cancelled                       bool          // by an adjustment
	dropped                         string        // why it is not aggregated; "" when it is
}

// lane is what Stripe allows one call at a time for.
type lane struct{ eventName, customer string }

// reply is what an Idempotency-Key is bound to.
type reply struct {
	request string // path and body
	made    time.Time
	done    bool // false while the first call is under way
	answer  answer
}

// serveEvent serves POST /v1/billing/meter_events. The order is Stripe's: what
// is refused before the endpoint executes leaves no trace under the key.
func (f *Fake) serveEvent(w http.ResponseWriter, r *http.Request) {
	f.begin(w)
	params, err := form(r)
	if err != nil {
		f.mu.Lock()
		f.stats.Torn++
		f.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	fault := f.pick(&f.script, "POST "+params.Get("identifier"), chaosEvents)
	if f.faultBefore(w, fault) {
		return
	}
	if a, limited := f.tooFast(true); limited {
		f.write(w, a)
		return
	}
	if a, ok := f.authorize(r, "billing_meter_event_write"); !ok {
		f.write(w, a)
		return
	}
	a := f.execute(r, params, fault)
	f.faultAfter(w, r, fault, a)
}

// execute runs the idempotency layer round apply.
func (f *Fake) execute(r *http.Request, params url.Values, fault Fault) answer {
	key := r.Header.Get("Idempotency-Key")
	request := r.URL.Path + "?" + params.Encode()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.Events++
	if rep := f.replies[key]; key != "" && rep != nil && f.now().Sub(rep.made) < idempotencyKept {
		switch {
		case rep.request != request:
			return failure(http.StatusBadRequest, "idempotency_error", "", "", fmt.Sprintf(
				"Keys for idempotent requests can only be used with the same parameters they were first used with. "+
					"Try using a key other than '%s' if you meant to execute a different request.", key))
		case !rep.done:
			return failure(http.StatusConflict, "idempotency_error", "idempotency_key_in_use", "",
				"There is currently another in-progress request using this Idempotent Key.")
		}
		f.stats.Replays++
		a := rep.answer
		a.header = map[string]string{"Idempotent-Replayed": "true", "Original-Request": "req_first"}
		return a
	}
	m, ev, bad := f.validate(params)
	if bad != nil {
		return *bad
	}
	l := lane{ev.eventName, ev.customer}
	if f.busy[l] {
		a := failure(http.StatusTooManyRequests, "invalid_request_error", "lock_timeout", "",
			"This object cannot be accessed right now because another API request or Stripe process is currently accessing it.")
		a.header = map[string]string{"Stripe-Rate-Limited-Reason": "resource-specific"}
		return a
	}
	rep := &reply{request: request, made: f.now()}
	if key != "" {
		f.replies[key] = rep
	}
	f.busy[l] = true
	if f.cfg.Latency > 0 {
		f.mu.Unlock()
		time.Sleep(f.cfg.Latency)
		f.mu.Lock()
	}
	delete(f.busy, l)
	rep.answer, rep.done = f.apply(m, ev, fault), true
	return rep.answer
}

// validate reads the parameters and refuses what Stripe refuses at once.
func (f *Fake) validate(params url.Values) (*Meter, *event, *answer) {
	refuse := func(a answer) (*Meter, *event, *answer) { return nil, nil, &a }
	payload := map[string]string{}
	for name := range params {
		key, isPayload := strings.CutPrefix(name, "payload[")
		switch {
		case isPayload && strings.HasSuffix(key, "]"):
			payload[strings.TrimSuffix(key, "]")] = params.Get(name)
		case name != "event_name" && name != "identifier" && name != "timestamp" && !strings.HasPrefix(name, "expand["):
			return refuse(invalid("parameter_unknown", name, "Received unknown parameter: "+name))
		}
	}
	if params.Get("event_name") == "" {
		return refuse(invalid("parameter_missing", "event_name", "Missing required param: event_name."))
	}
	if len(payload) == 0 {
		return refuse(invalid("parameter_missing", "payload", "Missing required param: payload."))
	}
	now := f.now()
	ev := &event{
		identifier: params.Get("identifier"), eventName: params.Get("event_name"),
		timestamp: now.Unix(), created: now,
	}
	if ev.identifier == "" {
		ev.identifier = "auto_" + itoa(len(f.events))
	}
	if len(ev.identifier) > 100 {
		return refuse(invalid("", "identifier", "Invalid string: identifier must be at most 100 characters"))
	}
	if ts := params.Get("timestamp"); ts != "" {
		n, err := strconv.ParseInt(ts, 10, 64)
		if err != nil {
			return refuse(invalid("parameter_invalid_integer", "timestamp", "Invalid integer: "+ts))
		}
		ev.timestamp = n
	}
	if floor := now.Add(-oldest).Unix(); ev.timestamp < floor {
		return refuse(invalid("", "timestamp", fmt.Sprintf(
			"The event timestamp cannot be more than 35 days in past. Expected a timestamp greater than or equal to %d.", floor)))
	}
	if ceiling := now.Add(newest).Unix(); ev.timestamp > ceiling {
		return refuse(invalid("", "timestamp", fmt.Sprintf(
			"The event timestamp cannot be more than 5 minutes in the future. Expected a timestamp less than or equal to %d.", ceiling)))
	}
	m := f.meter(ev.eventName)
	if m == nil || f.archived(m) {
		if !f.cfg.AsyncMeters {
			return refuse(invalid("", "event_name", fmt.Sprintf("No active meter found for event name %q.", ev.eventName)))
		}
		ev.dropped = "archived_meter"
		if m == nil {
			ev.dropped, m = "no_meter", &Meter{CustomerKey: "stripe_customer_id", ValueKey: "value"}
		}
	}
	f.readPayload(m, ev, payload)
	if digits := strings.TrimPrefix(payload[m.ValueKey], "-"); ev.dropped == "" && len(digits) > maxDigits {
		return refuse(invalid("meter_event_value_too_many_digits", "payload", fmt.Sprintf(
			"The value in the event payload can have at most %d digits. Received %s.", maxDigits, digits)))
	}
	return m, ev, nil
}

// readPayload takes customer and value from the payload, or notes why the
// event will be dropped: Stripe looks at these after it has answered.
func (f *Fake) readPayload(m *Meter, ev *event, payload map[string]string) {
	drop := func(reason string) {
		if ev.dropped == "" {
			ev.dropped = reason
		}
	}
	ev.customer = payload[m.CustomerKey]
	switch {
	case ev.customer == "":
		drop("meter_event_no_customer_defined")
	case f.deleted[ev.customer] || !strings.HasPrefix(ev.customer, "cus_"):
		drop("meter_event_customer_not_found")
	}
	value, ok := payload[m.ValueKey]
	n, err := strconv.ParseInt(value, 10, 64)
	switch {
	case !ok && m.Formula != "count":
		drop("meter_event_value_not_found")
	case ok && err != nil:
		drop("meter_event_invalid_value")
	}
	ev.value = n
}

// apply stores an event unless its identifier is known, and returns the answer
// that the Idempotency-Key is bound to.
func (f *Fake) apply(m *Meter, ev *event, fault Fault) answer {
	internal := failure(http.StatusInternalServerError, "api_error", "", "", "An unknown error occurred")
	if fault == Error500 {
		return internal
	}
	if old := f.byID[ev.identifier]; old != nil && ev.created.Sub(old.created) < identifierWindow {
		f.stats.Duplicates++
		a := invalid("", "", fmt.Sprintf("An event already exists with identifier %s.", ev.identifier))
		a.header = map[string]string{"Stripe-Should-Retry": "false"}
		return a
	}
	if len(f.drops) > 0 && ev.dropped == "" {
		ev.dropped, f.drops = f.drops[0], f.drops[1:]
	}
	if ev.dropped == "" {
		ev.dropped = f.stagedDrop(ev)
	}
	ev.pending, ev.lag = true, f.lagOf(ev)
	f.stats.Accepted++
	f.byID[ev.identifier] = ev
	f.events = append(f.events, ev)
	l := lane{ev.eventName, ev.customer}
	f.byLane[l] = append(f.byLane[l], ev)
	f.process()
	if fault == Error500Applied {
		return internal
	}
	return answer{status: http.StatusOK, body: map[string]any{
		"object": "billing.meter_event", "created": ev.created.Unix(), "event_name": ev.eventName,
		"identifier": ev.identifier, "livemode": f.cfg.Live, "timestamp": ev.timestamp,
		"payload": map[string]any{m.CustomerKey: ev.customer, m.ValueKey: strconv.FormatInt(ev.value, 10)},
	}}
}
