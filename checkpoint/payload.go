package checkpoint

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/logmeter/logmeter/agent"
)

// The payloads are sequences of varints and of byte strings with their length
// before them. Each has an append function and a decode function; both walk
// the fields in the same order, so read them side by side. What a later version
// of the format has more stands at the end, behind reader.more.

// reader takes a payload apart. After the first thing that can't be read, all
// that follows reads as zero and bad is set.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail() { r.b, r.bad = nil, true }

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *reader) uint32() uint32 {
	v := r.uvarint()
	if v > math.MaxUint32 {
		r.fail()
		return 0
	}
	return uint32(v)
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) fixed64() uint64 {
	if len(r.b) < 8 {
		r.fail()
		return 0
	}
	v := binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

// bytes returns the next byte string, which aliases the payload.
func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	s := r.b[:n:n]
	r.b = r.b[n:]
	return s
}

func (r *reader) string() string { return string(r.bytes()) }

// more reports whether anything follows: the fields of a later version.
func (r *reader) more() bool { return len(r.b) > 0 }

// err says whether the payload of key was read whole, with nothing left over.
func (r *reader) err(key []byte) error {
	if r.bad || len(r.b) > 0 {
		return fmt.Errorf("%w: %s: the value isn't understood", ErrDamaged, keyString(key))
	}
	return nil
}

func appendVarint(dst []byte, v int64) []byte {
	return binary.AppendUvarint(dst, uint64(v)<<1^uint64(v>>63))
}

