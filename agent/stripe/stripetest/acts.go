package stripetest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// Act is a stretch of the virtual clock in which Stripe, the way to it or the
// account isn't as it should be.
type Act struct {
	Kind Kind `json:"kind"`
	// At is when it begins, from the moment that it is played; For how long.
	At  Duration `json:"at"`
	For Duration `json:"for"`
	// Fault is that of every call in an Outage.
	Fault Fault `json:"fault,omitempty"`
	// EventsOnly leaves the reads of an Outage alone.
	EventsOnly bool `json:"events_only,omitempty"`
	// Percent of the calls of a BadLine fail, of the events of Drops vanish.
	Percent int `json:"percent,omitempty"`
	// Name is the event name of an ArchivedMeter, the permission that is
	// missing in NoPermission (billing_meter_read), the reason of Drops.
	Name string `json:"name,omitempty"`
	// Lag is the most that SlowSummaries lag.
	Lag Duration `json:"lag,omitempty"`
	// N is the calls a second in FewCalls.
	N int `json:"n,omitempty"`
}

// Kind is what an Act is about.
type Kind uint8

// The kinds of acts.
const (
	Outage        Kind = iota + 1 // every call fails with Fault
	BadLine                       // Percent of all calls fail at random
	SlowSummaries                 // events of this time show after up to Lag
	ArchivedMeter                 // the meter Name is inactive
	NoKey                         // every key is unknown: 401
	NoPermission                  // every key lacks Name: 403
	FewCalls                      // N calls a second
	Drops                         // Percent of the events are dropped after acceptance
)

var kindNames = [...]string{
	"", "outage", "bad-line", "slow-summaries", "archived-meter", "no-key", "no-permission", "few-calls", "drops",
}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// MarshalText writes the kind's name, for JSON.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a kind's name.
func (k *Kind) UnmarshalText(name []byte) error {
	i := slices.Index(kindNames[1:], string(name))
	if i < 0 {
		return fmt.Errorf("unknown kind of act %q; want one of %s", name, strings.Join(kindNames[1:], ", "))
	}
	*k = Kind(i + 1)
	return nil
}

// Duration is a time.Duration that JSON shows as 30h0m0s.
type Duration time.Duration

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalJSON writes the duration as a string.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads a string such as "30h".
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	v, err := time.ParseDuration(s)
	*d = Duration(v)
	return err
}

// stage is an act with the times at which it is on.
type stage struct {
	Act
	from, to time.Time
	seed     uint64
}

// Play puts acts on, from now on. They add to those that are on already.
func (f *Fake) Play(seed uint64, acts ...Act) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	for i, a := range acts {
		from := now.Add(time.Duration(a.At))
		f.acts = append(f.acts, stage{a, from, from.Add(time.Duration(a.For)), seed + uint64(i)})
	}
}

// Outage makes every call fail with the fault for d of the virtual clock:
// DropRequest is a dead line, LoseAnswer one on which only requests pass.
func (f *Fake) Outage(fault Fault, d time.Duration) {
	f.Play(0, Act{Kind: Outage, For: Duration(d), Fault: fault})
}

// act returns the act of a kind that is on, nil when none is. The first one
// that was put on wins.
func (f *Fake) act(k Kind) *stage {
	if len(f.acts) == 0 {
		return nil
	}
	now := f.now()
	for i := range f.acts {
		if a := &f.acts[i]; a.Kind == k && !now.Before(a.from) && now.Before(a.to) {
			return a
		}
	}
	return nil
}

// staged returns the fault that the acts give a call.
func (f *Fake) staged(name string, random []Fault) Fault {
	isRead := strings.HasPrefix(name, "GET ")
	if a := f.act(Outage); a != nil && !(isRead && a.EventsOnly) {
		return a.Fault
	}
	if a := f.act(BadLine); a != nil {
		c := chaos{seed: a.seed, percent: a.Percent, tries: f.tries}
		return c.draw(name, random)
	}
	return None
}

// stagedDrop returns why an event that is accepted now will be dropped.
func (f *Fake) stagedDrop(ev *event) string {
	if a := f.act(Drops); a != nil && int(hash(a.seed, ev.identifier, 0)%100) < a.Percent {
		return a.Name
	}
	return ""
}

// archived reports whether a meter takes no events now.
func (f *Fake) archived(m *Meter) bool {
	a := f.act(ArchivedMeter)
	return m.Archived || a != nil && a.Name == m.EventName
}

// chaos picks faults at random, for each call by its name and how often it
// came, so that the order of calls under way together makes no difference.
type chaos struct {
	seed    uint64
	percent int
	tries   map[string]uint64
}

// Chaos makes percent of all calls fail at random from now on, the same way
// for the same seed and calls. 0 ends it.
func (f *Fake) Chaos(percent int, seed uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.chaos = &chaos{seed, percent, map[string]uint64{}}
}

func (c *chaos) draw(name string, random []Fault) Fault {
	if c == nil || c.percent == 0 {
		return None
	}
	c.tries[name]++
	h := hash(c.seed, name, c.tries[name])
	if int(h%100) >= c.percent {
		return None
	}
	return random[h/100%uint64(len(random))]
}

func hash(seed uint64, name string, n uint64) uint64 {
	h := fnv.New64a()
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], seed)
	binary.BigEndian.PutUint64(b[8:], n)
	_, _ = h.Write(b[:])
	_, _ = h.Write([]byte(name))
	x := h.Sum64()
	// FNV's low bits hardly change with the last byte; mix them.
	x = (x ^ x>>31) * 0x9e3779b97f4a7c15
	return x ^ x>>29
}
