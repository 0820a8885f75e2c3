// Package stripetest is a fake Stripe that behaves: it keeps meter events in
// memory and answers as Stripe's v1 API does, faults included.
//
// Its one idea is that a test looks at what Stripe would bill, not at which
// calls were made. So the fake refuses a known identifier for a day of its own
// clock, replays answers by Idempotency-Key (stored server errors too), allows
// one call at a time for each customer and meter, shows usage in summaries
// after a lag, can drop what it accepted, and can lose a request or its answer.
// A Scenario is days of such trouble on its virtual clock.
//
// It covers what this project calls: meter events, meters, event summaries, the
// account, and what is billed with them: customers, products, prices with
// tiers, subscriptions, the invoices of their periods, and the feed of events. It
// imports neither the SDK nor the package under test.
package stripetest

import (
	"net/http"
	"sync"
	"time"
)

// Fake is a Stripe account of one mode in memory, as an http.Handler. Its
// methods may be called from several goroutines.
type Fake struct {
	mux *http.ServeMux

	mu        sync.Mutex // guards what follows
	cfg       Config
	offset    time.Duration // of the virtual clock from cfg.Now
	keys      map[string]permissions
	meters    []*Meter
	deleted   map[string]bool // customers that are gone
	drops     []string        // reasons of the next events to be dropped after acceptance
	events    []*event        // all that was applied, in order
	undecided int             // index in events of the first that may be pending
	byLane    map[lane][]*event
	byID      map[string]*event
	replies   map[string]*reply // by Idempotency-Key
	busy      map[lane]bool     // one call at a time
	second    [2]second         // the calls that came in it: events, others
	script    []Fault           // of the next meter events
	reads     []Fault           // of the next GETs
	chaos     *chaos
	acts      []stage
	tries     map[string]uint64 // calls in a BadLine, by name
	dateAhead time.Duration     // of the Date in answers before the virtual clock
	readsIn   map[string]int    // GETs by month
	stats     Stats
	requestID int

	customers, products, prices, subscriptions, invoices, feed shelf
	unpaid                                                     map[string]bool // customers whose payments fail
}

// Config are the traits of a Fake that hold for its whole life.
type Config struct {
	// Key is the secret key; "" is Key.
	Key string
	// Live makes it the account's live mode.
	Live bool
	// AccountID is the account; "" is acct_logmeter.
	AccountID string
	// Now is the clock under the virtual one; nil is time.Now.
	Now func() time.Time
	// PerSecond limits the calls of one second of the virtual clock; 0: no
	// limit. EventsPerSecond, if it isn't 0, counts meter events apart.
	PerSecond, EventsPerSecond int
	// Lag is how long summaries stay without an event. LagSpread makes that
	// longer by up to as much, differently for each event.
	Lag, LagSpread time.Duration
	// Processing is how long after its acceptance Stripe looks at an event's
	// meter and customer and drops it if one is gone.
	Processing time.Duration
	// Latency is how long an event takes to be applied. It is real time.
	Latency time.Duration
	// Slow is how much longer the Slow fault takes; 0 is 100 ms.
	Slow time.Duration
	// AsyncMeters makes an unknown or archived meter's event accepted and
	// dropped later, in place of refused.
	AsyncMeters bool
	// Grace is how long a period's invoice stays a draft; 0 is an hour.
	Grace time.Duration
	// FeedLag is how long /v1/events stays without an event.
	FeedLag time.Duration
	// NoDate leaves the Date out of the answers.
	NoDate bool
}

// Limits sets Stripe's own rates (docs.stripe.com/rate-limits): in live mode
// meter events apart from other calls, in test mode all in one.
func (c Config) Limits() Config {
	c.PerSecond, c.EventsPerSecond = 25, 0
	if c.Live {
		c.PerSecond, c.EventsPerSecond = 100, 1000
	}
	return c
}

// Key is the secret key of a Fake that isn't told another.
const Key = "sk_test_logmeterFake"

// Meter is a billing meter. Empty fields take Stripe's defaults.
type Meter struct {
	ID          string // mtr_…
	EventName   string
	DisplayName string
	Formula     string // sum, count, last
	Window      string // event_time_window: "", hour, day
	CustomerKey string // payload key of the customer
	ValueKey    string // payload key of the value
	Archived    bool
}

