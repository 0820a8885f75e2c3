package stripetest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// permissions of a restricted key; nil is a secret key, which has all.
type permissions map[string]bool

// answer is a status and a JSON body.
type answer struct {
	status int
	body   map[string]any
	raw    []byte // body as JSON, when it was made already
	header map[string]string
}

func itoa(n int) string { return strconv.Itoa(n) }

// failure returns an answer with Stripe's form of an error. Param and code may
// be empty.
func failure(status int, kind, code, param, message string) answer {
	e := map[string]any{"type": kind, "message": message}
	if code != "" {
		e["code"] = code
	}
	if param != "" {
		e["param"] = param
	}
	return answer{status: status, body: map[string]any{"error": e}}
}

func invalid(code, param, message string) answer {
	return failure(http.StatusBadRequest, "invalid_request_error", code, param, message)
}

func (f *Fake) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/billing/meter_events", f.serveEvent)
	mux.HandleFunc("GET /v1/billing/meters", f.get("billing_meter_read", f.listMeters))
	mux.HandleFunc("GET /v1/billing/meters/{id}", f.get("billing_meter_read", f.getMeter))
	mux.HandleFunc("GET /v1/billing/meters/{id}/event_summaries", f.get("billing_meter_read", f.summaries))
	mux.HandleFunc("POST /v1/billing/meter_event_adjustments", f.post("billing_meter_event_adjustment_write", f.adjust))
	mux.HandleFunc("POST /v1/billing/meters", f.post("billing_meter_write", f.createMeter))
	mux.HandleFunc("POST /v1/billing/meters/{id}", f.post("billing_meter_write", f.changeMeter(func(m *Meter, q url.Values) { m.DisplayName = q.Get("display_name") })))
	mux.HandleFunc("POST /v1/billing/meters/{id}/deactivate", f.post("billing_meter_write", f.changeMeter(func(m *Meter, _ url.Values) { m.Archived = true })))
	mux.HandleFunc("POST /v1/billing/meters/{id}/reactivate", f.post("billing_meter_write", f.changeMeter(func(m *Meter, _ url.Values) { m.Archived = false })))
	for _, o := range []struct {
		path, permission string // the permission without _read or _write
		shelf            *shelf
		create, update   func(*http.Request, url.Values) answer
		list             func(*http.Request, url.Values) answer
	}{
		{"customers", "customer", &f.customers, f.createCustomer, f.updateCustomer, f.listCustomers},
		{"products", "product", &f.products, f.createProduct, f.updateProduct, f.listProducts},
		{"prices", "plan", &f.prices, f.createPrice, f.updatePrice, f.listPrices},
		{"subscriptions", "subscription", &f.subscriptions, f.createSubscription, f.updateSubscription, f.listSubscriptions},
	} {
		mux.HandleFunc("GET /v1/"+o.path, f.get(o.permission+"_read", o.list))
		mux.HandleFunc("POST /v1/"+o.path, f.post(o.permission+"_write", o.create))
		mux.HandleFunc("GET /v1/"+o.path+"/{id}", f.get(o.permission+"_read", f.one(o.shelf)))
		mux.HandleFunc("POST /v1/"+o.path+"/{id}", f.post(o.permission+"_write", o.update))
	}
	mux.HandleFunc("GET /v1/customers/search", f.get("customer_read", f.searchCustomers))
	mux.HandleFunc("DELETE /v1/subscriptions/{id}", f.post("subscription_write", f.cancelSubscription))
	mux.HandleFunc("GET /v1/invoices", f.get("invoice_read", f.listInvoices))
	mux.HandleFunc("GET /v1/invoices/{id}", f.get("invoice_read", f.getInvoice))
	mux.HandleFunc("GET /v1/invoices/upcoming", f.get("invoice_read", f.upcoming))
	mux.HandleFunc("POST /v1/invoices/{id}/pay", f.post("invoice_write", f.payInvoice))
	mux.HandleFunc("POST /v1/invoices/{id}/void", f.post("invoice_write", f.voidInvoice))
	mux.HandleFunc("GET /v1/events", f.get("event_read", f.listFeed))
	mux.HandleFunc("GET /v1/events/{id}", f.get("event_read", f.one(&f.feed)))
	mux.HandleFunc("GET /v1/account", f.get("account_read", f.account))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		f.begin(w)
		f.write(w, failure(http.StatusNotFound, "invalid_request_error", "", "",
			fmt.Sprintf("Unrecognized request URL (%s: %s).", r.Method, r.URL.Path)))
	})
	return mux
}

