package parsers

import (
	"github.com/logmeter/logmeter/agent"
)

// parser reads the lines of a text format. The buffers hold what isn't in the
// line as it stands; they keep their memory from line to line.
type parser struct {
	f        *Format
	clock    clock
	spans    [fieldCount]span
	memory   memory
	request  []byte // decoded request, target or path
	method   []byte
	path     []byte
	customer []byte
}

// Parse implements agent.Parser.
func (p *parser) Parse(line []byte, rec *agent.Record) error {
	f := p.f
	if err := f.plan.cut(line, p.spans[:], &p.memory); err != nil {
		return err
	}
	*rec = agent.Record{}
	if f.time != timeNone {
		var ok bool
		if rec.Time, ok = p.time(p.field(line, fieldTime)); !ok {
			return refusedTime
		}
	}
	if f.vars[fieldStatus] >= 0 {
		var ok bool
		if rec.Status, ok = parseStatus(p.field(line, fieldStatus)); !ok {
			return refusedStatus
		}
	}
	if err := p.route(line, rec); err != nil {
		return err
	}
	if f.vars[fieldCustomer] >= 0 {
		c, err := p.text(line, fieldCustomer, &p.customer)
		if err != nil {
			return err
		}
		rec.Customer = customerOf(c)
	}
	return nil
}

// route fills Method, Target and Path. A request that the proxy refused as
// malformed leaves them nil; that is no fault of the line.
func (p *parser) route(line []byte, rec *agent.Record) *agent.Refused {
	f := p.f
	switch {
	case f.vars[fieldRequest] >= 0:
		req, err := p.text(line, fieldRequest, &p.request)
		if err != nil {
			return err
		}
		if method, target, ok := splitRequest(req, rec.Status); ok {
			rec.Method, rec.Target = method, target
		}
	case f.vars[fieldTarget] >= 0, f.vars[fieldPath] >= 0, f.vars[fieldMethod] >= 0:
		return p.routeParts(line, rec)
	}
	p.normalize(rec)
	return nil
}

// routeParts is route for a format that has the method and the target, or the
// path, as variables of their own.
func (p *parser) routeParts(line []byte, rec *agent.Record) *agent.Refused {
	f := p.f
	wellFormed := true
	if f.vars[fieldMethod] >= 0 {
		m, err := p.text(line, fieldMethod, &p.method)
		if err != nil {
			return err
		}
		if wellFormed = isMethod(m); wellFormed {
			rec.Method = m
		}
	}
	k := fieldTarget
	if f.vars[k] < 0 {
		k = fieldPath
	}
	if f.vars[k] < 0 {
		return nil
	}
	t, err := p.text(line, k, &p.request)
	if err != nil || !wellFormed {
		return err
	}
	if isAbsent(t) {
		if isAbsent(rec.Method) {
			rec.Method = nil
		}
		return nil
	}
	rec.Target = t
	if k == fieldTarget {
		if !servedTarget(t, rec.Status) {
			rec.Method, rec.Target = nil, nil
		}
		p.normalize(rec)
	} else if t[0] == '/' {
		rec.Path = t
	}
	return nil
}

func (p *parser) normalize(rec *agent.Record) {
	if n := plainPath(rec.Target); n >= 0 {
		rec.Path = rec.Target[:n]
		return
	}
	var ok bool
	if p.path, ok = NormalizeNginx(p.path[:0], rec.Target); ok {
		rec.Path = p.path
	}
}

// field returns a field as printed.
func (p *parser) field(line []byte, k field) []byte {
	s := p.spans[p.f.spans[k]]
	return line[s.from:s.to]
}

// text returns a field with its escapes decoded, in the line when it has none,
// else in buf.
func (p *parser) text(line []byte, k field, buf *[]byte) ([]byte, *agent.Refused) {
	printed := p.field(line, k)
	switch flagsOf(printed, p.f.flags) {
	case 0:
		return printed, nil
	case flagEscape:
		var ok bool
		if *buf, ok = p.f.escape.decode((*buf)[:0], printed); !ok {
			return nil, refusedEscape
		}
		return *buf, nil
	}
	return nil, refusedByte
}

func (p *parser) time(b []byte) (millis int64, ok bool) {
	switch p.f.time {
	case timeMsec:
		return parseMsec(b)
	case timeISO:
		return p.clock.iso(b)
	}
	return p.clock.local(b)
}

func parseStatus(b []byte) (int, bool) {
	if len(b) != 3 || !isDigit(b[0]) || !isDigit(b[1]) || !isDigit(b[2]) {
		return 0, false
	}
	return int(b[0]-'0')*100 + int(b[1]-'0')*10 + int(b[2]-'0'), true
}

// isAbsent reports whether a value is what nginx prints when there is none.
// A client who sends a dash can't be told from one who sends nothing.
func isAbsent(b []byte) bool { return len(b) == 0 || len(b) == 1 && b[0] == '-' }

// customerOf trims the blanks and tabs that HTTP/2 leaves around a header and
// that a back end trims. It returns nil when there is no customer.
func customerOf(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	if isAbsent(b) {
		return nil
	}
	return b
}
