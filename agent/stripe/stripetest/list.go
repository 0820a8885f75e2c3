package stripetest

import (
	"net/http"
	"net/url"
	"strconv"
)

// object is one of Stripe's, as JSON.
type object = map[string]any

func ok(o object) answer { return answer{status: http.StatusOK, body: o} }

// list returns the page of a list that a query asks for.
func list(path string, q url.Values, all []object) answer {
	limit := 10
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 100 {
			return invalid("parameter_invalid_integer", "limit", "This value must be between 1 and 100.")
		}
		limit = n
	}
	if after := q.Get("starting_after"); after != "" {
		i := 0
		for i < len(all) && all[i]["id"] != after {
			i++
		}
		if i == len(all) {
			return invalid("resource_missing", "starting_after", "No such object: '"+after+"'")
		}
		all = all[i+1:]
	}
	more := len(all) > limit
	if more {
		all = all[:limit]
	}
	return ok(object{"object": "list", "url": path, "has_more": more, "data": append([]object{}, all...)})
}
