package config

import (
	"maps"
	"slices"
	"strings"
)

// exampleCustomer stands in agent.toml.example and in Stripe's documentation.
const exampleCustomer = "cus_NffrFeUfNV2Hib"

// customers reads the table [customers].
func (t table) customers(c *Customers) {
	if t.str("lookup", &c.Lookup) && c.Lookup != "id" {
		switch key, ok := strings.CutPrefix(c.Lookup, "metadata:"); {
		case !ok:
			hint := ""
			if c.Lookup == "file" || strings.HasPrefix(c.Lookup, "file:") {
				hint = `for a file: file = "customers.csv"`
			}
			t.hint("lookup", show(c.Lookup)+" isn't understood; want "+want("customers.lookup"), hint)
		case key == "" || len(key) > 40 || strings.TrimSpace(key) != key:
			t.fault("lookup", "%s names no key of Stripe's metadata; want 1 to 40 characters, such as \"metadata:account\"", show(c.Lookup))
		}
	}
	if t.str("file", &c.File) {
		c.File = t.path("file", c.File)
	}
	t.flag("secret", &c.Secret)
	switch n := t.values["max"].(type) {
	case nil:
	case int64:
		if c.Max = int(n); n < 1 || n > 10_000_000 {
			t.fault("max", "%d is out of range; want %s", n, want("customers.max"))
		}
	default:
		t.wrongType("max", t.line("max"), n)
	}
	if v, ok := t.values["map"]; ok && !isTable(v) {
		t.wrongType("map", t.line("map"), v)
		return
	}
	m := t.table("map")
	for _, logged := range slices.Sorted(maps.Keys(m.values)) {
		m.customer(logged, c.Map)
	}
}

// customer reads one line of [customers.map].
func (t table) customer(logged string, customers map[string]string) {
	const accepted = `the id of a Stripe customer, such as "cus_…"`
	id, ok := t.values[logged].(string)
	switch {
	case !ok && isTable(t.values[logged]):
		t.hint(logged, "is a table; want "+accepted, `a logged value with a dot needs quotes: "`+logged+`.example" = "cus_…"`)
	case !ok:
		t.fault(logged, "is %s; want %s", kind(t.values[logged]), accepted)
	case logged == "" || logged == "-":
		t.hint(logged, "is what a line without a customer holds; want a logged value", "lines without a customer are counted as such and billed to nobody")
	case strings.Trim(logged, " \t") != logged:
		t.fault(logged, "has blanks around it, which logged values lose; want %s", show(strings.Trim(logged, " \t")))
	case !isCustomer(id):
		t.fault(logged, "%s isn't a Stripe customer; want %s", show(id), accepted)
	default:
		customers[logged] = id
		if id == exampleCustomer {
			t.warn(logged, show(id)+" is the example's customer", "put in the id of a customer of yours")
		}
	}
}

// isCustomer tells whether s has the shape of a customer's id.
func isCustomer(s string) bool {
	id, ok := strings.CutPrefix(s, "cus_")
	return ok && len(s) <= 255 && isWord(id)
}

// isWord tells whether s is letters, digits and _ alone, at least one.
func isWord(s string) bool {
	return s != "" && strings.IndexFunc(s, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_')
	}) < 0
}