func appendString[T string | []byte](dst []byte, s T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// meta names the state and what it is bound to.
type meta struct {
	id       stateID
	created  int64 // Unix seconds
	instance string
	account  string // "" until bound
	live     bool
	// meters holds the id of Stripe's meter for each event name that it is
	// known of. It isn't changed once it is here, only replaced.
	meters map[string]string
}

func appendMeta(dst []byte, m meta) []byte {
	dst = append(dst, m.id[:]...)
	dst = appendVarint(dst, m.created)
	dst = appendString(dst, m.instance)
	dst = appendString(dst, m.account)
	dst = appendBool(dst, m.live)
	dst = binary.AppendUvarint(dst, uint64(len(m.meters)))
	for _, event := range slices.Sorted(maps.Keys(m.meters)) {
		dst = appendString(appendString(dst, event), m.meters[event])
	}
	return dst
}

func decodeMeta(key, payload []byte) (meta, error) {
	var m meta
	r := reader{b: payload}
	for i := range m.id {
		m.id[i] = r.byte()
	}
	m.created = r.varint()
	m.instance = r.string()
	m.account = r.string()
	m.live = r.byte() == 1
	if r.more() {
		m.meters = make(map[string]string)
		for n := r.uvarint(); n > 0 && !r.bad; n-- {
			event := r.string()
			m.meters[event] = r.string()
		}
	}
	return m, r.err(key)
}

// header says where a window stands in its life.
type header struct {
	stage stage
	// since is the first batch whose increments may belong to this window.
	// Older ones are of a life of the window that ended by pruning.
	since uint64
	// floor is the highest seq that any row of the window had when it was
	// pruned. Rows that come later start above, so no identifier is used twice.
	floor uint32
}

type stage uint8

const (
	stageOpen    stage = 1 // has, or may have, usage that isn't sealed
	stageSealed  stage = 2 // all usage is sealed
	stagePruning stage = 3 // its names and totals are being deleted
	stagePruned  stage = 4 // they are gone
)

func appendHeader(dst []byte, h header) []byte {
	dst = append(dst, byte(h.stage))
	dst = binary.AppendUvarint(dst, h.since)
	return binary.AppendUvarint(dst, uint64(h.floor))
}

func decodeHeader(key, payload []byte) (header, error) {
	r := reader{b: payload}
	h := header{stage: stage(r.byte()), since: r.uvarint(), floor: r.uint32()}
	if h.stage < stageOpen || h.stage > stagePruned {
		r.fail()
	}
	return h, r.err(key)
}

// row is the usage of one meter and customer in a window.
type row struct {
	total    uint64
	reported uint64 // of total, sealed into the outbox; never more than total
	seq      uint32 // of the last entry sealed; 0 = none
	minute   uint8  // of the latest line counted since then
}

func (r *row) pending() uint64 { return r.total - r.reported }

// appendRows appends the payload of a chunk: the last batch that is in it, and
// the rows that aren't empty.
func appendRows(dst []byte, seq uint64, rows []row) []byte {
	dst = binary.AppendUvarint(dst, seq)
	next := 0
	for i := range rows {
		r := &rows[i]
		if *r == (row{}) {
			continue
		}
		dst = binary.AppendUvarint(dst, uint64(i-next))
		dst = binary.AppendUvarint(dst, r.pending())
		dst = binary.AppendUvarint(dst, r.reported)
		dst = binary.AppendUvarint(dst, uint64(r.seq))
		if r.pending() > 0 {
			dst = append(dst, r.minute)
		}
		next = i + 1
	}
	return dst
}

func decodeRows(key, payload []byte, rows *[blockRows]row) (seq uint64, err error) {
	r := reader{b: payload}
	seq = r.uvarint()
	for next := uint64(0); len(r.b) > 0; next++ {
		next += min(r.uvarint(), blockRows)
		if next >= blockRows {
			r.fail()
			break
		}
		pending, reported := r.uvarint(), r.uvarint()
		to := &rows[next]
		to.total, to.reported, to.seq = pending+reported, reported, r.uint32()
		if pending > 0 {
			to.minute = r.byte()
		}
		if to.total < reported || to.minute > 59 {
			r.fail()
		}
	}
	return seq, r.err(key)
}

// appendAccounting writes the lines that are not billable twice: all of them,
// which is what version 1 has, and by rule.
func appendAccounting(dst []byte, a agent.Accounting) []byte {
	for _, n := range []uint64{a.Lines, a.Billed, a.NotBillable(), a.NoCustomer, a.Refused, uint64(len(a.Rules))} {
		dst = binary.AppendUvarint(dst, n)
	}
	for _, n := range a.Rules {
		dst = binary.AppendUvarint(dst, n)
	}
	return dst
}

func decodeAccounting(key, payload []byte) (agent.Accounting, error) {
	r := reader{b: payload}
	a := agent.Accounting{Lines: r.uvarint(), Billed: r.uvarint()}
	notBillable := r.uvarint()
	a.NoCustomer, a.Refused = r.uvarint(), r.uvarint()
	if !r.more() {
		a.Rules[agent.RulePath] = notBillable // the rule isn't known
		return a, r.err(key)
	}
	if n := r.uvarint(); n > uint64(len(a.Rules)) {
		r.fail()
	} else {
		for i := range n {
			a.Rules[i] = r.uvarint()
		}
	}
	if a.NotBillable() != notBillable {
		r.fail()
	}
	return a, r.err(key)
}

// appendPosition leaves out the ID, which is in the key.
func appendPosition(dst []byte, p *agent.Position) []byte {
	dst = appendString(dst, p.Path)
	dst = binary.AppendUvarint(dst, p.Device)
	dst = binary.AppendUvarint(dst, p.Inode)
	dst = appendVarint(dst, p.Birth)
	dst = appendVarint(dst, p.Offset)
	dst = appendString(dst, p.Head)
	dst = appendString(dst, p.Mark)
	dst = binary.AppendUvarint(dst, uint64(len(p.Past)))
	for _, place := range p.Past {
		dst = appendVarint(dst, place.Offset)
		dst = binary.LittleEndian.AppendUint64(dst, place.Sum)
	}
	dst = appendBool(dst, p.Done)
	return appendVarint(dst, p.Finished)
}

func decodePosition(key, payload []byte) (agent.Position, error) {
	r := reader{b: payload}
	p := agent.Position{
		ID:     binary.BigEndian.Uint64(key[5:]),
		Path:   r.string(),
		Device: r.uvarint(),
		Inode:  r.uvarint(),
		Birth:  r.varint(),
		Offset: r.varint(),
		Head:   append([]byte(nil), r.bytes()...),
		Mark:   append([]byte(nil), r.bytes()...),
	}
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		p.Past = append(p.Past, agent.Place{Offset: r.varint(), Sum: r.fixed64()})
	}
	p.Done = r.byte() == 1
	if r.more() {
		p.Finished = r.varint()
	}
	return p, r.err(key)
}
