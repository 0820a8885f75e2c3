package checkpoint

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/logmeter/logmeter/agent"
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
//	q source(4) id(8)            position                  by a commit with very many of them; see stage.go
//	r                            source                    by such a commit; while it is there, q is moved to p
//	o window(4) hash(16) seq(4)  entry of the outbox       by Seal, Attempt, Settle; deleted by Settle
//	l window(4) hash(16) seq(4)  entry of the ledger       by Settle; deleted 40 days later
//
// A customer is a number within a window: 0, 1, 2, … in the order of n. So a
// window is complete by itself, its totals are dense, and it goes away whole.
// Meters, sources, event names and payload keys are words of the dictionary d.
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
)

const (
	// formatVersion rises with every change of a key or a payload.
	formatVersion = 1

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
	if body[0] != formatVersion {
		return nil, fmt.Errorf("%w: %s: version %d; this program reads version %d", ErrFormat, keyString(key), body[0], formatVersion)
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

func metaKey() []byte { return []byte{prefixMeta} }

func wordKey(word uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{prefixWord}, word)
}

// windowKey is a prefix and a window: a whole key, or the start of one.
func windowKey(prefix byte, w agent.Window) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, 32), prefix), uint32(w)^1<<31)
}

// keyWindow returns the window of a key that starts like windowKey.
func keyWindow(key []byte) agent.Window {
	return agent.Window(binary.BigEndian.Uint32(key[1:5]) ^ 1<<31)
}

func namesKey(w agent.Window, first uint32) []byte {
	return binary.BigEndian.AppendUint32(windowKey(prefixNames, w), first)
}

func chunkKey(w agent.Window, meter, block uint32) []byte {
	key := binary.BigEndian.AppendUint32(windowKey(prefixChunk, w), meter)
	return binary.BigEndian.AppendUint32(key, block)
}

func batchKey(seq uint64) []byte { return []byte{prefixBatch, byte(seq % ringSlots)} }

func accountingKey(w agent.Window, source uint32) []byte {
	return binary.BigEndian.AppendUint32(windowKey(prefixAccounting, w), source)
}

// sourceKey is the start of the keys of a source's positions.
func sourceKey(prefix byte, source uint32) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, 16), prefix), source)
}

func positionKey(prefix byte, source uint32, id uint64) []byte {
	return binary.BigEndian.AppendUint64(sourceKey(prefix, source), id)
}

func promotingKey() []byte { return []byte{prefixPromoting} }

// entryKey is where an entry lies in the outbox or the ledger. Meter and
// customer are hashed: a name may be longer than a key.
func entryKey(prefix byte, w agent.Window, meter, customer string, seq uint32) []byte {
	text := binary.BigEndian.AppendUint32(make([]byte, 0, 128), uint32(len(meter)))
	text = append(append(text, meter...), customer...)
	sum := sha256.Sum256(text)
	key := append(windowKey(prefix, w), sum[:16]...)
	return binary.BigEndian.AppendUint32(key, seq)
}

// keyBytes is the length of the whole keys under each prefix.
var keyBytes = map[byte]int{
	prefixMeta:       1,
	prefixWord:       5,
	prefixHeader:     5,
	prefixNames:      9,
	prefixChunk:      13,
	prefixBatch:      2,
	prefixAccounting: 9,
	prefixPosition:   13,
	prefixStaged:     13,
	prefixPromoting:  1,
	prefixOutbox:     25,
	prefixLedger:     25,
}

// keyString writes a key for people: in errors and in Dump.
func keyString(key []byte) string {
	if len(key) == 0 || len(key) != keyBytes[key[0]] {
		return fmt.Sprintf("key %q", key)
	}
	number := func(at int) uint32 { return binary.BigEndian.Uint32(key[at:]) }
	switch key[0] {
	case prefixMeta:
		return "meta"
	case prefixWord:
		return fmt.Sprintf("word %d", number(1))
	case prefixHeader:
		return fmt.Sprintf("window %s", keyWindow(key))
	case prefixNames:
		return fmt.Sprintf("names %s from %d", keyWindow(key), number(5))
	case prefixChunk:
		return fmt.Sprintf("totals %s meter %d block %d", keyWindow(key), number(5), number(9))
	case prefixBatch:
		return fmt.Sprintf("batch slot %d", key[1])
	case prefixAccounting:
		return fmt.Sprintf("accounting %s source %d", keyWindow(key), number(5))
	case prefixPromoting:
		return "positions being moved"
	case prefixStaged:
		return fmt.Sprintf("staged position source %d id %d", number(1), binary.BigEndian.Uint64(key[5:]))
	case prefixPosition:
		return fmt.Sprintf("position source %d id %d", number(1), binary.BigEndian.Uint64(key[5:]))
	case prefixOutbox:
		return fmt.Sprintf("outbox %s %x seq %d", keyWindow(key), key[5:21], number(21))
	}
	return fmt.Sprintf("ledger %s %x seq %d", keyWindow(key), key[5:21], number(21))
}
