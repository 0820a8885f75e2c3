package parsers

import "testing"

func TestBuiltinsCompile(t *testing.T) {
	for _, name := range Builtins() {
		spec, ok := Builtin(name)
		if !ok {
			t.Errorf("there is no %s", name)
		}
		f := compile(t, spec)
		if fields := f.Fields(); fields.Time == "" || fields.Path == "" || fields.Method == "" || fields.Status == "" {
			t.Errorf("%s: got fields %v, want all but the customer", name, fields)
		}
	}
	if _, ok := Builtin("apache"); ok {
		t.Error("apache is built in")
	}
}
