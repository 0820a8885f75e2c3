package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// The database, key by key. Integers in keys are big-endian, so that keys sort
// by them; a window is stored with its sign bit turned, for the same reason.
//
//	key                          value                     written
//	m                            meta                      when the state is made; again when it is bound to an account
//	d word(4)                    a configured string       with the first value that uses the word
//	w window(4)                  header of a window        when its first line comes, when all of it is sealed, when it is pruned
//	n window(4) first(4)         customer names            with the commit that counts a customer for the first time in the window
//	c window(4) meter(4) block(4) totals of 256 customers  when sealed, and by turns as the ring comes round
//	b slot(1)                    batch of increments       by every commit that counts something; slot = seq mod 128
//	a window(4) source(4)        where lines went          by every commit that read lines
//	p source(4) id(8)            position                  by every commit, for the files that it read from
//	q source(4) id(8)            position                  by version 1 only: what s is now
//	r                            nothing                   while the writes under s are done
//	o window(4) hash(16) seq(4)  entry of the outbox       by Seal, Adjust, Attempt, Settle; deleted by Settle, Decide
//	l window(4) hash(16) seq(4)  entry of the ledger       by Settle, Decide; deleted 40 days later
//	u end(4) hash(16)            member of a unique meter  by the commit that counts it; deleted 40 days after its period's end
//	x id(8)                      refused line              by the commit that refuses it; deleted by Replay, or as the oldest of too many
//	y                            last id of a refused line by such a commit
//	j id(8)                      decision                  by Decide, Adjust; deleted 400 days later
//	k kind(4) name               document                  by PutDocuments
//	s key                        a write to that key       by a transaction that is larger than Badger's; see stage.go
//
// A customer is a number within a window: 0, 1, 2, … in the order of n. So a
// window is complete by itself, its totals are dense, and it goes away whole.
// Meters, sources, event names, payload keys and kinds of documents are words of
// the dictionary d.
//
// A total is the chunk that holds it plus the increments of every later batch.
// Before a batch's slot is written again, each chunk with increments in it is
// written anew, so the ring never loses any.
//
// Every value is an envelope:
//
//	format version (1) | payload | CRC-32C (4, little-endian)
//
// The checksum covers the state's own random identity, the key and everything
// before it in the value. So a value doesn't verify under another key or in
// another state. Only meta, which holds that identity, is summed without it.
//
// Versions. A payload only ever grows at its end, and a field that isn't there
// reads as zero, so this program reads the values of every version up to its
// own. Open raises a state by writing meta anew, before anything else: from then
// on an older program, which reads meta first, refuses it. The other values stay
// as they are until they are written for their own reasons. A crash at any point
// leaves a state of the old version or one of the new, and there is no migration
// that could stop half way.
//
//	1  as first written
//	2  rules in the accounting; adjustments, notes, releases and write-offs in
//	   entries; when a position finished; ids of Stripe's meters in meta; u x y j k s
const (
	prefixMeta       = 'm'
	prefixWord       = 'd'
	prefixHeader     = 'w'
	prefixNames      = 'n'
	prefixChunk      = 'c'
	prefixBatch      = 'b'
	prefixAccounting = 'a'
	prefixPosition   = 'p'
	prefixStaged     = 'q'
	prefixPromoting  = 'r'
	prefixOutbox     = 'o'
	prefixLedger     = 'l'
	prefixMember     = 'u'
	prefixRefusal    = 'x'
	prefixLastID     = 'y'
	prefixDecision   = 'j'
	prefixDocument   = 'k'
	prefixWrite      = 's'
)

const (
	// formatVersion rises with every change of a key or a payload.
	formatVersion = 2

	// ringSlots is how many batches are kept. The more there are, the less
	// often a chunk is written and the more a start has to replay.
	ringSlots = 128

	// blockRows is the number of customers in a chunk of totals.
	blockRows = 256

	envelopeBytes = 1 + 4
)

// ErrDamaged is wrapped by errors about a state that can't be read as it was
// written. Nothing is guessed: usage is never reported from such a state.
var ErrDamaged = errors.New("the state is damaged")

// ErrFormat is wrapped by the error about a state that another version of the
// program wrote and that this one can't read.
var ErrFormat = errors.New("the state has another format")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stateID is the random identity of one state, made when it is.
type stateID [16]byte

// appendEnvelope appends the value under which payload is stored at key.
func appendEnvelope(dst []byte, id stateID, key, payload []byte) []byte {
	start := len(dst)
	dst = append(dst, formatVersion)
	dst = append(dst, payload...)
	return binary.LittleEndian.AppendUint32(dst, checksum(id, key, dst[start:]))
}

// openEnvelope returns the payload of a value read from key, aliasing value.
func openEnvelope(id stateID, key, value []byte) ([]byte, error) {
	if len(value) < envelopeBytes {
		return nil, fmt.Errorf("%w: %s: a value of %d bytes is cut short", ErrDamaged, keyString(key), len(value))
	}
	body, sum := value[:len(value)-4], binary.LittleEndian.Uint32(value[len(value)-4:])
	if checksum(id, key, body) != sum {
		return nil, fmt.Errorf("%w: %s: the checksum doesn't fit", ErrDamaged, keyString(key))
	}
	if body[0] == 0 || body[0] > formatVersion {
		return nil, fmt.Errorf("%w: %s: version %d; this program reads versions 1 to %d\n"+
			"  hint: use the version of logmeter that wrote it, or a later one", ErrFormat, keyString(key), body[0], formatVersion)
	}
	return body[1:], nil
}

func checksum(id stateID, key, body []byte) uint32 {
	var sum uint32
	if len(key) != 1 || key[0] != prefixMeta {
		sum = crc32.Update(sum, castagnoli, id[:])
	}
	sum = crc32.Update(sum, castagnoli, key)
	return crc32.Update(sum, castagnoli, body)
}
