package parsers

import (
	"github.com/logmeter/logmeter/agent"
)

// parser reads the lines of one format. The buffers hold what isn't in the
// line as it stands; they keep their memory from line to line.
type parser struct {
	f        *Format
	clock    clock
	spans    []span // by slot
	memory   memory
	scan     *jsonScan // for a format of JSON
	request  []byte    // decoded request, target or path
	method   []byte
	path     []byte
	host     []byte
	customer []byte
	scratch  []byte
	// fields is what Record.Fields is, fieldBufs what of it was decoded.
	fields, fieldBufs [][]byte
}

// Parse implements agent.Parser.
func (p *parser) Parse(line []byte, rec *agent.Record) error {
	f := p.f
	if f.json != nil {
		if err := p.scan.scan(line); err != nil {
			return err
		}
	} else if err := f.plan.cut(line, p.spans, &p.memory); err != nil {
		return err
	}
	if f.slots.record[fieldLogType] >= 0 {
		if kind, err := p.text(line, fieldLogType, &p.scratch); err != nil {
			return err
		} else if !isAbsent(kind) && string(kind) != "DownstreamEnd" && string(kind) != "NotSet" {
			return agent.ErrSkip
		}
	}
	*rec = agent.Record{}
	if err := p.time(line, rec); err != nil {
		return err
	}
	if f.slots.record[fieldStatus] >= 0 {
		s, err := p.text(line, fieldStatus, &p.scratch)
		if err != nil {
			return err
		}
		var ok bool
		if rec.Status, ok = f.parseStatus(s); !ok {
			return refusedStatus
		}
	}
	if err := p.route(line, rec); err != nil {
		return err
	}
	if f.slots.record[fieldCustomer] >= 0 {
		c, err := p.text(line, fieldCustomer, &p.customer)
		if err != nil {
			return err
		}
		rec.Customer = customerOf(c)
	}
	if f.slots.record[fieldHost] >= 0 {
		h, err := p.text(line, fieldHost, &p.host)
		if err != nil {
			return err
		}
		rec.Host, p.host = hostOf(h, p.host)
	}
	if len(p.fields) > 0 {
		return p.others(line, rec)
	}
	return nil
}

// others fills Fields.
func (p *parser) others(line []byte, rec *agent.Record) error {
	for i, slot := range p.f.slots.fields {
		p.fields[i] = nil
		if slot < 0 {
			continue
		}
		var v []byte
		var err *agent.Refused
		if p.f.json != nil {
			v, err = p.scan.field(slot, &p.fieldBufs[i])
		} else {
			v, err = p.printed(line, slot, &p.fieldBufs[i])
		}
		if err != nil {
			return err
		}
		if !isAbsent(v) {
			p.fields[i] = v
		}
	}
	rec.Fields = p.fields
	return nil
}

// time fills Time, which is when the request ended.
func (p *parser) time(line []byte, rec *agent.Record) *agent.Refused {
	f := p.f
	if f.time == timeNone {
		return nil
	}
	b, err := p.text(line, fieldTime, &p.scratch)
	if err != nil {
		return err
	}
	var ok bool
	switch f.time {
	case timeMsec:
		rec.Time, ok = parseMsec(b)
	case timeISO:
		rec.Time, ok = p.clock.iso(b)
	case timeLocal:
		rec.Time, ok = p.clock.local(b)
	case timeAny:
		rec.Time, ok = p.clock.any(b)
	case timeLayout:
		rec.Time, ok = f.clock.parse(b)
	}
	if !ok {
		return refusedTime
	}
	if f.slots.record[fieldDuration] >= 0 {
		d, err := p.text(line, fieldDuration, &p.scratch)
		if err != nil {
			return err
		}
		millis, ok := parseDuration(d)
		if !ok {
			return refusedTime
		}
		rec.Time += millis
	}
	return nil
}

// route fills Method, Target and Path. A request that the proxy refused as
// malformed leaves them nil; that is no fault of the line.
func (p *parser) route(line []byte, rec *agent.Record) *agent.Refused {
	f := p.f
	if f.slots.record[fieldRequest] < 0 {
		return p.routeParts(line, rec)
	}
	req, err := p.text(line, fieldRequest, &p.request)
	if err != nil {
		return err
	}
	if method, target, ok := splitRequest(req, rec.Status); ok {
		rec.Method, rec.Target = method, target
		p.normalize(rec)
	}
	return nil
}

// routeParts is route for a format that has the method and the target, or the
// path, each as a variable.
func (p *parser) routeParts(line []byte, rec *agent.Record) *agent.Refused {
	f := p.f
	wellFormed := true
	if f.slots.record[fieldMethod] >= 0 {
		m, err := p.text(line, fieldMethod, &p.method)
		if err != nil {
			return err
		}
		// nginx answers 400 to any other method, Envoy routes it.
		if wellFormed = isMethod(m) || !f.byNginx; wellFormed {
			rec.Method = m
		}
	}
	k := fieldTarget
	if f.slots.record[k] < 0 {
		k = fieldPath
	}
	if f.slots.record[k] < 0 {
		return nil
	}
	t, err := p.text(line, k, &p.request)
	if err != nil || !wellFormed {
		return err
	}
	switch {
	case isAbsent(t):
		if isAbsent(rec.Method) {
			rec.Method = nil
		}
	case k == fieldPath:
		if rec.Target = t; t[0] == '/' {
			rec.Path = t
		}
	case f.byNginx && !servedTarget(t, rec.Status):
		rec.Method = nil
	default:
		rec.Target = t
		p.normalize(rec)
	}
	return nil
}

func (p *parser) normalize(rec *agent.Record) {
	switch p.f.mode {
	case pathEnvoy:
		rec.Path = envoyPath(rec.Target)
		return
	case pathRaw:
		rec.Path = rawPath(rec.Target)
		return
	}
	if n := plainPath(rec.Target); n >= 0 {
		rec.Path = rec.Target[:n]
		return
	}
	var ok bool
	if p.path, ok = NormalizeNginx(p.path[:0], rec.Target); ok {
		rec.Path = p.path
	} else if string(rec.Method) == "CONNECT" && rec.Status != 400 && isAuthority(rec.Target) {
		rec.Path = slash // as nginx routes it since 1.29; before, it answered 400
	}
}

// text returns a part of the record with its escapes decoded, in the line when
// it has none, else in buf.
func (p *parser) text(line []byte, k field, buf *[]byte) ([]byte, *agent.Refused) {
	slot := p.f.slots.record[k]
	if p.f.json != nil {
		return p.scan.text(slot, buf)
	}
	return p.printed(line, slot, buf)
}

// printed is text for a slot of a text format.
func (p *parser) printed(line []byte, slot int, buf *[]byte) ([]byte, *agent.Refused) {
	s := p.spans[slot]
	printed := line[s.from:s.to]
	if p.f.plain[slot] || p.f.escape.surelyPlain(printed) {
		return printed, nil
	}
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
