package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/stripe/stripe-go/v76"
)

const (
	// Meters are read again after metersKept, or after unfitKept while one
	// that is configured can't be used: a person may be mending it. Stripe
	// allows 10,000 reads a month at least; these come to 5,040 at most.
	metersKept = time.Hour
	unfitKept  = 10 * time.Minute
	// maxMeters bounds a listing.
	maxMeters = 10_000
)

// The keys of the payload that a meter has unless it says otherwise.
const (
	defaultCustomerKey = "stripe_customer_id"
	defaultValueKey    = "value"
)

// settings are what Stripe says of one of its meters.
type settings struct {
	id                     string // "" when the key may not read meters
	eventName, displayName string
	status                 string // active, inactive
	formula                string // sum, count, last
	window                 string // event_time_window: "", hour, day
	mapping                string // how payloads name the customer: by_id
	customerKey, valueKey  string
	live                   bool
}

func settingsOf(m *stripe.BillingMeter) settings {
	s := settings{
		id: m.ID, eventName: m.EventName, displayName: m.DisplayName,
		status: string(m.Status), window: string(m.EventTimeWindow), live: m.Livemode,
		customerKey: defaultCustomerKey, valueKey: defaultValueKey,
	}
	if m.DefaultAggregation != nil {
		s.formula = string(m.DefaultAggregation.Formula)
	}
	if c := m.CustomerMapping; c != nil {
		s.mapping = string(c.Type)
		if c.EventPayloadKey != "" {
			s.customerKey = c.EventPayloadKey
		}
	}
	if v := m.ValueSettings; v != nil && v.EventPayloadKey != "" {
		s.valueKey = v.EventPayloadKey
	}
	return s
}

// unfit tells why usage can't be billed through the meter, as the rest of a
// sentence about it; "" when it can.
func (s *settings) unfit() string {
	switch {
	case s.status != string(stripe.BillingMeterStatusActive):
		return "is " + s.status + ", so Stripe drops its events; reactivate it, or name another event_name"
	case s.window != "":
		return fmt.Sprintf("keeps only the last event of each %s (event_time_window), so all others would be lost; "+
			"create a meter without it and name that meter's event_name", s.window)
	case s.formula != string(stripe.BillingMeterDefaultAggregationFormulaSum):
		return fmt.Sprintf("aggregates by %q, which isn't the sum of the values sent; create a meter with the formula \"sum\" and name its event_name", s.formula)
	case s.mapping != string(stripe.BillingMeterCustomerMappingTypeByID):
		return fmt.Sprintf("maps events to customers by %q; want \"by_id\"", s.mapping)
	case s.customerKey == s.valueKey:
		return fmt.Sprintf("has the payload key %q for both the customer and the value; create a meter with two keys", s.valueKey)
	}
	return ""
}

// catalogue is what Stripe said of its meters when it was last asked.
type catalogue struct {
	asking sync.Mutex // held while a listing is under way

	mu      sync.Mutex // guards what follows
	meters  []settings
	read    time.Time // by the local clock; zero: never
	refused bool      // the key may not list meters, so all that is known is the defaults
	unfit   bool      // a configured meter can't be used
	lost    bool      // the key could list meters once, and the last time it couldn't
}

// settings returns what is known of the meter with an event name.
func (c *catalogue) settings(eventName string) (*settings, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read.IsZero() {
		return nil, errors.New("the meters at Stripe weren't read yet")
	}
	if c.refused {
		return &settings{
			eventName: eventName, status: "active", formula: "sum", mapping: "by_id",
			customerKey: defaultCustomerKey, valueKey: defaultValueKey,
		}, nil
	}
	if m := c.find(eventName); m != nil {
		return m, nil
	}
	return nil, rejected("Stripe has no meter with the event_name %q; create one, or correct event_name in the meter's table", eventName)
}

// find returns the meter with an event name, the active one when an archived
// one has the same.
func (c *catalogue) find(eventName string) *settings {
	var found *settings
	for i := range c.meters {
		m := &c.meters[i]
		if m.eventName == eventName && (found == nil || m.status == string(stripe.BillingMeterStatusActive)) {
			found = m
		}
	}
	return found
}

func (c *catalogue) fresh(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := metersKept
	if c.unfit {
		kept = unfitKept
	}
	age := now.Sub(c.read)
	return !c.read.IsZero() && age >= 0 && age < kept
}

func (c *catalogue) known() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.read.IsZero()
}

// readMeters asks Stripe for its meters, unless that was done while it waited
// for another to do so. A key that may not list them is no error.
func (b *Biller) readMeters(ctx context.Context) error {
	before := b.now()
	b.catalogue.asking.Lock()
	defer b.catalogue.asking.Unlock()
	b.catalogue.mu.Lock()
	done := b.catalogue.read.After(before)
	b.catalogue.mu.Unlock()
	if done {
		return nil
	}
	meters, err := b.listMeters(ctx)
	refused := errors.Is(err, errForbidden)
	if err != nil && !refused {
		return err
	}
	if b.catalogue.learn(meters, refused, b.now(), b.meters) {
		b.log.Warn("Stripe's meters can't be read any more, what was known of them is used on",
			"reason", forbidden("rak_billing_meter_read"))
	}
	return nil
}

// learn takes in a listing, or its refusal. What was known of the meters stays
// when the key loses the permission to list them; lost reports the first time.
func (c *catalogue) learn(meters []settings, refused bool, now time.Time, configured map[string]Meter) (lost bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if refused && len(c.meters) > 0 {
		c.read, lost, c.lost = now, !c.lost, true
		return lost
	}
	c.meters, c.read, c.refused, c.unfit, c.lost = meters, now, refused, false, false
	if refused {
		return false
	}
	for _, m := range configured {
		s := c.find(m.EventName)
		c.unfit = c.unfit || s == nil || s.unfit() != ""
	}
	return false
}

// meterList is a page of meters. The SDK's iterator panics on pages that a
// faulty proxy could make.
type meterList struct {
	stripe.APIResource
	Object string                `json:"object"`
	More   bool                  `json:"has_more"`
	Data   []stripe.BillingMeter `json:"data"`
}

type meterListParams struct {
	stripe.Params `form:"*"`
	Limit         *int64  `form:"limit"`
	StartingAfter *string `form:"starting_after"`
}

func (b *Biller) listMeters(ctx context.Context) ([]settings, error) {
	const doing = "list the meters"
	var meters []settings
	p := &meterListParams{Limit: stripe.Int64(100)}
	for len(meters) < maxMeters {
		var page meterList
		err := b.ask(ctx, doing, func(ctx context.Context) error {
			p.Context = ctx
			return b.call(http.MethodGet, "/v1/billing/meters", p, &page)
		})
		if err != nil {
			return nil, err
		}
		if page.Object != "list" {
			return nil, noList(doing)
		}
		for i := range page.Data {
			meters = append(meters, settingsOf(&page.Data[i]))
		}
		if !page.More || len(page.Data) == 0 {
			break
		}
		last := page.Data[len(page.Data)-1].ID
		if last == "" || p.StartingAfter != nil && last == *p.StartingAfter {
			return nil, errors.New(doing + ": the list doesn't go on where it ended; is there a proxy in between?")
		}
		p.StartingAfter = &last
	}
	return meters, nil
}
