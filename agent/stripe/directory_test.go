package stripe

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

// lookup is a Biller that looks customers up by their metadata, on a clock of
// its own.
type lookup struct {
	t     *testing.T
	s     *stripetest.Server
	b     *Biller
	docs  *agent.Memory
	clock time.Time
}

func newLookup(t *testing.T, hash func(string) string) *lookup {
	l := &lookup{t: t, docs: agent.NewMemory("test"), clock: time.Now()}
	l.s = stripetest.New(t, event)
	l.start(hash)
	return l
}

// start begins a new life over the same documents.
func (l *lookup) start(hash func(string) string) {
	l.b = biller(l.t, Options{
		APIBase: l.s.URL, Documents: l.docs, Now: func() time.Time { return l.clock },
		Customers: Customers{Lookup: "metadata:account", Map: map[string]string{"mapped": "cus_mapped"}, Hash: hash},
	})
}

// after moves the clock and returns what a pass makes of a value.
func (l *lookup) after(d time.Duration, value string) string {
	l.t.Helper()
	l.clock = l.clock.Add(d)
	l.s.Advance(d)
	if _, err := l.b.Now(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
	id, err := l.b.customers.account(value, l.b.directory)
	if err != nil {
		return err.Error()
	}
	return id
}

func (l *lookup) want(d time.Duration, value, want string) {
	l.t.Helper()
	if got := l.after(d, value); got != want && (want == "" || !strings.Contains(got, want) || strings.HasPrefix(want, "cus_")) {
		l.t.Errorf("%s: got %q, want %q", value, got, want)
	}
}

func TestCustomersByMetadata(t *testing.T) {
	l := newLookup(t, nil)
	for i := range 250 {
		l.s.AddCustomer(fmt.Sprintf("cus_%d", i), map[string]string{"account": fmt.Sprintf("acme-%d", i), "other": "x"})
	}
	l.s.AddCustomer("cus_twin1", map[string]string{"account": "twin"})
	l.s.AddCustomer("cus_twin2", map[string]string{"account": " twin "})
	l.s.Advance(time.Hour)
	l.s.AddCustomer("cus_last", nil)
	l.want(0, "acme-0", "cus_0")
	l.want(0, "acme-249", "cus_249")
	l.want(0, "mapped", "cus_mapped")
	l.want(0, "cus_1", "no Stripe customer has")
	l.want(0, "twin", "two Stripe customers, cus_twin2 and cus_twin1")
	l.want(0, "", "customers.max")

	// One that is created later is found within half an hour; one whose
	// metadata changes when all of the list was read again.
	l.s.AddCustomer("cus_new", map[string]string{"account": "new"})
	l.s.AddCustomer("cus_7", map[string]string{"account": "renamed"})
	l.want(0, "new", "no Stripe customer has")
	l.want(listNewest, "new", "cus_new")
	l.want(0, "renamed", "no Stripe customer has")
	l.want(0, "acme-7", "cus_7")
	l.want(3*listPerPage, "renamed", "cus_7")
	l.want(0, "acme-7", "no Stripe customer has")

	// A new life goes on from what is kept, without a reading.
	before := l.s.Stats().Reads
	l.start(nil)
	l.want(0, "renamed", "cus_7")
	if got := l.s.Stats().Reads - before; got > 1 {
		t.Errorf("the start made %d reads, want that of the meters alone", got)
	}
}

// However many values callers invent, the list is read six times an hour.
func TestInventedCustomersCostNoReads(t *testing.T) {
	l := newLookup(t, nil)
	l.s.AddCustomer("cus_1", map[string]string{"account": "acme"})
	l.after(0, "acme")
	before := l.s.Stats().Reads
	for i := range 60 {
		for k := range 100 {
			l.after(0, fmt.Sprintf("invented-%d-%d", i, k))
		}
		l.want(time.Minute, "acme", "cus_1")
	}
	// The meters, too, are read from time to time.
	if got := l.s.Stats().Reads - before; got > 20 {
		t.Errorf("an hour of invented customers made %d reads", got)
	}
}

func TestCustomersWhileStripeFails(t *testing.T) {
	l := newLookup(t, nil)
	l.s.AddCustomer("cus_1", map[string]string{"account": "acme"})
	l.s.AddRestrictedKey("rk_test_some", "billing_meter_event_write", "billing_meter_read", "account_read")
	l.b = biller(t, Options{
		Key: "rk_test_some", APIBase: l.s.URL, Documents: l.docs, Now: func() time.Time { return l.clock },
		Customers: Customers{Lookup: "metadata:account"},
	})
	l.want(0, "acme", "rak_customer_read")
	l.start(nil)
	l.want(0, "acme", "cus_1")
	l.s.FailReads(stripetest.Unavailable, stripetest.Unavailable, stripetest.Unavailable)
	l.clock = l.clock.Add(listAgain)
	_ = l.b.refresh(t.Context())
	if id, err := l.b.customers.account("acme", l.b.directory); err != nil || id != "cus_1" {
		t.Errorf("while the list can't be read: %q, %v", id, err)
	}
}

func TestCustomersByHashedMetadata(t *testing.T) {
	hash := agent.Naming{Key: []byte("key")}.Hash
	l := newLookup(t, hash)
	l.s.AddCustomer("cus_1", map[string]string{"account": "sk-secret"})
	l.want(0, hash("sk-secret"), "cus_1")
	l.want(0, "sk-secret", "no Stripe customer has")
	for d, err := range l.docs.Documents(documentKind) {
		if err != nil || strings.Contains(d.Name, "secret") {
			t.Errorf("a secret is kept: %q, %v", d.Name, err)
		}
	}
}

func TestCustomersOptions(t *testing.T) {
	for lookup, fine := range map[string]bool{"": true, "id": true, "metadata:k": true, "metadata:": false, "metadata": false, "file": false} {
		if err := (Customers{Lookup: lookup}).check(); (err == nil) != fine {
			t.Errorf("lookup %q: %v", lookup, err)
		}
	}
	c := Customers{More: func() map[string]string { return map[string]string{"a": "cus_a"} }, Hash: func(s string) string { return s }}
	if id, err := c.account("a", nil); id != "cus_a" || err != nil {
		t.Errorf("from a file: %q, %v", id, err)
	}
	if _, err := c.account("b", nil); err == nil || !strings.Contains(err.Error(), "logmeter hash") {
		t.Errorf("an unknown hash: %v", err)
	}
}