// Stats counts what came and went.
type Stats struct {
	Requests   int `json:"requests"`
	Events     int `json:"event_posts"` // POSTs of meter events, whole ones
	Accepted   int `json:"accepted"`    // of these, applied
	Duplicates int `json:"duplicates"`  // refused since the identifier is known
	Replays    int `json:"replays"`     // answered from the Idempotency-Key
	Faults     int `json:"faults"`      // injected
	Torn       int `json:"torn"`        // requests with a short body
	Dropped    int `json:"dropped"`     // accepted, then dropped
	Limited    int `json:"limited"`     // answered by 429 for the rate
	Reads      int `json:"reads"`       // GETs, which Stripe allots by the month
}

// NewFake returns an account without meters.
func NewFake(cfg Config) *Fake {
	if cfg.Key == "" {
		cfg.Key = Key
	}
	if cfg.AccountID == "" {
		cfg.AccountID = "acct_logmeter"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Slow == 0 {
		cfg.Slow = 100 * time.Millisecond
	}
	f := &Fake{
		cfg:     cfg,
		keys:    map[string]permissions{cfg.Key: nil},
		deleted: map[string]bool{},
		byID:    map[string]*event{},
		byLane:  map[lane][]*event{},
		readsIn: map[string]int{},
		tries:   map[string]uint64{},
		unpaid:  map[string]bool{},

		customers:     shelf{kind: "customer", prefix: "cus_fake"},
		products:      shelf{kind: "product", prefix: "prod_"},
		prices:        shelf{kind: "price", prefix: "price_"},
		subscriptions: shelf{kind: "subscription", prefix: "sub_"},
		invoices:      shelf{kind: "invoice", prefix: "in_"},
		feed:          shelf{kind: "event", prefix: "evt_"},
		replies:       map[string]*reply{},
		busy:          map[lane]bool{},
	}
	f.mux = f.routes()
	return f
}

// Now returns the virtual clock's time.
func (f *Fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now()
}

func (f *Fake) now() time.Time { return f.cfg.Now().Add(f.offset) }

// SkewDate makes the Date in answers run ahead of the virtual clock, or behind
// it, as a broken proxy's does.
func (f *Fake) SkewDate(ahead time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dateAhead = ahead
}

// Advance moves the virtual clock.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.offset += d
}

// AddMeter creates a meter and returns its id.
func (f *Fake) AddMeter(m Meter) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.addMeter(&m)
	return m.ID
}

func (f *Fake) addMeter(m *Meter) {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&m.ID, "mtr_"+itoa(len(f.meters)+1))
	set(&m.DisplayName, m.EventName)
	set(&m.Formula, "sum")
	set(&m.CustomerKey, "stripe_customer_id")
	set(&m.ValueKey, "value")
	f.meters = append(f.meters, m)
}

// Archive deactivates every meter with the event name, or reactivates it.
func (f *Fake) Archive(eventName string, archived bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.process()
	for _, m := range f.meters {
		if m.EventName == eventName {
			m.Archived = archived
		}
	}
}

// AddRestrictedKey adds a key that has these permissions only, named as in
// Stripe's messages without rak_: billing_meter_event_write.
func (f *Fake) AddRestrictedKey(key string, permitted ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := permissions{}
	for _, name := range permitted {
		p[name] = true
	}
	f.keys[key] = p
}

// RevokeKey makes a key unknown.
func (f *Fake) RevokeKey(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.keys, key)
}

// DeleteCustomer makes events for the customer accepted and dropped later.
func (f *Fake) DeleteCustomer(customer string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.process()
	f.deleted[customer] = true
}

// DropNext makes the next n events accepted and dropped later, for a reason
// such as meter_event_customer_not_found.
func (f *Fake) DropNext(n int, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range n {
		f.drops = append(f.drops, reason)
	}
}

// Configure changes the traits of the fake, all but Key, Live, AccountID and
// Now.
func (f *Fake) Configure(change func(*Config)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := f.cfg
	change(&f.cfg)
	f.cfg.Key, f.cfg.Live, f.cfg.AccountID, f.cfg.Now = kept.Key, kept.Live, kept.AccountID, kept.Now
}

// Stats returns the counts so far.
func (f *Fake) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.process()
	return f.stats
}

// ReadsIn returns the number of GETs in a month of the virtual clock, such as
// 2026-11.
func (f *Fake) ReadsIn(month string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.readsIn[month]
}

// meter returns the meter with an event name, the active one first.
func (f *Fake) meter(eventName string) *Meter {
	var found *Meter
	for _, m := range f.meters {
		if m.EventName == eventName && (found == nil || !m.Archived) {
			found = m
		}
	}
	return found
}
