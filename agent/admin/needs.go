package admin

import (
	"fmt"
	"slices"
	"time"
)

// The severities of a Need.
const (
	Problem = "problem" // usage isn't counted or billed until it is mended
	Warning = "warning" // works, but a person should look
)

// When something that may well be passing becomes a need.
const (
	// unreadFor is how long a log may not have been read to its end.
	unreadFor = 5 * time.Minute
	// waitingFor is how long usage may wait after its hour: entries are sent
	// within minutes when all is well.
	waitingFor = 3 * time.Hour
	// soon is how long before Stripe stops taking usage it is a problem.
	soon = 7 * 24 * time.Hour
	// littleSpace is how many free bytes above the least there must be.
	littleSpace = 256 << 20
	// fresh is for how long an event of a source matters.
	fresh = 24 * time.Hour
)

// needs says what a person must look at.
func (st *Status) needs() []Need {
	needs := []Need{}
	need := func(severity, topic, hint, format string, args ...any) {
		needs = append(needs, Need{severity, topic, fmt.Sprintf(format, args...), hint})
	}
	for i := range st.Sources {
		st.Sources[i].needs(st, need)
	}
	st.stateNeeds(need)
	if st.Delivery.Stopped != "" && (st.Running || st.Outbox.Entries() > 0) {
		severity, hint := Warning, "usage is counted and kept meanwhile; logmeter check says more"
		need(severity, "sending", hint, "nothing is sent: %s", st.Delivery.Stopped)
	}
	for _, r := range st.Outbox.Reasons {
		st.reasonNeed(r, need)
	}
	if o := st.Outbox; o.Sealed.Entries > 0 && st.Running && st.Delivery.Stopped == "" && st.At.Sub(o.Oldest) > waitingFor+time.Hour && o.Held.Entries+o.Parked.Entries == 0 {
		need(Warning, "sending", "logmeter outbox list shows why each of them waits", "usage of %s isn't delivered yet", hourText(o.Oldest))
	}
	slices.SortStableFunc(needs, func(a, b Need) int {
		switch {
		case a.Severity == b.Severity:
			return 0
		case a.Severity == Problem:
			return -1
		}
		return 1
	})
	return needs
}

type needFunc func(severity, topic, hint, format string, args ...any)

// reasonNeed asks for help with entries that don't go out by themselves.
func (st *Status) reasonNeed(r Reason, need needFunc) {
	severity := Warning
	left := r.Deadline.Sub(st.At)
	if left < soon {
		severity = Problem
	}
	until := "until " + r.Deadline.Format("2006-01-02")
	switch {
	case left <= 0:
		until = "only for usage younger than 35 days, which the oldest of it isn't any more"
	case left < 48*time.Hour:
		until = "until " + hourText(r.Deadline)
	}
	switch r.State {
	case "parked":
		need(severity, "sending", "mend that, then reload or restart the agent: it is tried again then; or logmeter outbox release, or write-off. Stripe takes it "+until,
			"%s", r.Line())
	case "held":
		need(Warning, "sending", "it is sent, or found at Stripe, without your help; logmeter outbox verify looks now. Stripe takes it "+until,
			"%s", r.Line())
	}
}

func (st *Status) stateNeeds(need needFunc) {
	switch free := st.State.FreeBytes; {
	case free == 0:
		need(Problem, "state", "make room there; counting goes on by itself, and nothing is lost while the logs are kept",
			"there is too little free space in %s to count", st.State.Dir)
	case free < littleSpace:
		need(Warning, "state", "make room there before counting stops",
			"%s has %s left before counting stops", st.State.Dir, sizeText(free))
	}
	if st.State.Lost > 0 {
		need(Warning, "state", "what was counted since is counted again from the logs as far as they are still there; compare with logmeter reconcile",
			"the state went back by %s when it was opened", count(int(st.State.Lost), "commit", "commits"))
	}
}

func (src *Source) needs(st *Status, need needFunc) {
	topic := "source " + src.Name
	if src.Blocked != "" {
		need(Problem, topic, "", "not read now: %s", src.Blocked)
	}
	since := src.ReadTo
	if since.IsZero() {
		since = st.Started
	}
	if st.Running && src.Blocked == "" && st.At.Sub(since) > unreadFor {
		need(Warning, topic, "logmeter catches up by itself when the log grows slower than it reads", "%s behind; not read to the end since %s", sizeText(src.Behind), clockText(since))
	}
	d := src.Day
	if d.Remainder != 0 {
		need(Problem, topic, "this is a fault of logmeter: please report it", "%d lines of the past 24 hours are unaccounted for", d.Remainder)
	}
	if d.Refused > 0 {
		need(Warning, topic, "logmeter check shows how lines are read; a format that changed is mended in agent.toml",
			"%s of %d in the past 24 hours couldn't be read, and aren't billed", count(int(d.Refused), "line", "lines"), d.Lines)
	}
	if d.NoCustomer > 0 {
		need(Warning, topic, "the calls were answered, and a meter wants them, but the line names nobody; see customer in agent.toml",
			"%s of %d in the past 24 hours named no customer, and aren't billed", count(int(d.NoCustomer), "line", "lines"), d.Lines)
	}
	for _, e := range src.Events {
		if (e.Level == "WARN" || e.Level == "ERROR") && st.At.Sub(e.Last) < fresh {
			severity := Warning
			if e.Level == "ERROR" {
				severity = Problem
			}
			need(severity, topic, e.Hint, "%s (%s)", e.Text, clockText(e.Last))
		}
	}
}

// count returns a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func hourText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" }

func clockText(t time.Time) string {
	if t.IsZero() {
		return "the start"
	}
	return hourText(t)
}

// sizeText returns a number of bytes for people.
func sizeText(n int64) string {
	switch {
	case n < 10<<10:
		return fmt.Sprintf("%d bytes", n)
	case n < 10<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	case n < 10<<30:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d GiB", n>>30)
}
