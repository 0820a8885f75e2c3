package parsers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

func compileNginx(f *Format, s *Spec) error {
	t, esc, err := parseLogFormat(s.Nginx)
	if err != nil {
		return specError("nginx", err)
	}
	var errs []error
	if f.escape, err = chooseEscape(s.Escape, esc); err != nil {
		errs = append(errs, specError("escape", err))
	}
	if err := t.nginxVariables(f.escape); err != nil {
		errs = append(errs, specError("nginx", err))
	}
	vars := f.nginxFields(t)
	if vars[fieldCustomer], err = t.nginxCustomer(s.Customer); err != nil {
		errs = append(errs, specError("customer", err))
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return f.compileText("nginx", t, vars, s)
}

// compileText finishes a text format whose variables have their languages.
// vars has the variable that fills each field, or -1.
func (f *Format) compileText(key string, t *template, vars fieldVars, s *Spec) error {
	f.tmpl, f.flags, f.all = t, f.escape.flags(), t.names()
	narrowed, err := t.narrow(s.Charset)
	if err != nil {
		return specError("charset", err)
	}
	f.assumptions = append(f.assumptions, narrowed...)
	if err := f.prove(&vars, s.AcceptAmbiguous); err != nil {
		return specError(key, err)
	}
	f.layOut(vars)
	return nil
}

// fieldVars is the index of the variable that fills a field, or -1.
type fieldVars [fieldCount]int

// prove makes sure that the wanted variables are determined, or warns. It does
// without a duration that isn't.
func (f *Format) prove(vars *fieldVars, acceptAmbiguous bool) error {
	var wanted []int
	for _, v := range slices.Backward(vars[:]) { // the customer first
		if v >= 0 && !slices.Contains(wanted, v) {
			wanted = append(wanted, v)
		}
	}
	found, ok := f.tmpl.prove(wanted)
	if !ok {
		found = []ambiguity{{variable: 0}}
	} else if d := vars[fieldDuration]; slices.ContainsFunc(found, func(a ambiguity) bool { return a.variable == d }) {
		found = slices.DeleteFunc(found, func(a ambiguity) bool { return a.variable == d })
		vars[fieldDuration] = -1
		f.warn("the duration stands behind what clients send, so it can't be told for certain and a request is put in the hour in which it began; move %%DURATION%% forward, or log with json_format")
	}
	if len(found) == 0 {
		return nil
	}
	problem := "the format is too large to prove that its variables can be told apart"
	if ok {
		problem = f.tmpl.explain(found)
	}
	if !acceptAmbiguous {
		return errorAt(f.tmpl.vars[found[0].variable].line, "%s", problem)
	}
	f.warnings = append(f.warnings, "accepted as ambiguous: "+problem)
	return nil
}

// layOut makes the plan.
func (f *Format) layOut(vars fieldVars) {
	fields := make([]int, len(f.tmpl.vars))
	for i := range fields {
		fields[i] = -1
	}
	for k, v := range vars {
		if v >= 0 {
			fields[v] = k
			f.names[k] = f.tmpl.vars[v].name
		}
	}
	f.plan = newPlan(f.tmpl, fields)
	for k, v := range vars {
		if v >= 0 {
			f.at[k] = fields[v] // a variable that is wanted twice is cut once
			f.plain[k] = !f.tmpl.vars[v].open && !f.tmpl.vars[v].lang.bytes()['\\']
		}
	}
}

func chooseEscape(configured, pasted string) (escape, error) {
	if configured == "" {
		configured = pasted
	}
	if configured == "" {
		configured = "default"
	}
	i := slices.Index(escapeNames, configured)
	if i < 0 {
		return 0, fmt.Errorf("unknown escape %q; want %s, as in nginx's log_format", configured, strings.Join(escapeNames, ", "))
	}
	if pasted != "" && pasted != configured {
		return 0, fmt.Errorf("escape is %q, but the pasted log_format has escape=%s; leave one of them out", configured, pasted)
	}
	return escape(i), nil
}

// nginxFields picks the variables that a record is made of. A target as sent
// is better than $uri, which rewrites change, and better cut from the line by
// nginx than by us.
func (f *Format) nginxFields(t *template) fieldVars {
	var vars fieldVars
	for k := range vars {
		vars[k] = -1
	}
	if i := t.find("$status"); i >= 0 {
		vars[fieldStatus] = i
		t.vars[i].parsed = true
	}
	for _, c := range []struct {
		name string
		kind timeKind
	}{{"$msec", timeMsec}, {"$time_iso8601", timeISO}, {"$time_local", timeLocal}} {
		if i := t.find(c.name); i >= 0 {
			vars[fieldTime], f.time = i, c.kind
			t.vars[i].parsed = true
			break
		}
	}
	method, target := t.find("$request_method"), t.find("$request_uri")
	request, path := t.find("$request"), t.find("$uri", "$document_uri")
	switch {
	case request >= 0 && (method < 0 || target < 0):
		vars[fieldRequest] = request
	case target >= 0:
		vars[fieldMethod], vars[fieldTarget] = method, target
	default:
		vars[fieldMethod], vars[fieldPath] = method, path
	}
	return vars
}

// nginxCustomer returns the index of the variable that says who is billed, or
// -1 when name is empty.
func (t *template) nginxCustomer(name string) (int, error) {
	if name == "" {
		return -1, nil
	}
	plain := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(name, "$"), "{"), "}")
	i := t.find("$" + plain)
	switch {
	case i < 0:
		return -1, fmt.Errorf("the format has no variable %q; it has %s", name, strings.Join(t.names(), ", "))
	case !strings.HasPrefix(name, "$"):
		return -1, fmt.Errorf("%q is no variable; write %q", name, "$"+plain)
	}
	return i, nil
}
