package agent

import (
	"bytes"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// condition is a compiled Match without its paths.
type condition struct {
	methods []string
	status  StatusSet
	anyCode bool
	hosts   map[string]bool // names, and ".example.com" for *.example.com
	fields  []fieldTest
}

// fieldTest is a compiled FieldTest.
type fieldTest struct {
	field   int // index into Record.Fields
	absent  bool
	values  map[string]bool // nil: any
	pattern *regexp.Regexp  // nil: any; anchored at both ends
}

// newCondition compiles the conditions of m; fields are the names behind
// Record.Fields.
func newCondition(m *Match, fields []string) (condition, error) {
	c := condition{methods: m.Methods, status: m.Status, anyCode: m.Status.Empty()}
	if len(m.Hosts) > 0 {
		c.hosts = map[string]bool{}
	}
	for _, h := range m.Hosts {
		c.hosts[strings.TrimPrefix(h, "*")] = true
	}
	for _, f := range m.Fields {
		t := fieldTest{field: slices.Index(fields, f.Field), absent: f.Absent}
		if len(f.Values) > 0 {
			t.values = map[string]bool{}
		}
		for _, v := range f.Values {
			t.values[v] = true
		}
		if f.Pattern != nil {
			var err error
			if t.pattern, err = whole(f.Pattern); err != nil {
				return c, fmt.Errorf("field %s: %w", f.Field, err)
			}
		}
		c.fields = append(c.fields, t)
	}
	return c, nil
}

// whole returns p as an expression that matches whole texts alone. It is
// printed anew from its parsed form: as written it may end in an open \Q.
func whole(p *regexp.Regexp) (*regexp.Regexp, error) {
	parsed, err := syntax.Parse(p.String(), syntax.Perl)
	if err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + parsed.String() + `)\z`)
}

// fails returns the first condition that rec fails of those that come before
// end, or end itself when it fails none.
func (c *condition) fails(rec *Record, end Rule) Rule {
	switch {
	case !c.wantsMethod(rec.Method):
		return RuleMethod
	case !c.anyCode && !c.status.Has(rec.Status):
		return RuleStatus
	case end > RuleHost && c.hosts != nil && !c.wantsHost(rec.Host):
		return RuleHost
	case end > RuleField && !c.wantsFields(rec):
		return RuleField
	}
	return end
}

func (c *condition) wantsMethod(method []byte) bool {
	if len(c.methods) == 0 {
		return true
	}
	for _, m := range c.methods {
		if m == string(method) {
			return true
		}
	}
	return false
}

func (c *condition) wantsHost(host []byte) bool {
	if len(host) == 0 || host[0] == '.' {
		return false // no name: it must not pass for the end of one
	}
	if c.hosts[string(host)] {
		return true
	}
	for end := parent(host); end != nil; end = parent(end) {
		if c.hosts[string(end)] {
			return true
		}
	}
	return false
}

// parent returns the end of a host, or of an end of one, from its next dot on:
// .example.com of api.example.com. It is nil when there is none.
func parent(host []byte) []byte {
	if len(host) < 2 {
		return nil
	}
	if i := bytes.IndexByte(host[1:], '.'); i >= 0 {
		return host[1+i:]
	}
	return nil
}

func (c *condition) wantsFields(rec *Record) bool {
	for i := range c.fields {
		if !c.fields[i].holds(rec) {
			return false
		}
	}
	return true
}

func (f *fieldTest) holds(rec *Record) bool {
	v := rec.field(f.field)
	switch {
	case f.absent || v == nil:
		return f.absent && v == nil
	case f.values != nil && !f.values[string(v)]:
		return false
	}
	return f.pattern == nil || f.pattern.Match(v)
}

// field returns a field by its number, nil when the line hasn't got it.
func (r *Record) field(i int) []byte {
	if i < len(r.Fields) {
		return r.Fields[i]
	}
	return nil
}

// excluded is a compiled Match with its paths, of Meter.Exclude.
type excluded struct {
	paths [][]segment // empty: any
	condition
}

func (e *excluded) holds(rec *Record) bool {
	return e.fails(rec, RuleExclude) == RuleExclude &&
		(len(e.paths) == 0 || slices.ContainsFunc(e.paths, func(p []segment) bool { return fits(p, rec.Path) }))
}

// fits reports whether a parsed pattern matches path.
func fits(pattern []segment, path []byte) bool {
	if len(path) == 0 || path[0] != '/' {
		return false
	}
	rest, more := path[1:], true
	for _, s := range pattern {
		if !more {
			return false
		}
		if s.kind == segRest {
			return true
		}
		var seg []byte
		seg, rest, more = bytes.Cut(rest, []byte{'/'})
		if s.kind == segLiteral && string(seg) != s.literal || s.kind == segParam && len(seg) == 0 {
			return false
		}
	}
	return !more
}
