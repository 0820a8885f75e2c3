package stripetest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Scenario is a seeded story of what can go wrong between an agent and Stripe
// over some days of virtual time, and of a local clock that can't be trusted.
//
// Whatever it holds, a right agent bills every unit once when the story is
// over, without a person's help: no event is dropped after its acceptance, no
// meter is archived, and summaries lag by less than a day. Acts of those kinds
// are for tests that say what should happen then.
type Scenario struct {
	Seed uint64 `json:"seed"`
	// Length is when the last act is over.
	Length Duration `json:"length"`
	Acts   []Act    `json:"acts"`
	Steps  []Step   `json:"steps"`
}

// Step is a jump of the agent's local clock.
type Step struct {
	At   Duration `json:"at"`
	Jump Duration `json:"jump"`
}

// NewScenario returns the story of a seed.
func NewScenario(seed uint64) Scenario {
	r := rand.New(rand.NewPCG(seed, 0x73746f7279))
	hours := func(from, to int) Duration {
		return Duration(from)*Duration(time.Hour) + Duration(r.Int64N(int64(to-from)*int64(time.Hour)))
	}
	s := Scenario{Seed: seed}
	at := hours(0, 3)
	for range 2 + r.IntN(5) {
		a := Act{At: at, For: hours(0, 4)}
		if r.IntN(3) == 0 {
			a.For = hours(18, 40) // longer than Stripe keeps an identifier
		}
		switch r.IntN(10) {
		case 0, 1, 2, 3:
			a.Kind, a.Fault = Outage, outages[r.IntN(len(outages))]
			a.EventsOnly = r.IntN(3) == 0
		case 4, 5, 6:
			a.Kind, a.Percent = BadLine, 10+r.IntN(80)
		case 7:
			a.Kind, a.Lag = SlowSummaries, hours(0, 20)
		case 8:
			a.Kind, a.N = FewCalls, 1+r.IntN(5)
		case 9:
			a.Kind = NoKey
			if r.IntN(2) == 0 {
				a.Kind, a.Name = NoPermission, []string{"billing_meter_event_write", "billing_meter_read"}[r.IntN(2)]
			}
		}
		s.Acts = append(s.Acts, a)
		s.Length = max(s.Length, a.At+a.For)
		at += hours(0, 12)
	}
	for range r.IntN(3) {
		jump := hours(0, 30)
		if r.IntN(2) == 0 {
			jump = -jump
		}
		s.Steps = append(s.Steps, Step{Duration(r.Int64N(int64(s.Length) + 1)), jump})
	}
	return s
}

// The faults that last. Slow, Limited and the like belong to a BadLine.
var outages = []Fault{
	DropRequest, LoseAnswer, LoseAnswer, Truncate, Empty, Reset, ResetApplied, Redirect, BadGateway,
	HTML, HTMLSuccess, Error500, Error500Applied, Unavailable, Locked, Conflict,
}

// Skew returns by how much the agent's local clock is ahead of the true time
// when the story is at.
func (s *Scenario) Skew(at time.Duration) time.Duration {
	var skew time.Duration
	for _, step := range s.Steps {
		if at >= time.Duration(step.At) {
			skew += time.Duration(step.Jump)
		}
	}
	return skew
}

// Play puts the scenario's acts on from now on.
func (s *Scenario) Play(f *Fake) { f.Play(s.Seed, s.Acts...) }

// String tells the story in a few lines.
func (s *Scenario) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "scenario %d, %v long\n", s.Seed, s.Length)
	for _, a := range s.Acts {
		fmt.Fprintf(&b, "  %v for %v: %v", a.At, a.For, a.Kind)
		switch a.Kind {
		case Outage:
			fmt.Fprintf(&b, " %v", a.Fault)
			if a.EventsOnly {
				b.WriteString(" of events only")
			}
		case BadLine, Drops:
			fmt.Fprintf(&b, " %d %% %s", a.Percent, a.Name)
		case SlowSummaries:
			fmt.Fprintf(&b, " by %v", a.Lag)
		case FewCalls:
			fmt.Fprintf(&b, " %d a second", a.N)
		default:
			b.WriteString(" " + a.Name)
		}
		b.WriteByte('\n')
	}
	for _, step := range s.Steps {
		fmt.Fprintf(&b, "  %v: the local clock jumps by %v\n", step.At, step.Jump)
	}
	return b.String()
}
