package agent

// Period is the span of windows within which a meter counts a thing once.
type Period struct {
	Start Window // its first
	Hours uint16 // how many: 1, those of a day or those of a month
}

// MemberID is a thing that is counted once, as a hash of its value.
type MemberID [16]byte

// Member is a thing that a meter saw in a window. It counts, with Value, only
// if its meter and customer have no other one of this ID in Period.
type Member struct {
	Period   Period
	ID       MemberID
	Meter    int    // index into the Tally's Meters
	Customer uint32 // slot, see Tally.Customer
	Window   Window // in which it counts
	Minute   uint8  // of the window
	Value    uint64
}

// members holds what a tally has seen, each once: the first time counts.
type members struct {
	list []Member
	seen map[memberKey]struct{}
}

// See counts x, for the customer with the given name, unless the tally has it
// already. It doesn't account for a line.
func (t *Tally) See(customer []byte, x Member) {
	x.Customer = t.names.Number(customer)
	t.members.add(x)
}

type memberKey struct {
	period   Period
	id       MemberID
	meter    int
	customer uint32
}

func (m *members) add(x Member) {
	k := memberKey{x.Period, x.ID, x.Meter, x.Customer}
	if _, ok := m.seen[k]; ok {
		return
	}
	if m.seen == nil {
		m.seen = map[memberKey]struct{}{}
	}
	m.seen[k] = struct{}{}
	m.list = append(m.list, x)
}

func (m *members) reset() {
	m.list = m.list[:0]
	clear(m.seen)
}
