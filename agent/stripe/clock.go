package stripe

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	// timeKept is how long Stripe's time is carried forward by the local
	// clock. A quartz that is 500 ppm off drifts by two seconds in it.
	timeKept = time.Hour
	// clockStep is the difference between the local wall clock and the
	// monotonic one that shows a step or a suspended machine.
	clockStep = 2 * time.Second
	// skewWarn is the difference between the local clock and Stripe's from
	// which a person should look: lines are counted in the wrong hour.
	skewWarn = time.Minute
)

// clock is Stripe's time: the Date of the last answer, carried forward by the
// local monotonic clock.
type clock struct {
	now func() time.Time
	log *slog.Logger

	mu     sync.Mutex    // guards what follows
	stripe time.Time     // Date of the last answer, zero: never had one
	local  time.Time     // when it came
	ahead  time.Duration // of the local clock before Stripe's, at that answer
	noDate bool          // an answer had no Date, and the log was told
	skewed bool          // ahead is too much, and the log was told
}

func newClock(now func() time.Time, log *slog.Logger) *clock { return &clock{now: now, log: log} }

// observe takes the Date header of an answer that has just come and returns
// Stripe's time. Without a Date it is the local clock's.
func (c *clock) observe(date string) time.Time {
	now := c.now()
	at, err := http.ParseTime(date)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		if !c.noDate {
			c.noDate = true
			c.log.Warn("Stripe's answer has no Date, using the local clock in its place",
				"hint", "a proxy between this machine and Stripe removes the header; keep the local clock right")
		}
		at = now.Round(0).UTC()
	}
	c.stripe, c.local = at.UTC(), now
	c.ahead = now.Round(0).Sub(at)
	if skewed := c.ahead.Abs() >= skewWarn; skewed != c.skewed {
		c.skewed = skewed
		if skewed {
			c.log.Warn("the local clock differs from Stripe's", "ahead", c.ahead.Round(time.Second).String(),
				"hint", "set the clock (NTP): hours are taken from the log's own times")
		}
	}
	return c.stripe
}

// read returns Stripe's time, or false when no answer is recent enough to tell.
func (c *clock) read() (time.Time, bool) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	elapsed := now.Sub(c.local) // monotonic
	if c.stripe.IsZero() || !trusted(elapsed, now.Round(0).Sub(c.local.Round(0))) {
		return time.Time{}, false
	}
	return c.stripe.Add(elapsed), true
}

// trusted reports whether the time since an answer is known, by the monotonic
// clock and by the wall clock. The one stands still while the machine is
// suspended, the other may be set: only when both agree is either right.
func trusted(monotonic, wall time.Duration) bool {
	return monotonic >= 0 && monotonic <= timeKept && (wall-monotonic).Abs() <= clockStep
}

// skew returns by how much the local clock was ahead of Stripe's at the last
// answer; negative is behind.
func (c *clock) skew() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead
}
