package stripetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// shelf holds the objects of one kind, the oldest first.
type shelf struct {
	kind, prefix string // as in "object" and in ids
	all          []object
}

func (s *shelf) find(id string) object {
	for _, o := range s.all {
		if o["id"] == id {
			return o
		}
	}
	return nil
}

// newest returns the objects as Stripe lists them.
func (s *shelf) newest(keep func(object) bool) []object {
	out := []object{}
	for _, o := range slices.Backward(s.all) {
		if keep == nil || keep(o) {
			out = append(out, o)
		}
	}
	return out
}

func (s *shelf) missing(id string) answer {
	return failure(http.StatusNotFound, "invalid_request_error", "resource_missing", "id", fmt.Sprintf("No such %s: '%s'", s.kind, id))
}

// add makes an object with what all have; fields may give its id.
func (f *Fake) add(s *shelf, at time.Time, fields object) object {
	o := object{
		"id": s.prefix + itoa(len(s.all)+1), "object": s.kind, "created": at.Unix(), "livemode": f.cfg.Live, "metadata": object{},
	}
	maps.Copy(o, fields)
	s.all = append(s.all, o)
	return o
}

// one serves GET of one object.
func (f *Fake) one(s *shelf) func(*http.Request, url.Values) answer {
	return func(r *http.Request, q url.Values) answer {
		o := s.find(r.PathValue("id"))
		if o == nil {
			return s.missing(r.PathValue("id"))
		}
		return ok(f.shown(o, q, "tiers"))
	}
}

// shown returns an object as an answer holds it: a price without its tiers,
// unless they were asked for under the name.
func (f *Fake) shown(o object, q url.Values, tiers string) object {
	if o["object"] != "price" {
		return o
	}
	o = maps.Clone(o)
	for key, values := range q {
		if strings.HasPrefix(key, "expand[") && slices.Contains(values, tiers) {
			return o
		}
	}
	delete(o, "tiers")
	return o
}

// update takes the texts, booleans and metadata that a write gives.
func update(o object, q url.Values, names ...string) {
	for _, name := range names {
		if !q.Has(name) {
			continue
		}
		switch v := q.Get(name); {
		case v == "true" || v == "false":
			o[name] = v == "true"
		case v == "":
			o[name] = nil
		default:
			o[name] = v
		}
	}
	meta := object{}
	if old, ok := o["metadata"].(object); ok {
		maps.Copy(meta, old)
	}
	for key := range q {
		if name, ok := strings.CutPrefix(key, "metadata["); ok {
			meta[strings.TrimSuffix(name, "]")] = q.Get(key)
			if q.Get(key) == "" {
				delete(meta, strings.TrimSuffix(name, "]"))
			}
		}
	}
	o["metadata"] = meta
}

// unknown returns a refusal of parameters that aren't among the names; name[
// stands for all that begin so.
func unknown(q url.Values, names ...string) *answer {
	for key := range q {
		known := strings.HasPrefix(key, "expand[") || strings.HasPrefix(key, "metadata[")
		for _, name := range names {
			known = known || key == name || strings.HasSuffix(name, "[") && strings.HasPrefix(key, name)
		}
		if !known {
			a := invalid("parameter_unknown", key, "Received unknown parameter: "+key)
			return &a
		}
	}
	return nil
}

// missing returns a refusal when one of the names isn't given.
func missing(q url.Values, names ...string) *answer {
	for _, name := range names {
		if q.Get(name) == "" {
			a := invalid("parameter_missing", name, "Missing required param: "+name+".")
			return &a
		}
	}
	return nil
}

func number(q url.Values, name string) int64 {
	n, _ := strconv.ParseInt(q.Get(name), 10, 64)
	return n
}

// emit adds an event to the feed, with the object as it is now.
func (f *Fake) emit(kind string, o object, at time.Time) {
	f.add(&f.feed, at, object{
		"type": kind, "api_version": "2026-08-26.dahlia", "pending_webhooks": 0,
		"data": object{"object": json.RawMessage(marshal(public(o)))}, "request": object{"id": nil, "idempotency_key": nil},
	})
}

// feedKept is how long events can be listed.
const feedKept = 30 * 24 * time.Hour

// listFeed serves GET /v1/events.
func (f *Fake) listFeed(r *http.Request, q url.Values) answer {
	var kinds []string
	for key, values := range q {
		if key == "type" || strings.HasPrefix(key, "types[") {
			kinds = append(kinds, values...)
		}
	}
	if len(kinds) > 20 {
		return invalid("", "types", "You may pass up to 20 event names.")
	}
	oldest, newest := f.now().Add(-feedKept).Unix(), f.now().Add(-f.cfg.FeedLag).Unix()
	for key, move := range map[string]func(n int64){
		"created[gte]": func(n int64) { oldest = max(oldest, n) },
		"created[gt]":  func(n int64) { oldest = max(oldest, n+1) },
		"created[lte]": func(n int64) { newest = min(newest, n) },
		"created[lt]":  func(n int64) { newest = min(newest, n-1) },
	} {
		if q.Has(key) {
			move(number(q, key))
		}
	}
	return list(r.URL.Path, q, f.feed.newest(func(o object) bool {
		at := o["created"].(int64)
		return at >= oldest && at <= newest && (kinds == nil || slices.Contains(kinds, o["type"].(string)))
	}))
}
