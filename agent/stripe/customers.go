package stripe

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// LookupID is the Lookup of Customers under which a logged value is itself a
// Stripe customer's id.
const LookupID = "id"

// lookupMetadata begins the Lookup under which a logged value stands in the
// metadata of a Stripe customer, under the key that follows.
const lookupMetadata = "metadata:"

// Customers says which Stripe customer a logged value stands for.
type Customers struct {
	// Lookup is for values that aren't in Map or More: LookupID, which "" means
	// too, or "metadata:KEY".
	Lookup string
	// Map holds Stripe customer ids by logged value.
	Map map[string]string
	// More, when it isn't nil, returns further ones, as they are now. It is
	// asked for every entry and may be called from several goroutines.
	More func() map[string]string
	// Hash, when it isn't nil, says that logged values come as hashes, and what
	// the hash of a value is.
	Hash func(value string) string
}

func (c Customers) check() error {
	var errs []error
	if key, ok := strings.CutPrefix(c.Lookup, lookupMetadata); c.Lookup != "" && c.Lookup != LookupID && (!ok || key == "") {
		errs = append(errs, fmt.Errorf("customers: unknown lookup %q; want %q or %q", c.Lookup, LookupID, lookupMetadata+"KEY"))
	}
	for _, logged := range slices.Sorted(maps.Keys(c.Map)) {
		if id := c.Map[logged]; !isCustomerID(id) {
			errs = append(errs, fmt.Errorf("customers.map: %s is mapped to %s; want the id of a Stripe customer, cus_…",
				shown(logged), shown(id)))
		}
	}
	return errors.Join(errs...)
}

// metadata returns the key under which values stand in customers' metadata, ""
// when they don't.
func (c Customers) metadata() string {
	key, _ := strings.CutPrefix(c.Lookup, lookupMetadata)
	if key == c.Lookup {
		return ""
	}
	return key
}

// account returns the Stripe customer of a logged value; listed holds what
// Stripe's own list says, nil when it isn't used.
func (c Customers) account(logged string, listed *directory) (string, error) {
	if id, ok := c.Map[logged]; ok {
		return id, nil
	}
	if c.More != nil {
		if id, ok := c.More()[logged]; ok {
			return id, nil
		}
	}
	switch {
	case logged == "":
		return "", rejected("this is the usage of customers beyond the most that an hour may have (customers.max): " +
			"it isn't known whose; logmeter backtest tells from the logs")
	case listed != nil:
		return listed.account(logged)
	case isCustomerID(logged) && c.metadata() == "":
		return logged, nil
	case c.Hash != nil:
		return "", rejected("customer %s isn't mapped to a Stripe customer; it is a hash: logmeter hash tells which value has it; "+
			"add it, or the value, to [customers.map]", shown(logged))
	case strings.Contains(logged, "cus_") && strings.ContainsAny(logged, ", ;"):
		return "", rejected("customer %s is more than one value: the request carried the header twice, or with a list; "+
			"let the edge set one cus_… id, or add %s = \"cus_…\" to [customers.map]", shown(logged), shown(logged))
	case c.metadata() != "":
		return "", rejected("customer %s isn't mapped, and what Stripe's customers say in their metadata isn't known here", shown(logged))
	}
	return "", rejected("customer %s is no Stripe customer id (cus_…) and isn't mapped to one; add %s = \"cus_…\" to [customers.map]",
		shown(logged), shown(logged))
}
