package checkpoint

import (
	"encoding/binary"

	"github.com/logmeter/logmeter/agent"
)

// A batch is what one commit counted: its seq, whether more batches of the
// same commit follow, and groups of increments, one group for each window and
// meter. Within a group customers are delta-coded and a minute is written only
// where it isn't the group's. In a commit per second nearly all rows are of
// one minute, and a row takes two to four bytes.
//
//	batch     = seq more group*
//	group     = window meter minute increment* 0
//	increment = 1+zigzag(customer - the one before) value<<1|own [minute]

// batchWriter builds the payload of one batch.
type batchWriter struct {
	buf    []byte
	at     int // where the more flag stands
	open   bool
	last   uint32
	minute uint8
}

func (b *batchWriter) reset(seq uint64) {
	*b = batchWriter{buf: binary.AppendUvarint(b.buf[:0], seq)}
	b.at = len(b.buf)
	b.buf = append(b.buf, 0)
}

func (b *batchWriter) begin(w agent.Window, meter uint32, minute uint8) {
	b.end()
	b.buf = appendVarint(b.buf, int64(w))
	b.buf = binary.AppendUvarint(b.buf, uint64(meter))
	b.buf = append(b.buf, minute)
	b.open, b.last, b.minute = true, 0, minute
}

func (b *batchWriter) add(customer uint32, value uint64, minute uint8) {
	delta := int64(customer) - int64(b.last)
	b.last = customer
	b.buf = binary.AppendUvarint(b.buf, (uint64(delta)<<1^uint64(delta>>63))+1)
	if minute == b.minute {
		b.buf = binary.AppendUvarint(b.buf, value<<1)
		return
	}
	b.buf = append(binary.AppendUvarint(b.buf, value<<1|1), minute)
}

func (b *batchWriter) end() {
	if b.open {
		b.buf = append(b.buf, 0)
		b.open = false
	}
}

// more says that another batch of the same commit follows.
func (b *batchWriter) more() { b.buf[b.at] = 1 }

// increment is one row of a batch.
type increment struct {
	window   agent.Window
	meter    uint32 // word
	customer uint32 // number within the window
	value    uint64
	minute   uint8
}

// batch is the payload of one slot of the ring.
type batch struct {
	seq    uint64
	more   bool // the next batch is of the same commit
	groups []byte
}

func decodeBatch(key, payload []byte) (batch, error) {
	r := reader{b: payload}
	b := batch{seq: r.uvarint()}
	more := r.byte()
	b.more, b.groups = more == 1, r.b
	if more > 1 || b.seq == 0 || b.seq%ringSlots != uint64(key[1]) {
		r.fail()
	}
	r.b = nil
	return b, r.err(key)
}

// each calls apply for every increment.
func (b *batch) each(apply func(increment) error) error {
	r := reader{b: b.groups}
	for len(r.b) > 0 {
		w := r.varint()
		inc := increment{window: agent.Window(w), meter: r.uint32()}
		minute := r.byte()
		if int64(inc.window) != w {
			r.fail()
		}
		for customer := int64(0); ; {
			step := r.uvarint()
			if step == 0 {
				break // also when the payload can't be read
			}
			step--
			customer += int64(step>>1) ^ -int64(step&1)
			value := r.uvarint()
			inc.value, inc.minute = value>>1, minute
			if value&1 == 1 {
				inc.minute = r.byte()
			}
			if customer < 0 || customer > 1<<32-1 || inc.minute > 59 || inc.value == 0 {
				r.fail()
			}
			if r.bad {
				break
			}
			inc.customer = uint32(customer)
			if err := apply(inc); err != nil {
				return err
			}
		}
	}
	return r.err(batchKey(b.seq))
}
