package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/logmeter/logmeter/agent"
)

const (
	// maxName is the number of bytes of a customer's name that are kept as
	// they are. Stripe's own ids and metadata are shorter.
	maxName = 512

	// segmentBytes is about how many bytes of names share a value. The last
	// one is rewritten as names come.
	segmentBytes = 4 << 10

	// idleNames is how many names nobody uses may stay in memory.
	idleNames = 1 << 14
)

// Know makes known tell which customers are never counted with those beyond
// MaxCustomers: the real ones, who must not lose their usage to a caller who
// invents names. It is asked once for each commit, and the function that it
// returns, which may be nil, is used for that commit alone. What it accepts has
// to be bounded: each such customer is one more that a window may hold.
func (s *Store) Know(known func() func(name []byte) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.know = known
}

// askKnown makes the answer of Know the one of the commit that begins. It may
// read a file, so the lock isn't held while it is asked.
func (s *Store) askKnown() func(name []byte) bool {
	s.mu.Lock()
	know := s.know
	s.mu.Unlock()
	if know == nil {
		return nil
	}
	return know()
}

// full reports whether a customer who is new to a window has to be counted with
// those beyond the most.
func (s *Store) full(w *window, name []byte) bool {
	return s.maxCustomers > 0 && w.named(s.names) >= s.maxCustomers && (s.known == nil || !s.known(name))
}

// admit returns the window's number for a customer slot of a tally. A customer
// who is new to a window that has as many as it may have is counted as "", and
// its name isn't kept: a caller who invents names fills neither disk nor memory.
// Those of Know are let in all the same.
//
// The tally remembers the number in Store.names; that it is still right is
// checked each time, for it may come from another store or from before names
// were forgotten.
func (s *Store) admit(w *window, t *agent.Tally, slot uint32) uint32 {
	name := t.Customer(slot)
	if len(name) > maxName {
		name = abbreviate(name)
	}
	n := t.IDs[slot]
	known := int(n) < s.names.Len() && string(s.names.Name(n)) == string(name)
	if !known {
		n, known = s.names.Lookup(name)
	}
	if known {
		t.IDs[slot] = n
		if c, ok := w.lookup(n); ok {
			return c
		}
	}
	if s.full(w, name) {
		rest := s.names.Number(nil)
		if _, ok := w.lookup(rest); !ok {
			s.log.Warn("the hour has as many customers as customers.max lets it; further ones that no map names are one sum, billed to nobody",
				"hour", w.at.Start(), "max", s.maxCustomers)
		}
		return w.customer(rest)
	}
	if !known {
		n = s.names.Number(name)
		t.IDs[slot] = n
	}
	return w.customer(n)
}

// accountName returns the name under which admit counts a customer slot, without
// keeping it.
func (s *Store) accountName(w *window, t *agent.Tally, slot uint32) []byte {
	name := t.Customer(slot)
	if len(name) > maxName {
		name = abbreviate(name)
	}
	if s.maxCustomers == 0 {
		return name
	}
	if n, ok := s.names.Lookup(name); ok {
		if _, ok := w.lookup(n); ok {
			return name
		}
	}
	if s.full(w, name) {
		return nil
	}
	return name
}

// abbreviate shortens a name that no customer can have to a text that stays
// different for different names: the line is counted, and can be looked at.
func abbreviate(name []byte) []byte {
	sum := sha256.Sum256(name)
	short := append(make([]byte, 0, maxName), name[:maxName-len("…sha256:")-2*len(sum)]...)
	return hex.AppendEncode(append(short, "…sha256:"...), sum[:])
}

// appendNames appends the payload of a segment with the customers from first
// up to, not including, the one that would make it longer than segmentBytes.
func (s *Store) appendNames(dst []byte, w *window, first uint32) (payload []byte, next uint32) {
	start := len(dst)
	for next = first; int(next) < len(w.numbers); next++ {
		name := s.names.Name(w.numbers[next])
		if len(dst)-start+len(name) > segmentBytes && next > first {
			break
		}
		dst = appendString(dst, name)
	}
	return dst, next
}

// putNames stores the customers that are new to a window. Names mean nothing
// until something is counted for them, so they may be durable before the rest.
func (s *Store) putNames(t *txn, w *window) error {
	for int(w.written) < len(w.numbers) {
		payload, next := s.appendNames(nil, w, w.tail)
		t.put(namesKey(w.at, w.tail), payload)
		w.written = next
		if int(next) < len(w.numbers) {
			w.tail = next
		}
		if t.full() {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetNames numbers the names of the windows in memory anew when most of the
// others aren't needed any more.
func (s *Store) forgetNames() {
	needed := 0
	for _, w := range s.windows {
		needed += len(w.numbers)
	}
	if s.names.Len() <= 2*needed+idleNames {
		return
	}
	names := agent.NewNames()
	for _, w := range s.windows {
		w.local = nil
		old := w.numbers
		w.numbers = make([]uint32, 0, len(old))
		for _, n := range old {
			w.customer(names.Number(s.names.Name(n)))
		}
	}
	s.names = names
}
