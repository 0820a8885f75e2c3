package checkpoint

import (
	"bufio"
	"fmt"
	"io"

	"github.com/logmeter/logmeter/agent"
)

// Dump writes every key of the database and what its value says as a line of
// text, in the order of the keys. A value that can't be read is a line that
// says so, and Dump goes on; it then returns the first such error at the end.
func (s *Store) Dump(w io.Writer) error {
	v, err := s.view()
	if err != nil {
		return err
	}
	defer s.done(v)
	out := bufio.NewWriter(w)
	var first error
	it := v.iterator(nil)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		key := it.Item().KeyCopy(nil)
		var text string
		value, err := it.Item().ValueCopy(nil)
		if err == nil {
			text, err = s.describe(v, key, value)
		}
		if err != nil {
			text = "unreadable: " + err.Error()
			if first == nil {
				first = err
			}
		}
		fmt.Fprintf(out, "%s: %s\n", keyString(key), text)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("dump the state: %w", err)
	}
	return first
}

// describe writes a value for people.
func (s *Store) describe(v view, key, value []byte) (string, error) {
	if !wholeKey(key) {
		return "", fmt.Errorf("%w: %s isn't a key of this format", ErrDamaged, keyString(key))
	}
	payload, err := openEnvelope(s.meta.id, key, value)
	if err != nil {
		return "", err
	}
	switch key[0] {
	case prefixMeta:
		m, err := decodeMeta(key, payload)
		return fmt.Sprintf("instance %q, account %q, %s mode, meters %v, made at %d", m.instance, m.account, mode(m.live), m.meters, m.created), err
	case prefixWord:
		return fmt.Sprintf("%q", payload), nil
	case prefixHeader:
		h, err := decodeHeader(key, payload)
		return fmt.Sprintf("%s since batch %d, seq floor %d", h.stage, h.since, h.floor), err
	case prefixNames:
		r := reader{b: payload}
		var names []string
		for len(r.b) > 0 {
			names = append(names, r.string())
		}
		return fmt.Sprintf("%q", names), r.err(key)
	case prefixChunk:
		var rows [blockRows]row
		seq, err := decodeRows(key, payload, &rows)
		text := fmt.Appendf(nil, "up to batch %d:", seq)
		for i, r := range rows {
			if r != (row{}) {
				text = fmt.Appendf(text, " %d=%d/%d#%d@%d", i, r.reported, r.total, r.seq, r.minute)
			}
		}
		return string(text), err
	case prefixBatch:
		b, err := decodeBatch(key, payload)
		if err != nil {
			return "", err
		}
		text := fmt.Appendf(nil, "batch %d, more %t:", b.seq, b.more)
		err = b.each(func(inc increment) error {
			text = fmt.Appendf(text, " %s/%d/%d+%d@%d", inc.window, inc.meter, inc.customer, inc.value, inc.minute)
			return nil
		})
		return string(text), err
	case prefixAccounting:
		a, err := decodeAccounting(key, payload)
		return fmt.Sprintf("lines %d = billed %d + not billable %d %v + no customer %d + refused %d", a.Lines, a.Billed, a.NotBillable(), a.Rules, a.NoCustomer, a.Refused), err
	case prefixPromoting, prefixMember:
		return "", nil
	case prefixWrite:
		x, err := decodeWrite(key, payload)
		if err != nil || x.remove {
			return "remove", err
		}
		return fmt.Sprintf("put %x", x.payload), nil
	case prefixLastID:
		r := reader{b: payload}
		return fmt.Sprint(r.uvarint()), r.err(key)
	case prefixRefusal:
		f, source, err := decodeRefusal(key, payload)
		return fmt.Sprintf("of source %d in %s at %d: %q offset %d: %s: %q of %d bytes", source, f.Window, f.At, f.Path, f.Offset, f.Reason, f.Line, f.Size), err
	case prefixDecision:
		d, err := v.decision(key, payload)
		return fmt.Sprintf("%d %q %s %q: %s %q %s seq %d value %d", d.At, d.By, d.Action, d.Reason, d.Meter, d.Customer, d.Window, d.Seq, d.Value), err
	case prefixDocument:
		return fmt.Sprintf("%q", payload), nil
	case prefixPosition, prefixStaged:
		p, err := decodePosition(key, payload)
		return fmt.Sprintf("%q offset %d device %d inode %d birth %d head %x mark %x past %v done %t finished %d", p.Path, p.Offset, p.Device, p.Inode, p.Birth, p.Head, p.Mark, p.Past, p.Done, p.Finished), err
	}
	e, err := s.readEntry(&v.dict, key, payload)
	return describeEntry(&e), err
}

func describeEntry(e *agent.Entry) string {
	return fmt.Sprintf("%s %q value %d minute %d %s %s event %q account %q keys %q %q time %d attempts %d %d..%d not before %d epoch %d unknown %t duplicate %t absent %d settled %d request %q reason %q adjustment %t released %t note %q",
		e.Meter, e.Customer, e.Value, e.Minute, e.State, e.Identifier, e.EventName, e.Account, e.CustomerKey, e.ValueKey, e.Timestamp,
		e.Attempts, e.FirstAttempt, e.LastAttempt, e.NotBefore, e.KeyEpoch, e.Unknown, e.Duplicate, e.AbsentSince, e.Settled, e.RequestID, e.Reason, e.Adjustment, e.Released, e.Note)
}

func (s stage) String() string {
	switch s {
	case stageOpen:
		return "open"
	case stageSealed:
		return "sealed"
	case stagePruning:
		return "being pruned"
	case stagePruned:
		return "pruned"
	}
	return fmt.Sprintf("stage %d", uint8(s))
}
