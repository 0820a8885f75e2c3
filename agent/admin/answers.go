package admin

import (
	"fmt"
	"time"
)

// Counting answers whether it is counting, in a line.
func (st *Status) Counting() string {
	if !st.Running {
		var last time.Time
		for i := range st.Sources {
			if st.Sources[i].LastHour.After(last) {
				last = st.Sources[i].LastHour
			}
		}
		if last.IsZero() {
			return "no: no agent runs on this state"
		}
		return "no: no agent runs on this state; the last lines counted are of " + hourText(last)
	}
	blocked, behind, starting := 0, 0, 0
	var lag int64
	for i := range st.Sources {
		src := &st.Sources[i]
		switch {
		case src.Blocked != "":
			blocked++
		case src.ReadTo.IsZero():
			starting++
		case st.At.Sub(src.ReadTo) > unreadFor:
			behind++
			lag += src.Behind
		}
	}
	all := count(len(st.Sources), "source", "sources")
	switch {
	case blocked == len(st.Sources) && blocked > 0:
		return "no: " + st.Sources[0].Blocked
	case blocked > 0:
		return fmt.Sprintf("in part: %d of %s can't be read", blocked, all)
	case behind > 0:
		return fmt.Sprintf("yes: %s, %d of them behind by %s", all, behind, sizeText(lag))
	case starting > 0:
		return fmt.Sprintf("yes: %s, reading what is there already", all)
	}
	return "yes: " + all + ", read to the end"
}

// SendingText answers whether it is sending, in a line.
func (st *Status) SendingText() string {
	o := &st.Outbox
	switch {
	case st.Delivery.Stopped != "":
		return "no: " + st.Delivery.Stopped
	case !st.Running:
		return "no: no agent runs; " + count(o.Entries(), "entry is", "entries are") + " in the outbox"
	case o.Entries() == 0:
		return "yes: to " + st.Delivery.To + "; all that was sealed is settled"
	}
	return fmt.Sprintf("yes: to %s; %d to be sent, %d held, %d parked", st.Delivery.To, o.Sealed.Entries, o.Held.Entries, o.Parked.Entries)
}
