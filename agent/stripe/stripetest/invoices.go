package stripetest

import (
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// newInvoice makes the draft of a subscription's period.
func (f *Fake) newInvoice(sub object, reason string, start, end int64, at time.Time) object {
	price := sub["items"].(object)["data"].([]object)[0]["price"].(object)
	inv := f.add(&f.invoices, at, object{
		"customer": sub["customer"], "subscription": sub["id"], "billing_reason": reason, "status": "draft", "auto_advance": true,
		"currency": price["currency"], "period_start": start, "period_end": end, "collection_method": sub["collection_method"],
		"due_date": nil, "attempt_count": int64(0), "attempted": false, "paid": false, "number": nil, "hosted_invoice_url": nil,
		"next_payment_attempt": nil, "status_transitions": object{"finalized_at": nil, "paid_at": nil, "voided_at": nil, "marked_uncollectible_at": nil},
	})
	f.fill(inv, sub, at)
	sub["latest_invoice"] = inv["id"]
	return inv
}

// fill writes the lines of an invoice from the usage that is aggregated at a
// time: a line for each item of the subscription, rounded by itself.
func (f *Fake) fill(inv, sub object, at time.Time) {
	lines, total := []object{}, int64(0)
	for _, item := range sub["items"].(object)["data"].([]object) {
		price := f.prices.find(item["price"].(object)["id"].(string))
		quantity, metered := int64(1), false
		if r, ok := price["recurring"].(object); ok && r["meter"] != nil {
			m, _ := f.byMeterID(r["meter"].(string))
			quantity, _ = f.aggregate(m, sub["customer"].(string), inv["period_start"].(int64), inv["period_end"].(int64), at)
			metered = true
		}
		amount := new(big.Rat)
		if inv["billing_reason"] != "subscription_create" || !metered {
			amount = charge(price, quantity)
		}
		lines = append(lines, object{
			"id": "il_" + inv["id"].(string) + "_" + itoa(len(lines)), "object": "line_item", "quantity": max(quantity, 0), "amount": rounded(amount),
			"currency": price["currency"], "price": f.shown(price, nil, ""), "subscription": sub["id"], "subscription_item": item["id"],
			"period": object{"start": inv["period_start"], "end": inv["period_end"]}, "type": "subscription",
		})
		total += rounded(amount)
	}
	inv["lines"] = object{"object": "list", "data": lines, "has_more": false, "url": "/v1/invoices/" + inv["id"].(string) + "/lines"}
	paid := int64(0)
	inv["subtotal"], inv["total"], inv["amount_due"], inv["amount_paid"], inv["amount_remaining"] = total, total, total, paid, total
}

// finalize closes a draft with the usage that Stripe has by then, and collects.
func (f *Fake) finalize(inv object, at time.Time) {
	delete(inv, "next_turn")
	sub := f.subscriptions.find(inv["subscription"].(string))
	f.fill(inv, sub, at)
	inv["status"], inv["number"] = "open", "LM-"+inv["id"].(string)
	f.step(inv, "finalized_at", at)
	f.emit("invoice.finalized", inv, at)
	if inv["amount_due"] == int64(0) {
		f.settle(inv, at)
		return
	}
	if inv["collection_method"] == "send_invoice" {
		days, _ := sub["days_until_due"].(int64)
		inv["due_date"] = at.Unix() + days*86400
		return
	}
	inv["attempted"], inv["attempt_count"] = true, int64(1)
	if !f.unpaid[inv["customer"].(string)] {
		f.settle(inv, at)
		return
	}
	f.emit("invoice.payment_failed", inv, at)
	if sub["status"] == "active" {
		sub["status"] = "past_due"
		f.emit("customer.subscription.updated", sub, at)
	}
}

func (f *Fake) step(inv object, name string, at time.Time) {
	steps := maps.Clone(inv["status_transitions"].(object))
	steps[name] = at.Unix()
	inv["status_transitions"] = steps
}

func (f *Fake) settle(inv object, at time.Time) {
	inv["status"], inv["paid"], inv["amount_paid"], inv["amount_remaining"] = "paid", true, inv["amount_due"], int64(0)
	f.step(inv, "paid_at", at)
	f.emit("invoice.paid", inv, at)
	sub := f.subscriptions.find(inv["subscription"].(string))
	if sub["status"] != "past_due" {
		return
	}
	for _, o := range f.invoices.all {
		if o["subscription"] == sub["id"] && o["status"] == "open" {
			return
		}
	}
	sub["status"] = "active"
	f.emit("customer.subscription.updated", sub, at)
}

// FailPayments makes a customer's payments fail from now on, or succeed.
func (f *Fake) FailPayments(customer string, failing bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn()
	f.unpaid[customer] = failing
}

// payInvoice serves POST /v1/invoices/{id}/pay.
func (f *Fake) payInvoice(r *http.Request, _ url.Values) answer {
	return f.changeInvoice(r, "pay", func(inv object) { f.settle(inv, f.now()) })
}

// voidInvoice serves POST /v1/invoices/{id}/void.
func (f *Fake) voidInvoice(r *http.Request, _ url.Values) answer {
	return f.changeInvoice(r, "void", func(inv object) {
		inv["status"], inv["amount_remaining"] = "void", int64(0)
		f.step(inv, "voided_at", f.now())
		f.emit("invoice.voided", inv, f.now())
	})
}

func (f *Fake) changeInvoice(r *http.Request, doing string, change func(object)) answer {
	inv := f.invoices.find(r.PathValue("id"))
	if inv == nil {
		return f.invoices.missing(r.PathValue("id"))
	}
	if inv["status"] != "open" {
		return invalid("", "", "You can only "+doing+" an open invoice.")
	}
	change(inv)
	return ok(public(inv))
}

// public is an invoice without what the fake notes on it.
func public(inv object) object {
	inv = maps.Clone(inv)
	delete(inv, "next_turn")
	return inv
}

func (f *Fake) getInvoice(r *http.Request, _ url.Values) answer {
	inv := f.invoices.find(r.PathValue("id"))
	if inv == nil {
		return f.invoices.missing(r.PathValue("id"))
	}
	return ok(public(inv))
}

func (f *Fake) listInvoices(r *http.Request, q url.Values) answer {
	found := f.invoices.newest(func(o object) bool {
		return (q.Get("customer") == "" || o["customer"] == q.Get("customer")) &&
			(q.Get("subscription") == "" || o["subscription"] == q.Get("subscription")) &&
			(q.Get("status") == "" || o["status"] == q.Get("status"))
	})
	for i := range found {
		found[i] = public(found[i])
	}
	return list(r.URL.Path, q, found)
}

// upcoming serves GET /v1/invoices/upcoming: the present period as far as its
// usage shows.
func (f *Fake) upcoming(_ *http.Request, q url.Values) answer {
	for _, sub := range f.subscriptions.all {
		if sub["status"] == "canceled" || q.Get("subscription") != sub["id"] && (q.Get("subscription") != "" || q.Get("customer") != sub["customer"]) {
			continue
		}
		before, latest, feed := len(f.invoices.all), sub["latest_invoice"], len(f.feed.all)
		inv := f.newInvoice(sub, "upcoming", sub["current_period_start"].(int64), sub["current_period_end"].(int64), f.now())
		f.invoices.all, sub["latest_invoice"], f.feed.all = f.invoices.all[:before], latest, f.feed.all[:feed]
		delete(inv, "id")
		return ok(inv)
	}
	return failure(http.StatusNotFound, "invalid_request_error", "invoice_upcoming_none", "",
		strings.TrimSpace("No upcoming invoices for customer: "+q.Get("customer")))
}
