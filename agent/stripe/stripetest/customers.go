package stripetest

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// AddCustomer creates a customer, or replaces the metadata of one.
func (f *Fake) AddCustomer(id string, metadata map[string]string) { f.AddPayer(id, "", metadata) }

// AddPayer creates a customer with an e-mail address, or replaces the metadata
// of one.
func (f *Fake) AddPayer(id, email string, metadata map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	meta := object{}
	for k, v := range metadata {
		meta[k] = v
	}
	if o := f.customers.find(id); o != nil {
		o["metadata"] = meta
		return
	}
	f.newCustomer(object{"id": id, "email": email, "metadata": meta})
}

func (f *Fake) newCustomer(fields object) object {
	o := object{"email": nil, "name": nil, "description": nil, "delinquent": false, "currency": nil}
	for k, v := range fields {
		o[k] = v
	}
	o = f.add(&f.customers, f.now(), o)
	f.emit("customer.created", o, f.now())
	return o
}

func (f *Fake) createCustomer(_ *http.Request, q url.Values) answer {
	if bad := unknown(q, "email", "name", "description"); bad != nil {
		return *bad
	}
	o := object{}
	update(o, q, "email", "name", "description")
	return ok(f.newCustomer(o))
}

func (f *Fake) updateCustomer(r *http.Request, q url.Values) answer {
	o := f.customers.find(r.PathValue("id"))
	if o == nil {
		return f.customers.missing(r.PathValue("id"))
	}
	if bad := unknown(q, "email", "name", "description"); bad != nil {
		return *bad
	}
	update(o, q, "email", "name", "description")
	f.emit("customer.updated", o, f.now())
	return ok(o)
}

// listCustomers serves GET /v1/customers, the newest first.
func (f *Fake) listCustomers(r *http.Request, q url.Values) answer {
	since := int64(0)
	if s := q.Get("created[gte]"); s != "" {
		var err error
		if since, err = strconv.ParseInt(s, 10, 64); err != nil {
			return invalid("parameter_invalid_integer", "created[gte]", "Invalid integer: "+s)
		}
	}
	return list(r.URL.Path, q, f.customers.newest(func(o object) bool {
		id, _ := o["id"].(string)
		created, _ := o["created"].(int64)
		return !f.deleted[id] && created >= since && (q.Get("email") == "" || o["email"] == q.Get("email"))
	}))
}

// searchCustomers serves GET /v1/customers/search for terms such as
// metadata['key']:'value' and email:'a@example.com', joined by AND.
func (f *Fake) searchCustomers(r *http.Request, q url.Values) answer {
	var terms [][2]string // field and value
	for term := range strings.SplitSeq(q.Get("query"), " AND ") {
		field, value, ok := strings.Cut(term, ":")
		quoted := len(value) > 1 && value[0] == value[len(value)-1] && strings.ContainsAny(value[:1], `'"`)
		if !ok || !quoted {
			return invalid("", "query", fmt.Sprintf("We were unable to parse your search query: %s", q.Get("query")))
		}
		unescape := strings.NewReplacer(`\'`, `'`, `\"`, `"`, `\\`, `\`)
		if key, isMeta := strings.CutPrefix(field, "metadata["); isMeta {
			field = "metadata " + unescape.Replace(strings.Trim(strings.TrimSuffix(key, "]"), `'"`))
		}
		terms = append(terms, [2]string{field, unescape.Replace(value[1 : len(value)-1])})
	}
	found := f.customers.newest(func(o object) bool {
		for _, t := range terms {
			got := o[t[0]]
			if key, isMeta := strings.CutPrefix(t[0], "metadata "); isMeta {
				got = o["metadata"].(object)[key]
			}
			if got != t[1] {
				return false
			}
		}
		return true
	})
	limit := 100
	if n := int(number(q, "limit")); n > 0 {
		limit = n
	}
	more := len(found) > limit
	return ok(object{
		"object": "search_result", "url": r.URL.Path, "has_more": more, "next_page": nil, "data": found[:min(limit, len(found))],
	})
}
