package stripe

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Stripe's limits are the account's (docs.stripe.com/rate-limits): 1000 meter
// events a second in live mode, apart from 100 other calls, of which other
// programs need some; 25 calls a second of all kinds in test mode. What is
// allowed here at most is a little less, so that a full burst and a second at
// this rate stay within Stripe's limit. A program that shares the account shows
// by 429s, which slow this one down.
const readsPerSecond = 20

func writesPerSecond(live bool) float64 {
	if live {
		return 950
	}
	return 23
}

const (
	// slowest is the rate below which 429s don't push, in calls a second.
	slowest = 1
	// Several answers of one congestion halve the rate once.
	slowDownEvery = time.Second
	// The rate rises by a twentieth of its ceiling each time.
	speedUpEvery = 5 * time.Second
	speedUpSteps = 20
)

// pacer spaces calls: the rate halves when Stripe says that it is too high and
// rises slowly while it doesn't.
type pacer struct {
	ceiling float64
	limiter *rate.Limiter

	mu      sync.Mutex // guards changed
	changed time.Time
}

func newPacer(perSecond float64) *pacer {
	return &pacer{
		ceiling: perSecond,
		limiter: rate.NewLimiter(rate.Limit(perSecond), burst(perSecond)),
	}
}

// burst is how many calls may go at once after a rest.
func burst(perSecond float64) int { return 1 + int(perSecond)/20 }

// wait returns when the next call may be made, or with ctx's error.
func (p *pacer) wait(ctx context.Context) error { return p.limiter.Wait(ctx) }

// limited notes an answer that says there were too many calls.
func (p *pacer) limited(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.changed) < slowDownEvery {
		return
	}
	p.changed = now
	p.limiter.SetLimit(max(p.limiter.Limit()/2, slowest))
}

// passed notes an answer that doesn't.
func (p *pacer) passed(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.perSecond() >= p.ceiling || now.Sub(p.changed) < speedUpEvery {
		return
	}
	p.changed = now
	p.limiter.SetLimit(rate.Limit(min(p.perSecond()+p.ceiling/speedUpSteps, p.ceiling)))
}

func (p *pacer) perSecond() float64 { return float64(p.limiter.Limit()) }
