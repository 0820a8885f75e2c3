package stripetest

import (
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// post serves a write other than a meter event: a handler that returns the
// whole answer. A success is bound to the Idempotency-Key.
func (f *Fake) post(permission string, serve func(*http.Request, url.Values) answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.begin(w)
		params, err := form(r)
		if err != nil {
			f.mu.Lock()
			f.stats.Torn++
			f.mu.Unlock()
			panic(http.ErrAbortHandler)
		}
		fault := f.pick(new([]Fault), r.Method+" "+r.URL.Path+"?"+params.Encode(), chaosEvents)
		if f.faultBefore(w, fault) {
			return
		}
		if a, limited := f.tooFast(false); limited {
			f.write(w, a)
			return
		}
		if a, ok := f.authorize(r, permission); !ok {
			f.write(w, a)
			return
		}
		f.faultAfter(w, r, fault, f.once(r, params, fault, serve))
	}
}

// once runs a write, or repeats the answer that its key has.
func (f *Fake) once(r *http.Request, params url.Values, fault Fault, serve func(*http.Request, url.Values) answer) answer {
	key, request := r.Header.Get("Idempotency-Key"), r.URL.Path+"?"+params.Encode()
	f.mu.Lock()
	defer f.mu.Unlock()
	if rep := f.replies[key]; key != "" && rep != nil && f.now().Sub(rep.made) < idempotencyKept {
		if rep.request != request {
			return failure(http.StatusBadRequest, "idempotency_error", "", "", fmt.Sprintf(
				"Keys for idempotent requests can only be used with the same parameters they were first used with. "+
					"Try using a key other than '%s' if you meant to execute a different request.", key))
		}
		f.stats.Replays++
		a := rep.answer
		a.header = map[string]string{"Idempotent-Replayed": "true"}
		return a
	}
	internal := failure(http.StatusInternalServerError, "api_error", "", "", "An unknown error occurred")
	if fault == Error500 {
		return internal
	}
	f.turn()
	a := serve(r, params)
	a.raw = marshal(a.body)
	if a.status == http.StatusOK && fault == Error500Applied {
		a = internal
	}
	if key != "" && (a.status == http.StatusOK || a.status >= 500) {
		f.replies[key] = &reply{request: request, made: f.now(), done: true, answer: a}
	}
	return a
}

// cancellable is how long after its receipt an event can be cancelled.
const cancellable = 24 * time.Hour

// adjust serves POST /v1/billing/meter_event_adjustments.
func (f *Fake) adjust(_ *http.Request, q url.Values) answer {
	if q.Get("type") != "cancel" {
		return invalid("", "type", "Invalid type: must be cancel")
	}
	id := q.Get("cancel[identifier]")
	ev := f.byID[id]
	switch {
	case id == "":
		return invalid("parameter_missing", "cancel[identifier]", "Missing required param: cancel[identifier].")
	case ev == nil || ev.eventName != q.Get("event_name"):
		return invalid("resource_missing", "cancel[identifier]", fmt.Sprintf("No meter event found with identifier %s.", id))
	case f.now().Sub(ev.created) > cancellable:
		return invalid("", "cancel[identifier]", "The meter event can only be cancelled within 24 hours of its receipt.")
	}
	ev.cancelled = true
	return ok(object{
		"object": "billing.meter_event_adjustment", "event_name": ev.eventName, "livemode": f.cfg.Live,
		"type": "cancel", "status": "pending", "cancel": object{"identifier": id},
	})
}
