package stripetest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// customer is one of the account's customers, as far as lists show it.
type customer struct {
	id       string
	metadata map[string]string
	created  int64
}

// AddCustomer creates a customer, or replaces the metadata of one.
func (f *Fake) AddCustomer(id string, metadata map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := slices.IndexFunc(f.customers, func(c customer) bool { return c.id == id }); i >= 0 {
		f.customers[i].metadata = metadata
		return
	}
	f.customers = append(f.customers, customer{id, metadata, f.now().Unix()})
}

// listCustomers serves GET /v1/customers, the newest first.
func (f *Fake) listCustomers(_ *http.Request, q url.Values) answer {
	since := int64(0)
	if s := q.Get("created[gte]"); s != "" {
		var err error
		if since, err = strconv.ParseInt(s, 10, 64); err != nil {
			return invalid("parameter_invalid_integer", "created[gte]", "Invalid integer: "+s)
		}
	}
	var all []object
	for _, c := range slices.Backward(f.customers) {
		if c.created >= since && !f.deleted[c.id] {
			all = append(all, object{"id": c.id, "object": "customer", "created": c.created, "metadata": c.metadata})
		}
	}
	return list("/v1/customers", q, all)
}
