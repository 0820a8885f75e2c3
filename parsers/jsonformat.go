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
	"time": fieldTime, "status": fieldStatus, "request": fieldRequest, "method": fieldMethod, "path": fieldTarget, "customer": fieldCustomer,
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
	return f.layOutJSON("json")
}

// layOutJSON makes the scanner for the keys in f.names.
func (f *Format) layOutJSON(key string) error {
	f.json = &jsonScanner{}
	for k, name := range f.names {
		if name == "" {
			continue
		}
		f.at[k] = slices.Index(f.json.keys, name)
		if f.at[k] < 0 {
			f.at[k] = len(f.json.keys)
			f.json.keys = append(f.json.keys, name)
		}
	}
	if len(f.json.keys) == 0 {
		return specError(key, errors.New("no key of the lines is named that says what a record is made of, such as status"))
	}
	if f.all == nil {
		f.all = f.json.keys
	}
	return nil
}
