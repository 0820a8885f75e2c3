package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

// control is one command of a test: POST /_test/NAME?parameters. What it
// returns is the answer.
type control struct {
	name, params string // params as a mistake is told
	do           func(*stripetest.Fake, *query) any
}

var controls = []control{
	{"advance", "d=25h", func(f *stripetest.Fake, q *query) any {
		if d := q.duration("d"); q.err == nil {
			f.Advance(d)
		}
		return f.Now().UTC().Format(time.RFC3339)
	}},
	{"skew-date", "d=-90s", func(f *stripetest.Fake, q *query) any {
		if d := q.duration("d"); q.err == nil {
			f.SkewDate(d)
		}
		return nil
	}},
	{"chaos", "percent=30&seed=1", func(f *stripetest.Fake, q *query) any {
		percent, seed := q.number("percent"), q.number("seed")
		if q.err == nil {
			f.Chaos(int(percent), seed)
		}
		return nil
	}},
	{"scenario", "seed=1", func(f *stripetest.Fake, q *query) any {
		s := stripetest.NewScenario(q.number("seed"))
		if q.err == nil {
			s.Play(f)
		}
		return s
	}},
	{"act", "seed=1 and the act as JSON in the body", func(f *stripetest.Fake, q *query) any {
		var a stripetest.Act
		d := json.NewDecoder(q.r.Body)
		d.DisallowUnknownFields()
		q.fail(d.Decode(&a))
		if seed := q.number("seed"); q.err == nil {
			f.Play(seed, a)
		}
		return a
	}},
	{"outage", "fault=lose-answer&for=30h", func(f *stripetest.Fake, q *query) any {
		fault, d := q.fault("fault"), q.duration("for")
		if q.err == nil {
			f.Outage(fault, d)
		}
		return nil
	}},
	{"fail", "fault=error-500&n=3", func(f *stripetest.Fake, q *query) any {
		fault, n := q.fault("fault"), q.number("n")
		if q.err == nil {
			f.Fail(slices.Repeat([]stripetest.Fault{fault}, int(n))...)
		}
		return nil
	}},
	{"fail-reads", "fault=html&n=3", func(f *stripetest.Fake, q *query) any {
		fault, n := q.fault("fault"), q.number("n")
		if q.err == nil {
			f.FailReads(slices.Repeat([]stripetest.Fault{fault}, int(n))...)
		}
		return nil
	}},
	{"lag", "d=2m", func(f *stripetest.Fake, q *query) any {
		if d := q.duration("d"); q.err == nil {
			f.Configure(func(c *stripetest.Config) { c.Lag = d })
		}
		return nil
	}},
	{"meter", "the meter as JSON in the body", func(f *stripetest.Fake, q *query) any {
		var m stripetest.Meter
		q.fail(json.NewDecoder(q.r.Body).Decode(&m))
		if q.err == nil {
			m.ID = f.AddMeter(m)
		}
		return m
	}},
	{"archive", "event_name=calls&archived=true", func(f *stripetest.Fake, q *query) any {
		archived, err := strconv.ParseBool(q.text("archived"))
		q.fail(err)
		if name := q.text("event_name"); q.err == nil {
			f.Archive(name, archived)
		}
		return nil
	}},
	{"delete-customer", "id=cus_1", func(f *stripetest.Fake, q *query) any {
		if id := q.text("id"); q.err == nil {
			f.DeleteCustomer(id)
		}
		return nil
	}},
	{"key", "key=rk_test_x&permissions=billing_meter_read,billing_meter_event_write", func(f *stripetest.Fake, q *query) any {
		key, permissions := q.text("key"), q.text("permissions")
		if q.err == nil {
			f.AddRestrictedKey(key, strings.Split(permissions, ",")...)
		}
		return nil
	}},
	{"revoke-key", "key=sk_test_x", func(f *stripetest.Fake, q *query) any {
		if key := q.text("key"); q.err == nil {
			f.RevokeKey(key)
		}
		return nil
	}},
}

// query reads the parameters of a control and keeps the first mistake.
type query struct {
	r   *http.Request
	err error
}

func (q *query) fail(err error) {
	if q.err == nil {
		q.err = err
	}
}

func (q *query) text(name string) string {
	s := q.r.URL.Query().Get(name)
	if s == "" {
		q.fail(fmt.Errorf("%s is missing", name))
	}
	return s
}

func (q *query) number(name string) uint64 {
	n, err := strconv.ParseUint(q.text(name), 10, 31)
	q.fail(err)
	return n
}

func (q *query) duration(name string) time.Duration {
	d, err := time.ParseDuration(q.text(name))
	q.fail(err)
	return d
}

func (q *query) fault(name string) (x stripetest.Fault) {
	q.fail(x.UnmarshalText([]byte(q.text(name))))
	return x
}

// handler serves Stripe's API and what tests ask and order beside it.
func handler(f *stripetest.Fake) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", f)
	for name, read := range map[string]func() any{
		"totals": func() any { return f.Totals() },
		"stats":  func() any { return f.Stats() },
		"drops":  func() any { return f.Drops() },
		"now":    func() any { return f.Now().UTC().Format(time.RFC3339) },
	} {
		mux.HandleFunc("GET /_test/"+name, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, read()) })
	}
	for _, c := range controls {
		mux.HandleFunc("POST /_test/"+c.name, func(w http.ResponseWriter, r *http.Request) {
			q := &query{r: r}
			answer := c.do(f, q)
			if q.err != nil {
				http.Error(w, fmt.Sprintf("/_test/%s: %v; want %s", c.name, q.err, c.params), http.StatusBadRequest)
				return
			}
			writeJSON(w, answer)
		})
	}
	mux.HandleFunc("/_test/", func(w http.ResponseWriter, r *http.Request) {
		names := make([]string, len(controls))
		for i, c := range controls {
			names[i] = c.name
		}
		http.Error(w, "no such control; want POST to one of "+strings.Join(names, ", ")+
			", or GET of totals, stats, drops or now", http.StatusNotFound)
	})
	return mux
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v)
}
