package agent

import (
	"hash/maphash"
	"math/bits"
)

// Names numbers byte strings 0, 1, 2, … in the order in which they are first
// seen. Looking up a known one allocates nothing; the strings lie in one
// arena. The zero value isn't usable; see NewNames. Not safe for concurrent
// use.
type Names struct {
	seed  maphash.Seed
	table []nameSlot // open addressing, a power of two, at most 3/4 full
	ends  []int      // ends[i] is where name i ends in arena
	arena []byte
}

// nameSlot is one place of the hash table; number is one more than the name's
// number, 0 for an empty place.
type nameSlot struct{ hash, number uint32 }

// NewNames returns an empty Names. The hash is seeded at random, so a caller
// who invents names can't make lookups slow.
func NewNames() *Names {
	return &Names{seed: maphash.MakeSeed(), table: make([]nameSlot, 256)}
}

// Len returns how many names there are.
func (n *Names) Len() int { return len(n.ends) }

// Name returns the name with number i. It is valid until Reset and must not be
// changed.
func (n *Names) Name(i uint32) []byte {
	start := 0
	if i > 0 {
		start = n.ends[i-1]
	}
	return n.arena[start:n.ends[i]:n.ends[i]]
}

// Number returns the number of name, which it gives out when the name is new.
func (n *Names) Number(name []byte) uint32 {
	i, h, ok := n.find(name)
	if ok {
		return n.table[i].number - 1
	}
	if 4*(len(n.ends)+1) > 3*len(n.table) {
		n.grow()
		i, h, _ = n.find(name)
	}
	n.arena = append(n.arena, name...)
	n.ends = append(n.ends, len(n.arena))
	n.table[i] = nameSlot{h, uint32(len(n.ends))}
	return uint32(len(n.ends) - 1)
}

// Lookup returns the number of name if it has one.
func (n *Names) Lookup(name []byte) (uint32, bool) {
	i, _, ok := n.find(name)
	if !ok {
		return 0, false
	}
	return n.table[i].number - 1, true
}

// Reset forgets all names and gives back memory beyond a small table.
func (n *Names) Reset() { *n = *NewNames() }

// find returns the place of name, or the empty place where it belongs.
func (n *Names) find(name []byte) (place int, hash uint32, ok bool) {
	sum := maphash.Bytes(n.seed, name)
	hash = uint32(sum >> 32)
	mask := len(n.table) - 1
	for i := int(sum) & mask; ; i = (i + 1) & mask {
		s := n.table[i]
		if s.number == 0 {
			return i, hash, false
		}
		if s.hash == hash && string(n.Name(s.number-1)) == string(name) {
			return i, hash, true
		}
	}
}

func (n *Names) grow() {
	n.table = make([]nameSlot, 1<<bits.Len(uint(len(n.table))))
	mask := len(n.table) - 1
	for number := range n.ends {
		sum := maphash.Bytes(n.seed, n.Name(uint32(number)))
		i := int(sum) & mask
		for n.table[i].number != 0 {
			i = (i + 1) & mask
		}
		n.table[i] = nameSlot{uint32(sum >> 32), uint32(number + 1)}
	}
}
