package stripe

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/logmeter/logmeter/agent"
)

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
	directory *directory // nil: customers aren't looked up at Stripe
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
	account, err := b.customers.account(e.Customer, b.directory)
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
