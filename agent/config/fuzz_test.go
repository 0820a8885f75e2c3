package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seeds adds the example and every configuration among the test data.
func seeds(f *testing.F) {
	files, err := filepath.Glob("testdata/problems/*.toml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "../../agent.toml.example") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
		f.Add(strings.ReplaceAll(string(text), "\n#", "\n"))
	}
}

// Whatever the file holds, nothing panics, an error is a list of problems that
// each name a line of the file in order, and a Config that comes out is whole.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("agent.toml", []byte(text), environ([]string{"LOGMETER_INSTANCE=x"}))
		if err != nil {
			checkProblems(t, text, err)
			return
		}
		for name, s := range c.Source {
			if _, ok := c.Format[s.Format]; !ok || s.Name != name || !filepath.IsAbs(s.Path) {
				t.Errorf("source %q isn't whole: %+v", name, s)
			}
		}
		for _, m := range c.Meters() {
			if len(m.Paths) == 0 && len(m.Methods) == 0 && m.Status.Empty() {
				t.Errorf("meter %q has no condition", m.Name)
			}
		}
		events := map[string]bool{}
		for _, event := range c.EventNames() {
			events[event] = true
		}
		if len(events) != len(c.Meter) {
			t.Error("meters share an event_name")
		}
		for logged, id := range c.Customers.Map {
			if logged == "" || !isCustomer(id) {
				t.Errorf("customer %q is %q", logged, id)
			}
		}
		if err := c.CheckRun(); err != nil {
			checkProblems(t, text, err)
		}
	})
}

func checkProblems(t *testing.T, text string, err error) {
	t.Helper()
	var ps Problems
	if !errors.As(err, &ps) || len(ps) == 0 {
		t.Fatalf("%v isn't a list of problems", err)
	}
	last := 1
	for _, p := range ps {
		if p.Line < last || p.Line > 1+strings.Count(text, "\n") {
			t.Errorf("line %d: %v", p.Line, p)
		}
		last = p.Line
		if p.Text == "" || strings.ContainsAny(p.Text+p.Key+p.Hint, "\n\r\x1b") {
			t.Errorf("problem %q", p)
		}
	}
}
