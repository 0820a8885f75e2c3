package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// reportEvery is the time between two steps of the report loop when no
	// entry asks for an earlier one.
	reportEvery = time.Minute
	// sealPatience is how long a source that can't be read to its end may hold
	// back the hours of the others. Its late lines become entries of their own.
	sealPatience = 15 * time.Minute
)

// reporter moves closed windows into the outbox and delivers the outbox. It
// belongs to one goroutine but for pulse.
type reporter struct {
	store  Store
	biller Biller // nil: nothing is delivered
	desk   *Operator
	// nothingSent: see Agent.
	nothingSent bool
	settle      time.Duration
	readTo      func() time.Time // up to when every source is committed; zero: unknown
	now         func() time.Time
	log         *slog.Logger

	started     time.Time // first step, for sealPatience
	sealedTo    Window    // the open window at the last step
	pausedUntil time.Time
	paused      string // why, until pausedUntil
	retried     bool   // what Stripe had refused before this life was tried again
	unreachable int    // times in a row that Stripe's time couldn't be had
	trouble     string // the last trouble that was logged, so that it's said once
	pulse       pulse  // read by Progress
	lastSettled time.Time
	news        news // of the present pass
	// published is how things stand, for Stats.
	published atomic.Pointer[DeliveryStats]
}

// run seals and delivers until ctx ends.
func (r *reporter) run(ctx context.Context) error {
	for {
		d, err := r.step(ctx)
		if err != nil {
			return err
		}
		until := r.now().Add(reportEvery)
		if !d.Next.IsZero() && d.Next.Before(until) {
			until = d.Next
		}
		if !r.rest(ctx, until) {
			return nil
		}
	}
}

// rest waits until the given time, or until another window is closed: an hour
// is over and settled, or the logs were read to their end for the first time.
// It reports whether ctx still goes on.
func (r *reporter) rest(ctx context.Context, until time.Time) bool {
	for {
		r.pulse.beat()
		left := max(until.Sub(r.now()), 100*time.Millisecond)
		if !sleep(ctx, min(left, time.Second)) {
			return false
		}
		if !r.now().Before(until) || WindowOf(r.closed()) > r.sealedTo {
			return true
		}
	}
}

// step seals what is closed and makes one pass over the outbox. An error is
// one of the store and must end the process; troubles with Stripe are logged
// and tried again.
func (r *reporter) step(ctx context.Context) (Delivery, error) {
	closed := r.closed()
	r.sealedTo = WindowOf(closed)
	if err := r.seal(closed); err != nil && !errors.Is(err, ErrFull) {
		return Delivery{}, err // on a full disk the next step tries again
	}
	d, err := r.deliver(ctx)
	if err == nil && ctx.Err() == nil {
		r.publish(d)
	}
	return d, err
}

// publish lets other goroutines see how things stand after a pass.
func (r *reporter) publish(d Delivery) {
	now := r.now()
	if d.Accepted > 0 {
		r.lastSettled = now
	}
	r.published.Store(&DeliveryStats{
		At: now, Last: d, LastAccepted: r.lastSettled, Trouble: r.trouble, SealedTo: r.sealedTo.Start(),
	})
}

// closed returns the instant up to which windows are complete: settle before
// what every source was read to.
func (r *reporter) closed() time.Time {
	now := r.now()
	if r.started.IsZero() {
		r.started = now
	}
	to := r.readTo()
	if patience := now.Add(-sealPatience); to.Before(patience) && r.started.Before(patience) {
		to = patience
	}
	return to.Add(-r.settle)
}

func (r *reporter) seal(closed time.Time) error {
	n, err := r.store.Seal(closed)
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	if n > 0 {
		r.log.Info("windows sealed", "entries", n, "closed", closed.UTC().Format(time.RFC3339))
	}
	return nil
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
