package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// stopWithin bounds what is done after a stop was asked for: the drain and the
// delivery of OnStopSend.
const stopWithin = 25 * time.Second

// stopQuiet is how long the logs must be silent before a drain on stop ends.
const stopQuiet = time.Second

// onceWithin bounds how long RunOnce goes on trying to deliver.
const onceWithin = 5 * time.Minute

// ErrAbort is wrapped by the cause of a context that ends a Run because of a
// fault: it stops at once, and neither drains nor sends.
var ErrAbort = errors.New("the run was given up")

// Agent runs the two loops, and once a day an audit.
type Agent struct {
	Feeds  []Feed
	Meters *Meters
	Store  Store
	// Biller delivers; nil counts and keeps usage without sending it.
	Biller Biller
	// Settle is how long after its end a window is sealed.
	Settle time.Duration
	// SendOnStop makes a stop drain the logs to their end, seal open windows
	// too, and deliver, for hosts whose state ends with them.
	SendOnStop bool
	// NothingSent says that the Biller sends nothing and never has, as in a dry
	// run: no entry is too old to be sent without asking.
	NothingSent bool
	// Operator is what people work with meanwhile; it has the Agent's Store and
	// Biller. Nil: nobody does, and nothing is audited.
	Operator *Operator
	Now      func() time.Time
	Log      *slog.Logger

	// running are the loops of the present run, for Stats and Progress.
	running atomic.Pointer[loops]
}

// Run counts and reports until ctx ends, then stops in order: what was read is
// committed when it returns. An error other than those of stopping is one that
// a new start must heal.
func (a *Agent) Run(ctx context.Context) error {
	feeds, rep := a.loops()
	loops, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	errs := make([]error, len(feeds)+2)
	start := func(i int, loop func(context.Context) error) {
		wg.Go(func() {
			if errs[i] = loop(loops); errs[i] != nil {
				stop(errs[i]) // one loop that ends with an error ends all
			}
		})
	}
	for i, in := range feeds {
		start(i, in.run)
	}
	start(len(feeds), rep.run)
	if au := a.running.Load().audit; au != nil {
		start(len(feeds)+1, au.run)
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if !a.SendOnStop || errors.Is(context.Cause(ctx), ErrAbort) {
		return nil
	}
	a.Log.Info("stopping: reading the logs to their end and sending all usage")
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	_, err := a.finish(last, stopWithin, feeds, rep, stopQuiet, func() time.Time { return a.Now().Add(time.Hour) })
	return err
}

// RunOnce reads every log to its present end, seals the windows that are
// closed, delivers, and says what is left.
func (a *Agent) RunOnce(ctx context.Context) (Delivery, error) {
	feeds, rep := a.loops()
	return a.finish(ctx, onceWithin, feeds, rep, 0, func() time.Time { return a.Now().Add(-a.Settle) })
}

func (a *Agent) loops() ([]*ingester, *reporter) {
	feeds := make([]*ingester, len(a.Feeds))
	for i, f := range a.Feeds {
		feeds[i] = newIngester(f, a.Meters, a.Store, a.Now, a.Log)
	}
	rep := &reporter{
		store: a.Store, biller: a.Biller, desk: a.Operator, nothingSent: a.NothingSent, settle: a.Settle,
		readTo: func() time.Time { return readTo(feeds) },
		now:    a.Now, log: a.Log,
	}
	l := &loops{feeds: feeds, rep: rep}
	if _, ok := a.Biller.(Auditor); ok && a.Operator != nil && !a.NothingSent {
		l.audit = &auditor{desk: a.Operator, documents: a.Operator.Documents, log: a.Log}
	}
	a.running.Store(l)
	return feeds, rep
}

// readTo returns up to when every feed's logs are committed; zero when that
// isn't known of one.
func readTo(feeds []*ingester) time.Time {
	var first int64
	for i, in := range feeds {
		to := in.readTo.Load()
		if to == 0 {
			return time.Time{}
		}
		if i == 0 || to < first {
			first = to
		}
	}
	return time.Unix(0, first)
}

// finish drains all feeds, however long that takes, seals up to closed, and
// delivers until nothing that can be sent is left or the time is over. A log that can't be read doesn't keep the
// usage of the others back, but is an error in the end.
func (a *Agent) finish(ctx context.Context, within time.Duration, feeds []*ingester, rep *reporter, quiet time.Duration, closed func() time.Time) (Delivery, error) {
	var wg sync.WaitGroup
	errs := make([]error, len(feeds))
	for i, in := range feeds {
		wg.Go(func() { errs[i] = in.drain(ctx, quiet) })
	}
	wg.Wait()
	err := errors.Join(errs...)
	if serr := rep.seal(closed()); serr != nil {
		return Delivery{}, errors.Join(err, serr)
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	sum := Delivery{}
	for {
		d, derr := rep.deliver(ctx)
		d.Accepted += sum.Accepted
		sum = d
		if derr != nil {
			return sum, errors.Join(err, derr)
		}
		if d.Paused != "" {
			return sum, errors.Join(err, fmt.Errorf("delivery is paused: %s", d.Paused))
		}
		if !d.Partial && d.Waiting == 0 && (d.Held == 0 || d.Next.After(a.Now().Add(2*time.Second))) {
			return sum, err // what is held waits for more than this run
		}
		if !sleep(ctx, max(d.Next.Sub(a.Now()), 100*time.Millisecond)) {
			return sum, errors.Join(err, fmt.Errorf("not all usage is delivered yet (%d entries wait); it stays in the state and is sent at the next start", sum.Waiting))
		}
	}
}
