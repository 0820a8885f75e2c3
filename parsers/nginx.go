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
	f.setText(t)
	w := f.nginxFields(t)
	if err := f.askText(&w, "variable", s); err != nil {
		errs = append(errs, unjoin(err)...)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return f.compileText(w, s)
}

// setText makes the format that of a template.
func (f *Format) setText(t *template) {
	f.tmpl, f.flags, f.all = t, f.escape.flags(), t.names()
}

// askText adds to w what the Spec asks for by name. what is how the format
// calls its variables.
func (f *Format) askText(w *wants, what string, s *Spec) error {
	find := func(key, name string) (int, error) {
		i := f.tmpl.find(canonical(name))
		if i < 0 && name != "" {
			return -1, specError(key, f.lacks(what, name))
		}
		return i, nil
	}
	var err error
	w.record[fieldCustomer], err = find("customer", s.Customer)
	errs := unjoin(err)
	for _, name := range s.Fields {
		i, err := find("fields", name)
		w.fields, errs = append(w.fields, i), append(errs, unjoin(err)...)
	}
	return errors.Join(errs...)
}

// compileText finishes a text format whose variables have their languages.
func (f *Format) compileText(w wants, s *Spec) error {
	for k, v := range w.record {
		if v >= 0 {
			f.names[k] = f.tmpl.vars[v].name
		}
	}
	if !s.Host {
		w.record[fieldHost] = -1
	}
	narrowed, err := f.tmpl.narrow(s.Charset)
	if err != nil {
		return specError("charset", err)
	}
	f.assumptions = append(f.assumptions, narrowed...)
	if err := f.prove(&w, s.AcceptAmbiguous); err != nil {
		return specError(f.kind, err)
	}
	f.layOut(w)
	return nil
}

// prove makes sure that the wanted variables are determined, or warns. It does
// without a duration that isn't, unless it is billed.
func (f *Format) prove(w *wants, acceptAmbiguous bool) error {
	found, ok := f.tmpl.prove(w.indices())
	if !ok {
		found = []ambiguity{{variable: 0}}
	} else if d := w.record[fieldDuration]; !slices.Contains(w.fields, d) &&
		slices.ContainsFunc(found, func(a ambiguity) bool { return a.variable == d }) {
		found = slices.DeleteFunc(found, func(a ambiguity) bool { return a.variable == d })
		w.record[fieldDuration] = -1
		f.warn(f.kind, "the duration stands behind what clients send, so it can't be told for certain and a request is put in the hour in which it began",
			"move %DURATION% forward, or log with json_format")
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
	f.warn("accept_ambiguous", "BILLS CAN BE WRONG, and callers can make them so: "+problem, "mend the log's format and take this line out before you bill")
	return nil
}

// layOut makes the plan.
func (f *Format) layOut(w wants) {
	indices := w.indices()
	slots := make([]int, len(f.tmpl.vars))
	for i := range slots {
		slots[i] = slices.Index(indices, i)
	}
	f.plan, f.slots = newPlan(f.tmpl, slots), w.slotted(indices)
	for _, i := range indices {
		v := &f.tmpl.vars[i]
		f.plain = append(f.plain, !v.open && !v.lang.bytes()['\\'])
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
func (f *Format) nginxFields(t *template) wants {
	w := nothingWanted()
	vars := &w.record
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
	vars[fieldHost] = t.find("$host", "$http_host", "$server_name")
	return w
}
