package parsers

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// jsonFields are the names of Spec.JSON.
var jsonFields = map[string]field{
	"time": fieldTime, "status": fieldStatus, "request": fieldRequest, "method": fieldMethod, "path": fieldTarget, "host": fieldHost, "customer": fieldCustomer,
}

func compileJSON(f *Format, s *Spec) error {
	names := slices.Sorted(maps.Keys(jsonFields))
	for _, name := range slices.Sorted(maps.Keys(s.JSON)) {
		k, ok := jsonFields[name]
		if !ok {
			return specError("json", fmt.Errorf("unknown field %q; want %s", name, strings.Join(names, ", ")))
		}
		if s.JSON[name] == "" {
			return specError("json", fmt.Errorf("%s has no key; want the name of the key that holds it, such as %s = %q", name, name, name))
		}
		f.names[k] = s.JSON[name]
	}
	if f.names[fieldRequest] != "" && f.names[fieldTarget] != "" {
		return specError("json", errors.New("request and path are both given; want request, the whole request line, or method and path"))
	}
	if f.names[fieldTime] != "" {
		f.time = timeAny
	}
	if s.Customer != "" && f.names[fieldCustomer] != "" && f.names[fieldCustomer] != s.Customer {
		return specError("customer", fmt.Errorf("customer is %q here and %q in json; leave one of them out", s.Customer, f.names[fieldCustomer]))
	}
	if s.Customer != "" {
		f.names[fieldCustomer] = s.Customer
	}
	f.anyKey = true
	return f.layOutJSON(s)
}

// layOutJSON makes the scanner for the keys in f.names and in the Spec's
// fields.
func (f *Format) layOutJSON(s *Spec) error {
	var keys []string
	slot := func(name string) int {
		if name == "" {
			return -1
		}
		i := slices.Index(keys, name)
		if i < 0 {
			i = len(keys)
			keys = append(keys, name)
		}
		return i
	}
	for k, name := range f.names {
		if field(k) != fieldHost || s.Host {
			f.slots.record[k] = slot(name)
		}
	}
	if f.names == [fieldCount]string{} {
		return specError(f.kind, errors.New("no key of the lines is named that says what a record is made of, such as status"))
	}
	for _, name := range s.Fields {
		f.slots.fields = append(f.slots.fields, slot(name))
	}
	if n := len(keys); n > maxKeys {
		return specError(f.kind, fmt.Errorf("%d keys of a line are wanted, by the format and by the meters that read it; want %d at most", n, maxKeys))
	}
	if f.json = newJSONScanner(keys); f.all == nil {
		f.all = keys
	}
	return nil
}
