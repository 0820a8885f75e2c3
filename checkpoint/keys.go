package checkpoint

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/logmeter/logmeter/agent"
)

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

// memberKey is where a thing lies that a meter counts once in a period. It
// starts with the first window after the period, so that what is over is in
// front.
func memberKey(p agent.Period, meter string, customer []byte, id agent.MemberID) []byte {
	text := binary.BigEndian.AppendUint32(make([]byte, 0, 128), uint32(p.Start))
	text = binary.BigEndian.AppendUint16(text, p.Hours)
	text = append(text, id[:]...)
	text = binary.BigEndian.AppendUint32(text, uint32(len(meter)))
	text = append(append(text, meter...), customer...)
	sum := sha256.Sum256(text)
	return append(windowKey(prefixMember, p.Start+agent.Window(p.Hours)), sum[:16]...)
}

// numberedKey is the key of a refused line or a decision.
func numberedKey(prefix byte, id uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefix}, id)
}

func keyNumber(key []byte) uint64 { return binary.BigEndian.Uint64(key[1:]) }

func lastIDKey() []byte { return []byte{prefixLastID} }

// documentKey with an empty name is the start of the keys of a kind.
func documentKey(kind uint32, name string) []byte {
	return append(sourceKey(prefixDocument, kind), name...)
}

// writeKey is where a write to key is put aside.
func writeKey(key []byte) []byte { return append([]byte{prefixWrite}, key...) }

// keyBytes is the length of the whole keys under each prefix, and for documents
// the least.
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
	prefixMember:     21,
	prefixRefusal:    9,
	prefixLastID:     1,
	prefixDecision:   9,
	prefixDocument:   5,
}

// wholeKey reports whether key is one of this format.
func wholeKey(key []byte) bool {
	if len(key) == 0 {
		return false
	}
	switch want, ok := keyBytes[key[0]]; {
	case key[0] == prefixWrite:
		return len(key) > 1 && key[1] != prefixWrite && wholeKey(key[1:])
	case key[0] == prefixDocument:
		return len(key) >= want
	default:
		return ok && len(key) == want
	}
}

// keyString writes a key for people: in errors and in Dump.
func keyString(key []byte) string {
	if !wholeKey(key) {
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
		return "writes under way"
	case prefixStaged:
		return fmt.Sprintf("staged position source %d id %d", number(1), binary.BigEndian.Uint64(key[5:]))
	case prefixPosition:
		return fmt.Sprintf("position source %d id %d", number(1), binary.BigEndian.Uint64(key[5:]))
	case prefixMember:
		return fmt.Sprintf("member until %s %x", keyWindow(key), key[5:])
	case prefixRefusal:
		return fmt.Sprintf("refused line %d", keyNumber(key))
	case prefixLastID:
		return "last refused line"
	case prefixDecision:
		return fmt.Sprintf("decision %d", keyNumber(key))
	case prefixDocument:
		return fmt.Sprintf("document kind %d %q", number(1), key[5:])
	case prefixWrite:
		return "write to " + keyString(key[1:])
	case prefixOutbox:
		return fmt.Sprintf("outbox %s %x seq %d", keyWindow(key), key[5:21], number(21))
	}
	return fmt.Sprintf("ledger %s %x seq %d", keyWindow(key), key[5:21], number(21))
}
