package parsers

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// compileEnvoyJSON compiles a json_format: each key whose value is a single
// operator is known by it.
func compileEnvoyJSON(f *Format, s *Spec) error {
	text := s.EnvoyJSON
	if strings.TrimSpace(text) == "istio-json" {
		text = istioJSON
	}
	pasted, err := readJSONFormat(text)
	if err != nil {
		return specError("envoy_json", err)
	}
	keys := map[string]string{}
	flatten(keys, "", pasted)
	var ops []operator
	var names []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		f.all = append(f.all, key)
		if op, ok := parseOperator(keys[key]); ok && op.text == keys[key] {
			ops, names = append(ops, op), append(names, key)
		}
	}
	w, err := f.envoyFields(ops)
	if err != nil {
		return specError("envoy_json", err)
	}
	for k, i := range w.record {
		if i >= 0 {
			f.names[k] = names[i]
		}
	}
	if s.Customer != "" && !slices.Contains(f.all, s.Customer) {
		return specError("customer", f.lacks("key", s.Customer))
	}
	f.names[fieldCustomer] = s.Customer
	if s.Customer != "" {
		w.record[fieldCustomer] = slices.Index(names, s.Customer)
	}
	for _, name := range s.Fields {
		if name != "" && !slices.Contains(f.all, name) {
			return specError("fields", f.lacks("key", name))
		}
		if name != "" {
			w.fields = append(w.fields, slices.Index(names, name))
		}
	}
	if f.names[fieldStatus] == "" && f.names[fieldTarget] == "" {
		return specError("envoy_json", errors.New("no key has %RESPONSE_CODE% or %REQ(:PATH)% alone as its value; paste the json_format with its operators"))
	}
	if err := f.layOutJSON(s); err != nil {
		return err
	}
	f.customer = operatorsIn(keys[s.Customer])
	f.lintOperators(&w, ops)
	return nil
}

// operatorsIn returns the operators of a value of a json_format.
func operatorsIn(text string) []operator {
	var ops []operator
	for {
		i := strings.IndexByte(text, '%')
		if i < 0 {
			return ops
		}
		text = text[i:]
		if op, ok := parseOperator(text); ok {
			ops, text = append(ops, op), text[len(op.text):]
		} else {
			text = strings.TrimPrefix(text[1:], "%")
		}
	}
}

// flatten adds the keys of a pasted object, those of nested ones with a dot.
func flatten(keys map[string]string, prefix string, object map[string]any) {
	for key, value := range object {
		switch v := value.(type) {
		case string:
			if prefix+key == "" {
				continue // nothing could name it
			}
			keys[prefix+key] = v
		case map[string]any:
			flatten(keys, prefix+key+".", v)
		}
	}
}
