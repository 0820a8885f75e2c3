package stripetest

import (
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

func (f *Fake) createProduct(_ *http.Request, q url.Values) answer {
	if bad := unknown(q, "id", "name", "description", "active", "unit_label"); bad != nil {
		return *bad
	}
	if bad := missing(q, "name"); bad != nil {
		return *bad
	}
	o := object{"active": true, "description": nil, "default_price": nil, "unit_label": nil}
	update(o, q, "id", "name", "description", "active", "unit_label")
	if id, _ := o["id"].(string); f.products.find(id) != nil {
		return invalid("resource_already_exists", "id", "Product already exists.")
	}
	o = f.add(&f.products, f.now(), o)
	f.emit("product.created", o, f.now())
	return ok(o)
}

func (f *Fake) updateProduct(r *http.Request, q url.Values) answer {
	o := f.products.find(r.PathValue("id"))
	if o == nil {
		return f.products.missing(r.PathValue("id"))
	}
	if bad := unknown(q, "name", "description", "active", "unit_label"); bad != nil {
		return *bad
	}
	update(o, q, "name", "description", "active", "unit_label")
	f.emit("product.updated", o, f.now())
	return ok(o)
}

func (f *Fake) listProducts(r *http.Request, q url.Values) answer {
	return list(r.URL.Path, q, f.products.newest(func(o object) bool {
		return q.Get("active") == "" || o["active"] == (q.Get("active") == "true")
	}))
}

// createPrice serves POST /v1/prices. Decimals are kept as they were written.
func (f *Fake) createPrice(_ *http.Request, q url.Values) answer {
	if bad := unknown(q, "currency", "product", "unit_amount", "unit_amount_decimal", "billing_scheme", "tiers_mode", "tiers[",
		"recurring[", "lookup_key", "transfer_lookup_key", "nickname", "active", "transform_quantity[", "tax_behavior"); bad != nil {
		return *bad
	}
	if bad := missing(q, "currency", "product"); bad != nil {
		return *bad
	}
	if f.products.find(q.Get("product")) == nil {
		return f.products.missing(q.Get("product"))
	}
	o := object{
		"active": true, "type": "one_time", "billing_scheme": "per_unit", "tiers_mode": nil, "recurring": nil, "lookup_key": nil,
		"nickname": nil, "transform_quantity": nil, "tax_behavior": "unspecified", "custom_unit_amount": nil,
	}
	update(o, q, "currency", "product", "billing_scheme", "tiers_mode", "nickname", "active", "tax_behavior")
	if q.Has("recurring[interval]") {
		r := object{"interval": q.Get("recurring[interval]"), "interval_count": max(number(q, "recurring[interval_count]"), 1)}
		r["usage_type"], r["aggregate_usage"], r["meter"], r["trial_period_days"] = "licensed", nil, nil, nil
		if u := q.Get("recurring[usage_type]"); u != "" {
			r["usage_type"] = u
		}
		if m := q.Get("recurring[meter]"); m != "" {
			if found, gone := f.byMeterID(m); found == nil {
				return gone
			}
			r["meter"] = m
		}
		o["type"], o["recurring"] = "recurring", r
	}
	if q.Has("transform_quantity[divide_by]") {
		if o["billing_scheme"] == "tiered" {
			return invalid("", "transform_quantity", "You cannot use `transform_quantity` with tiered pricing.")
		}
		o["transform_quantity"] = object{"divide_by": number(q, "transform_quantity[divide_by]"), "round": q.Get("transform_quantity[round]")}
	}
	if bad := setAmounts(o, q); bad != nil {
		return *bad
	}
	if bad := f.takeLookupKey(o, q); bad != nil {
		return *bad
	}
	o = f.add(&f.prices, f.now(), o)
	f.emit("price.created", f.shown(o, nil, ""), f.now())
	return ok(f.shown(o, q, "tiers"))
}

// setAmounts reads the unit amount, or the tiers.
func setAmounts(o object, q url.Values) *answer {
	refuse := func(param, msg string) *answer { a := invalid("", param, msg); return &a }
	if o["billing_scheme"] != "tiered" {
		if !amount(o, q, "unit_amount", "unit_amount", "unit_amount_decimal") {
			return refuse("unit_amount", "One of unit_amount or unit_amount_decimal is required, with at most 12 decimal places.")
		}
		return nil
	}
	if m := o["tiers_mode"]; m != "graduated" && m != "volume" {
		return refuse("tiers_mode", "Invalid tiers_mode: must be one of graduated or volume")
	}
	o["unit_amount"], o["unit_amount_decimal"] = nil, nil
	tiers, last := []object{}, int64(0)
	for i := 0; q.Has(fmt.Sprintf("tiers[%d][up_to]", i)); i++ {
		at := func(name string) string { return fmt.Sprintf("tiers[%d][%s]", i, name) }
		t := object{"up_to": nil, "flat_amount": nil, "flat_amount_decimal": nil, "unit_amount": nil, "unit_amount_decimal": nil}
		if q.Get(at("up_to")) != "inf" {
			n := number(q, at("up_to"))
			if n <= last {
				return refuse(at("up_to"), "The up_to values of tiers must rise.")
			}
			t["up_to"], last = n, n
		}
		unit := amount(t, q, "unit_amount", at("unit_amount"), at("unit_amount_decimal"))
		flat := amount(t, q, "flat_amount", at("flat_amount"), at("flat_amount_decimal"))
		if !unit && !flat {
			return refuse(at("unit_amount"), "A tier needs a unit_amount or a flat_amount.")
		}
		tiers = append(tiers, t)
	}
	if n := len(tiers); n == 0 || tiers[n-1]["up_to"] != nil {
		return refuse("tiers", "The last tier must have `up_to` set to `inf`.")
	}
	for _, t := range tiers[:len(tiers)-1] {
		if t["up_to"] == nil {
			return refuse("tiers", "Only the last tier may have `up_to` set to `inf`.")
		}
	}
	o["tiers"] = tiers
	return nil
}

// amount sets name and name_decimal from one of two parameters.
func amount(o object, q url.Values, name, whole, decimal string) bool {
	o[name], o[name+"_decimal"] = nil, nil
	text := q.Get(whole)
	if text == "" {
		text = q.Get(decimal)
	}
	r, ok := new(big.Rat).SetString(text)
	_, places, _ := strings.Cut(text, ".")
	if !ok || strings.ContainsAny(text, "eE/_") || len(places) > 12 {
		return false
	}
	o[name+"_decimal"] = text
	if r.IsInt() && r.Num().IsInt64() {
		o[name] = r.Num().Int64()
	}
	return true
}

// takeLookupKey gives a price the key, which only one price may have.
func (f *Fake) takeLookupKey(o object, q url.Values) *answer {
	key := q.Get("lookup_key")
	if key == "" {
		return nil
	}
	for _, p := range f.prices.all {
		if p["lookup_key"] != key || p["id"] == o["id"] {
			continue
		}
		if q.Get("transfer_lookup_key") != "true" {
			a := invalid("", "lookup_key", fmt.Sprintf("A price (`%s`) already uses that lookup key.", p["id"]))
			return &a
		}
		p["lookup_key"] = nil
	}
	o["lookup_key"] = key
	return nil
}

func (f *Fake) updatePrice(r *http.Request, q url.Values) answer {
	o := f.prices.find(r.PathValue("id"))
	if o == nil {
		return f.prices.missing(r.PathValue("id"))
	}
	if bad := unknown(q, "active", "nickname", "lookup_key", "transfer_lookup_key", "tax_behavior"); bad != nil {
		return *bad // a price's amounts never change
	}
	if bad := f.takeLookupKey(o, q); bad != nil {
		return *bad
	}
	update(o, q, "active", "nickname", "tax_behavior")
	f.emit("price.updated", f.shown(o, nil, ""), f.now())
	return ok(f.shown(o, q, "tiers"))
}

func (f *Fake) listPrices(r *http.Request, q url.Values) answer {
	var keys []string
	for key, values := range q {
		if strings.HasPrefix(key, "lookup_keys[") {
			keys = append(keys, values...)
		}
	}
	found := f.prices.newest(func(o object) bool {
		recurring, _ := o["recurring"].(object)
		key, _ := o["lookup_key"].(string)
		return (q.Get("active") == "" || o["active"] == (q.Get("active") == "true")) &&
			(q.Get("product") == "" || o["product"] == q.Get("product")) &&
			(q.Get("recurring[meter]") == "" || recurring != nil && recurring["meter"] == q.Get("recurring[meter]")) &&
			(keys == nil || slices.Contains(keys, key))
	})
	for i, o := range found {
		found[i] = f.shown(o, q, "data.tiers")
	}
	return list(r.URL.Path, q, found)
}

// createMeter serves POST /v1/billing/meters.
func (f *Fake) createMeter(_ *http.Request, q url.Values) answer {
	if bad := unknown(q, "display_name", "event_name", "default_aggregation[", "event_time_window", "customer_mapping[", "value_settings["); bad != nil {
		return *bad
	}
	if bad := missing(q, "display_name", "event_name", "default_aggregation[formula]"); bad != nil {
		return *bad
	}
	if m := f.meter(q.Get("event_name")); m != nil && !f.archived(m) {
		return invalid("", "event_name", fmt.Sprintf("An active meter with the event name %q exists already.", m.EventName))
	}
	m := &Meter{
		EventName: q.Get("event_name"), DisplayName: q.Get("display_name"), Formula: q.Get("default_aggregation[formula]"),
		Window: q.Get("event_time_window"), CustomerKey: q.Get("customer_mapping[event_payload_key]"),
		ValueKey: q.Get("value_settings[event_payload_key]"),
	}
	if !slices.Contains([]string{"sum", "count", "last"}, m.Formula) {
		return invalid("", "default_aggregation[formula]", "Invalid default_aggregation[formula]: must be one of sum, count or last")
	}
	f.addMeter(m)
	return ok(f.object(m))
}

// changeMeter serves POST to a meter, deactivate and reactivate included.
func (f *Fake) changeMeter(change func(*Meter, url.Values)) func(*http.Request, url.Values) answer {
	return func(r *http.Request, q url.Values) answer {
		m, gone := f.byMeterID(r.PathValue("id"))
		if m == nil {
			return gone
		}
		f.process()
		change(m, q)
		return ok(f.object(m))
	}
}
