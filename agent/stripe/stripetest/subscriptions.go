package stripetest

import (
	"net/http"
	"net/url"
	"time"
)

// createSubscription serves POST /v1/subscriptions with one item per price.
func (f *Fake) createSubscription(_ *http.Request, q url.Values) answer {
	if bad := unknown(q, "customer", "items[", "billing_cycle_anchor", "collection_method", "days_until_due"); bad != nil {
		return *bad
	}
	if bad := missing(q, "customer", "items[0][price]"); bad != nil {
		return *bad
	}
	if f.customers.find(q.Get("customer")) == nil || f.deleted[q.Get("customer")] {
		return f.customers.missing(q.Get("customer"))
	}
	now := f.now()
	items := []object{}
	for i := 0; q.Has("items[" + itoa(i) + "][price]"); i++ {
		p := f.prices.find(q.Get("items[" + itoa(i) + "][price]"))
		if p == nil {
			return f.prices.missing(q.Get("items[" + itoa(i) + "][price]"))
		}
		items = append(items, object{"id": "si_" + itoa(len(f.subscriptions.all)+1) + "_" + itoa(i), "object": "subscription_item", "price": f.shown(p, nil, "")})
	}
	o := object{
		"customer": q.Get("customer"), "status": "active", "collection_method": "charge_automatically", "days_until_due": nil,
		"start_date": now.Unix(), "billing_cycle_anchor": now.Unix(), "cancel_at_period_end": false, "canceled_at": nil, "ended_at": nil,
		"latest_invoice": nil, "pending_update": nil, "trial_end": nil,
		"items": object{"object": "list", "data": items, "has_more": false, "url": "/v1/subscription_items"},
	}
	update(o, q, "collection_method")
	if n := number(q, "days_until_due"); n > 0 {
		o["days_until_due"] = n
	}
	if n := number(q, "billing_cycle_anchor"); n > 0 {
		o["billing_cycle_anchor"] = n
	}
	o["current_period_start"], o["current_period_end"] = now.Unix(), periodEnd(o, now.Unix())
	o = f.add(&f.subscriptions, now, o)
	f.emit("customer.subscription.created", o, now)
	// The first invoice has no usage yet, and is final at once.
	inv := f.newInvoice(o, "subscription_create", now.Unix(), now.Unix(), now)
	inv["status"], inv["amount_due"], inv["paid"] = "paid", int64(0), true
	return ok(o)
}

// periodEnd returns when the period that begins at start ends: the next of the
// anchor's days, or a month's last day if it is too short.
func periodEnd(sub object, start int64) int64 {
	price := sub["items"].(object)["data"].([]object)[0]["price"].(object)
	interval, count := "month", 1
	if r, ok := price["recurring"].(object); ok {
		interval, count = r["interval"].(string), int(r["interval_count"].(int64))
	}
	anchor := time.Unix(sub["billing_cycle_anchor"].(int64), 0).UTC()
	for n := 0; ; n++ {
		var end time.Time
		switch interval {
		case "day":
			end = anchor.AddDate(0, 0, n*count)
		case "week":
			end = anchor.AddDate(0, 0, 7*n*count)
		case "year":
			end = addMonths(anchor, 12*n*count)
		default:
			end = addMonths(anchor, n*count)
		}
		if end.Unix() > start {
			return end.Unix()
		}
	}
}

func addMonths(t time.Time, n int) time.Time {
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
	days := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), days)-1)
}

func (f *Fake) updateSubscription(r *http.Request, q url.Values) answer {
	o := f.subscriptions.find(r.PathValue("id"))
	if o == nil {
		return f.subscriptions.missing(r.PathValue("id"))
	}
	if bad := unknown(q, "cancel_at_period_end", "collection_method", "items["); bad != nil {
		return *bad
	}
	update(o, q, "cancel_at_period_end", "collection_method")
	if id := q.Get("items[0][price]"); id != "" {
		p := f.prices.find(id)
		if p == nil {
			return f.prices.missing(id)
		}
		o["items"].(object)["data"].([]object)[0]["price"] = f.shown(p, nil, "")
	}
	f.emit("customer.subscription.updated", o, f.now())
	return ok(o)
}

// cancelSubscription serves DELETE: usage that wasn't invoiced stays so.
func (f *Fake) cancelSubscription(r *http.Request, _ url.Values) answer {
	o := f.subscriptions.find(r.PathValue("id"))
	if o == nil {
		return f.subscriptions.missing(r.PathValue("id"))
	}
	f.endSubscription(o, f.now())
	return ok(o)
}

func (f *Fake) endSubscription(o object, at time.Time) {
	o["status"], o["canceled_at"], o["ended_at"] = "canceled", at.Unix(), at.Unix()
	f.emit("customer.subscription.deleted", o, at)
}

func (f *Fake) listSubscriptions(r *http.Request, q url.Values) answer {
	return list(r.URL.Path, q, f.subscriptions.newest(func(o object) bool {
		price := o["items"].(object)["data"].([]object)[0]["price"].(object)
		status := q.Get("status")
		return (q.Get("customer") == "" || o["customer"] == q.Get("customer")) &&
			(q.Get("price") == "" || price["id"] == q.Get("price")) &&
			(status == "all" || status == o["status"] || status == "" && o["status"] != "canceled")
	}))
}

// turn makes the invoices of the periods that are over, and takes them on, in
// the order of time.
func (f *Fake) turn() {
	for {
		var due object
		at := f.now().Unix() + 1
		for _, o := range f.subscriptions.all {
			if end := o["current_period_end"].(int64); o["status"] != "canceled" && end < at {
				due, at = o, end
			}
		}
		for _, o := range f.invoices.all {
			if t, waits := o["next_turn"].(int64); waits && t < at {
				due, at = o, t
			}
		}
		if due == nil {
			return
		}
		when := time.Unix(at, 0).UTC()
		if due["object"] == "invoice" {
			f.finalize(due, when)
			continue
		}
		inv := f.newInvoice(due, "subscription_cycle", due["current_period_start"].(int64), at, when)
		inv["next_turn"] = when.Add(f.cfg.grace()).Unix()
		f.emit("invoice.created", public(inv), when)
		if due["cancel_at_period_end"] == true {
			f.endSubscription(due, when)
			continue
		}
		due["current_period_start"], due["current_period_end"] = at, periodEnd(due, at)
		f.emit("customer.subscription.updated", due, when)
	}
}

func (c *Config) grace() time.Duration {
	if c.Grace > 0 {
		return c.Grace
	}
	return time.Hour
}
