package checkpoint

import (
	"encoding/binary"
	"iter"

	"github.com/dgraph-io/badger/v4"

	"github.com/logmeter/logmeter/agent"
)

// append adds decisions to the audit trail and commits t with w.
func (s *Store) append(t *txn, w *writes, decisions []agent.Decision) error {
	if s.decided == nil {
		last := s.lastNumber(prefixDecision)
		s.decided = &last
	}
	for i := range decisions {
		*s.decided++
		d := &decisions[i]
		w.put(numberedKey(prefixDecision, *s.decided), appendDecision(nil, d, t.word(d.Meter)))
	}
	return t.commitWith(w)
}

// lastNumber returns the highest number under a prefix, 0 when there is none.
func (s *Store) lastNumber(prefix byte) uint64 {
	view := s.db.NewTransaction(false)
	defer view.Discard()
	it := view.NewIterator(badger.IteratorOptions{Reverse: true, Prefix: []byte{prefix}})
	defer it.Close()
	if it.Seek(numberedKey(prefix, 1<<64-1)); it.Valid() {
		return keyNumber(it.Item().Key())
	}
	return 0
}

// Decisions implements agent.Books.
func (s *Store) Decisions() iter.Seq2[agent.Decision, error] {
	return each(s, []byte{prefixDecision}, nil, func(v view, key, payload []byte) (agent.Decision, bool, error) {
		d, err := v.decision(key, payload)
		return d, true, err
	})
}

func (v view) decision(key, payload []byte) (agent.Decision, error) {
	d, meter, err := decodeDecision(key, payload)
	if err == nil {
		d.Meter, err = v.dict.word(key, meter)
	}
	return d, err
}

func appendDecision(dst []byte, d *agent.Decision, meter uint32) []byte {
	dst = appendVarint(dst, d.At)
	dst = appendString(dst, clip(d.By))
	dst = appendString(dst, clip(d.Action))
	dst = appendString(dst, clip(d.Reason))
	dst = binary.AppendUvarint(dst, uint64(meter))
	dst = appendString(dst, d.Customer)
	dst = appendVarint(dst, int64(d.Window))
	dst = binary.AppendUvarint(dst, uint64(d.Seq))
	return appendVarint(dst, d.Value)
}

// decodeDecision leaves the meter, which a word stands for, to its caller.
func decodeDecision(key, payload []byte) (d agent.Decision, meter uint32, err error) {
	r := reader{b: payload}
	d.At = r.varint()
	d.By, d.Action, d.Reason = r.string(), r.string(), r.string()
	meter = r.uint32()
	d.Customer = r.string()
	w := r.varint()
	d.Window = agent.Window(w)
	d.Seq = r.uint32()
	d.Value = r.varint()
	if int64(d.Window) != w {
		r.fail()
	}
	return d, meter, r.err(key)
}