// ServeHTTP answers as Stripe would.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.mux.ServeHTTP(w, r) }

// begin counts a request and sets the headers that every answer has.
func (f *Fake) begin(w http.ResponseWriter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.Requests++
	f.requestID++
	w.Header().Set("Request-Id", "req_"+itoa(f.requestID))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Date", f.now().Add(f.dateAhead).UTC().Format(http.TimeFormat))
	if f.cfg.NoDate {
		w.Header()["Date"] = nil
	}
}

func (f *Fake) write(w http.ResponseWriter, a answer) {
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	if a.raw == nil {
		a.raw = marshal(a.body)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.raw)
}

func marshal(body map[string]any) []byte {
	b, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		panic(err) // the fake's own maps
	}
	return b
}

// authorize returns a refusal when the key is unknown or may not do this.
func (f *Fake) authorize(r *http.Request, permission string) (answer, bool) {
	key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	f.mu.Lock()
	defer f.mu.Unlock()
	permitted, known := f.keys[key]
	if f.act(NoKey) != nil {
		known = false
	}
	if a := f.act(NoPermission); a != nil && a.Name == permission {
		permitted = permissions{}
	}
	if !ok || !known {
		return failure(http.StatusUnauthorized, "invalid_request_error", "", "", "Invalid API Key provided: "+mask(key)), false
	}
	if permitted != nil && !permitted[permission] {
		return failure(http.StatusForbidden, "invalid_request_error", "", "", fmt.Sprintf(
			"The provided key '%s' does not have the required permissions for this endpoint on account '%s'. "+
				"Having the 'rak_%s' permission would allow this request to continue.", mask(key), f.cfg.AccountID, permission)), false
	}
	return answer{}, true
}

// mask shows a key as Stripe's messages do.
func mask(key string) string {
	const head, tail = 8, 4
	if len(key) < head+tail {
		return strings.Repeat("*", len(key))
	}
	return key[:head] + strings.Repeat("*", len(key)-head-tail) + key[len(key)-tail:]
}

// second counts the calls of one second of the virtual clock.
type second struct {
	at    int64
	calls int
}

// tooFast returns a 429 when the calls of this second are used up.
func (f *Fake) tooFast(event bool) (answer, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	limit, s := f.cfg.PerSecond, &f.second[1]
	if event && f.cfg.EventsPerSecond > 0 {
		limit, s = f.cfg.EventsPerSecond, &f.second[0]
	}
	if a := f.act(FewCalls); a != nil {
		limit = a.N
	}
	if now := f.now().Unix(); now != s.at {
		*s = second{at: now}
	}
	s.calls++
	if limit > 0 && s.calls > limit {
		f.stats.Limited++
		return rateLimited(), true
	}
	return answer{}, false
}

func rateLimited() answer {
	return failure(http.StatusTooManyRequests, "invalid_request_error", "rate_limit", "",
		"Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits.")
}

func (f *Fake) countRead() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.Reads++
	f.readsIn[f.now().UTC().Format("2006-01")]++
}

// get serves a read: a handler that returns the whole answer.
func (f *Fake) get(permission string, serve func(*http.Request, url.Values) answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.begin(w)
		f.countRead()
		if f.faultRead(w, r) {
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
		f.mu.Lock()
		f.turn()
		a := serve(r, r.URL.Query())
		// Written before the objects may change again.
		a.raw = marshal(a.body)
		f.mu.Unlock()
		f.write(w, a)
	}
}

// form reads a whole form body. A client that was killed leaves a short one,
// which must not become an event.
func form(r *http.Request) (url.Values, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if r.ContentLength >= 0 && int64(len(body)) != r.ContentLength {
		return nil, io.ErrUnexpectedEOF
	}
	return url.ParseQuery(string(body))
}

func (f *Fake) account(*http.Request, url.Values) answer {
	return answer{status: http.StatusOK, body: map[string]any{
		"id": f.cfg.AccountID, "object": "account", "country": "US", "default_currency": "usd",
		"settings": map[string]any{"dashboard": map[string]any{"display_name": "Logmeter Test"}},
	}}
}
