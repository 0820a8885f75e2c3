package stripe

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/logmeter/logmeter/agent"
)

// LookupID is the Lookup of Customers under which a logged value is itself a
// Stripe customer's id.
const LookupID = "id"

// Customers says which Stripe customer a logged value stands for.
type Customers struct {
	// Lookup is for values that aren't in Map. The only one is LookupID, which
	// "" means too.
	Lookup string
	// Map holds Stripe customer ids by logged value.
	Map map[string]string
}

func (c Customers) check() error {
	var errs []error
	if c.Lookup != "" && c.Lookup != LookupID {
		errs = append(errs, fmt.Errorf("customers: unknown lookup %q; want %q", c.Lookup, LookupID))
	}
	for _, logged := range slices.Sorted(maps.Keys(c.Map)) {
		if id := c.Map[logged]; !isCustomerID(id) {
			errs = append(errs, fmt.Errorf("customers.map: %s is mapped to %s; want the id of a Stripe customer, cus_…",
				shown(logged), shown(id)))
		}
	}
	return errors.Join(errs...)
}

// account returns the Stripe customer of a logged value.
func (c Customers) account(logged string) (string, error) {
	if id, ok := c.Map[logged]; ok {
		return id, nil
	}
	if isCustomerID(logged) {
		return logged, nil
	}
	switch {
	case logged == "":
		return "", rejected("the customer is empty, so nobody can be billed")
	case strings.Contains(logged, "cus_") && strings.ContainsAny(logged, ", ;"):
		return "", rejected("customer %s is more than one value: the request carried the header twice, or with a list; "+
			"let the edge set one cus_… id, or add %s = \"cus_…\" to [customers.map]", shown(logged), shown(logged))
	}
	return "", rejected("customer %s is no Stripe customer id (cus_…) and isn't mapped to one; add %s = \"cus_…\" to [customers.map]",
		shown(logged), shown(logged))
}

// isCustomerID reports whether s looks like the id of a Stripe customer.
func isCustomerID(s string) bool {
	const prefix, longest = "cus_", 255
	if len(s) <= len(prefix) || len(s) > longest || !strings.HasPrefix(s, prefix) {
		return false
	}
	for i := range len(s) {
		if !isWord(s[i]) {
			return false
		}
	}
	return true
}

// shown quotes what a log or a file holds, for messages.
func shown(s string) string {
	const longest = 80
	s = hideSecrets(s)
	if len(s) > longest {
		return strconv.Quote(s[:longest]) + "…"
	}
	return strconv.Quote(s)
}

func rejected(format string, args ...any) error {
	return &agent.Rejected{Reason: fmt.Sprintf(format, args...)}
}

// maxValue is the largest value of one event: Stripe takes 15 digits
// (docs.stripe.com/changelog, 2026-04-22), since it sums in floating point.
const maxValue = 999_999_999_999_999

// builder turns entries into requests without asking anyone.
type builder struct {
	meters    map[string]Meter
	customers Customers
}

func newBuilder(o Options) (builder, error) {
	b := builder{meters: map[string]Meter{}, customers: o.Customers}
	for name, m := range o.Meters {
		m.EventName = cmp.Or(m.EventName, name)
		b.meters[name] = m
	}
	return b, o.Customers.check()
}

// build fills an entry's request with everything but the payload's keys.
func (b *builder) build(e *agent.Entry) error {
	m, ok := b.meters[e.Meter]
	if !ok {
		return rejected("meter %s isn't in the configuration any more; add [meter.%s] again to bill what it counted", e.Meter, e.Meter)
	}
	if e.Value == 0 || e.Value > maxValue || e.Value < -maxValue {
		return rejected("the value %d can't be billed in one event; Stripe takes up to %d", e.Value, int64(maxValue))
	}
	account, err := b.customers.account(e.Customer)
	if err != nil {
		return err
	}
	e.EventName, e.Account = m.EventName, account
	return nil
}

// Build fills the request of an entry that isn't frozen. An error that isn't
// an *agent.Rejected says that Stripe's meters weren't read yet; a successful
// Now reads them.
func (b *Biller) Build(e *agent.Entry) error {
	if e.Frozen() {
		return nil
	}
	if err := b.build(e); err != nil {
		return err
	}
	m, err := b.catalogue.settings(e.EventName)
	if err != nil {
		return err
	}
	if why := m.unfit(); why != "" {
		return rejected("Stripe's meter %s %s", m.id, why)
	}
	e.CustomerKey, e.ValueKey = m.customerKey, m.valueKey
	return nil
}
