package checkpoint

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/logmeter/logmeter/agent"
)

// maxReason is how many bytes of an entry's Reason, Note and RequestID are kept.
const maxReason = 1000

// entryWords are the strings of an entry that come from the configuration, as
// words of the dictionary: a ledger row is half as long with them.
type entryWords struct{ meter, eventName, customerKey, valueKey uint32 }

const (
	flagUnknown    = 1
	flagDuplicate  = 2
	flagAdjustment = 4
	flagReleased   = 8
	flagNote       = 16 // a note follows at the end
	flagFrom       = 32 // From follows behind that; without it From is seq-1, or 0 in an adjustment
	flagsAll       = flagUnknown | flagDuplicate | flagAdjustment | flagReleased | flagNote | flagFrom
)

// appendEntry leaves out what is in the key (window, seq) and what follows
// from the rest (the identifier). Times are kept relative to the window.
func appendEntry(dst []byte, e *agent.Entry, words entryWords) []byte {
	since := func(t int64) int64 {
		if t == 0 {
			return 0
		}
		if t -= e.Window.Start().Unix(); t >= 0 {
			return t + 1 // 0 stays free for "never"
		}
		return t
	}
	var flags byte
	if e.Unknown {
		flags |= flagUnknown
	}
	if e.Duplicate {
		flags |= flagDuplicate
	}
	if e.Adjustment {
		flags |= flagAdjustment
	}
	if e.Released {
		flags |= flagReleased
	}
	if e.Note != "" {
		flags |= flagNote
	}
	if e.From != usualFrom(e) {
		flags |= flagFrom
	}
	dst = binary.AppendUvarint(dst, uint64(words.meter))
	dst = appendString(dst, e.Customer)
	dst = binary.AppendUvarint(dst, uint64(e.Value)) // ten bytes below 0, which is rare
	dst = append(dst, e.Minute, byte(e.State), flags)
	dst = binary.AppendUvarint(dst, uint64(words.eventName))
	dst = appendString(dst, e.Account)
	dst = binary.AppendUvarint(dst, uint64(words.customerKey))
	dst = binary.AppendUvarint(dst, uint64(words.valueKey))
	dst = appendVarint(dst, since(e.Timestamp))
	dst = appendString(dst, clip(e.Reason))
	dst = binary.AppendUvarint(dst, uint64(e.Attempts))
	dst = appendVarint(dst, since(e.FirstAttempt))
	dst = appendVarint(dst, since(e.LastAttempt))
	dst = appendVarint(dst, since(e.NotBefore))
	dst = binary.AppendUvarint(dst, uint64(e.KeyEpoch))
	dst = appendVarint(dst, since(e.AbsentSince))
	dst = appendVarint(dst, since(e.Settled))
	dst = appendString(dst, clip(e.RequestID))
	if e.Note != "" {
		dst = appendString(dst, clip(e.Note))
	}
	if flags&flagFrom != 0 {
		dst = binary.AppendUvarint(dst, e.From)
	}
	return dst
}

// usualFrom is the From of an entry that doesn't store it. Those of format 1
// were named by their seqs.
func usualFrom(e *agent.Entry) uint64 {
	if e.Adjustment {
		return 0
	}
	return uint64(e.Seq) - 1
}

// decodeEntry leaves the fields that words stand for, and the identifier, to
// its caller.
func decodeEntry(key, payload []byte) (agent.Entry, entryWords, error) {
	e := agent.Entry{Window: keyWindow(key), Seq: binary.BigEndian.Uint32(key[21:])}
	r := reader{b: payload}
	start := e.Window.Start().Unix()
	at := func() int64 {
		t := r.varint()
		switch {
		case t > 0:
			return start + t - 1
		case t < 0:
			return start + t
		}
		return 0
	}
	var words entryWords
	words.meter = r.uint32()
	e.Customer = r.string()
	e.Value = int64(r.uvarint())
	e.Minute, e.State = r.byte(), agent.State(r.byte())
	flags := r.byte()
	e.Unknown, e.Duplicate = flags&flagUnknown != 0, flags&flagDuplicate != 0
	e.Adjustment, e.Released = flags&flagAdjustment != 0, flags&flagReleased != 0
	words.eventName = r.uint32()
	e.Account = r.string()
	words.customerKey, words.valueKey = r.uint32(), r.uint32()
	e.Timestamp = at()
	e.Reason = r.string()
	e.Attempts = r.uint32()
	e.FirstAttempt, e.LastAttempt, e.NotBefore = at(), at(), at()
	e.KeyEpoch = r.uint32()
	e.AbsentSince, e.Settled = at(), at()
	e.RequestID = r.string()
	if flags&flagNote != 0 {
		e.Note = r.string()
	}
	if e.From = usualFrom(&e); flags&flagFrom != 0 {
		e.From = r.uvarint()
	}
	if e.Minute > 59 || e.State < agent.Sealed || e.State > agent.WrittenOff || flags > flagsAll || e.Value < 0 && !e.Adjustment {
		r.fail()
	}
	return e, words, r.err(key)
}

// clip cuts a text for people to maxReason bytes, between two characters.
func clip(s string) string {
	if len(s) <= maxReason {
		return s
	}
	cut := maxReason - len("…")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
