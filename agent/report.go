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

const (
	// reportEvery is the time between two steps of the report loop when no
	// entry asks for an earlier one.
	reportEvery = time.Minute
	// sealPatience is how long a source that can't be read to its end may hold
	// back the hours of the others. Its late lines become entries of their own.
	sealPatience = 15 * time.Minute
	// pageSize bounds the entries in memory, and calls is how many are under
	// way at once, never two of one customer and meter. With answers that take
	// 100 ms, 64 of them come to 600 entries a second; the Biller keeps the
	// rate below what Stripe allows.
	pageSize = 512
	calls    = 64
)

// reporter moves closed windows into the outbox and delivers the outbox. It
// belongs to one goroutine but for pulse.
type reporter struct {
	store  Store
	biller Biller // nil: nothing is delivered
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
}

// Delivery is what one pass over the outbox did and left.
type Delivery struct {
	Accepted int // entries proven to be with Stripe in this pass
	Waiting  int // entries that will be tried again
	Held     int // entries that wait for Stripe's summaries
	Parked   int // refused entries
	// Partial says that the pass ended before it had seen every entry.
	Partial bool
	// Paused says why Stripe takes no usage at all until a person acts.
	Paused string
	// Next is when the first waiting or held entry is due; zero: none is.
	Next time.Time
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
	return r.deliver(ctx)
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

// deliver makes one pass over the outbox, oldest window first.
func (r *reporter) deliver(ctx context.Context) (Delivery, error) {
	var d Delivery
	if r.biller == nil {
		return d, nil
	}
	if now := r.now(); now.Before(r.pausedUntil) {
		d.Paused, d.Next = r.paused, r.pausedUntil
		return d, nil
	}
	first, err := r.store.Pending(nil, pageSize)
	if err != nil || len(first) == 0 {
		return d, wrap("read the outbox", err)
	}
	stripe, err := r.biller.Now(ctx)
	if err != nil {
		r.say(ctx, "usage can't be sent now: "+err.Error())
		r.unreachable++
		d.Waiting, d.Next = len(first), r.now().Add(min(backoff(r.unreachable), reportEvery))
		return d, nil
	}
	r.unreachable = 0
	busy := map[lane]head{}
	for page := first; len(page) > 0; {
		if ctx.Err() != nil {
			d.Partial = true
			break
		}
		paused, err := r.deliverPage(ctx, page, busy, stripe, &d)
		if errors.Is(err, ErrFull) {
			d.Partial, d.Next = true, r.now().Add(fullRetry)
			return d, nil
		}
		if err != nil {
			return d, err
		}
		if paused != "" {
			r.say(ctx, "Stripe takes no usage now: "+paused)
			r.paused, r.pausedUntil = paused, r.now().Add(reportEvery)
			d.Paused, d.Next = r.paused, r.pausedUntil
			return d, nil
		}
		if len(page) < pageSize {
			break
		}
		if page, err = r.store.Pending(&page[len(page)-1], pageSize); err != nil {
			return d, wrap("read the outbox", err)
		}
	}
	r.retried = r.retried || !d.Partial
	if d.Accepted > 0 {
		r.trouble = ""
		r.log.Info("usage delivered", "entries", d.Accepted, "waiting", d.Waiting, "held", d.Held, "parked", d.Parked)
	}
	return d, nil
}

// say logs trouble that stops all delivery, once until it changes.
func (r *reporter) say(ctx context.Context, trouble string) {
	if trouble == r.trouble || ctx.Err() != nil {
		return
	}
	r.trouble = trouble
	r.log.Error(trouble, "hint", "usage is counted and kept meanwhile; logmeter check says more")
}

// job is one entry on its way through a page.
type job struct {
	e       *Entry
	act     action
	before  Entry    // as it was before the attempt was marked
	sent    bool     // the call was made
	outcome Outcome  // of a send
	seen    evidence // of a verify
	err     error    // of a verify
}

// lane is what one of Stripe's summaries is about. One entry of a lane is on
// its way at a time, the others wait until it is settled.
type lane struct {
	event, account string
	window         Window
}

func laneOf(e *Entry) lane { return lane{e.EventName, e.Account, e.Window} }

// head is what is known in a pass of the first unsettled entry of a lane.
type head struct {
	due  int64 // its NotBefore
	held bool
}

// deliverPage takes one page of the outbox as far as it goes now. It returns
// why everything has to pause, if it has to.
//
// Each step is durable before the next begins:
//  1. Build and Attempt freeze the request and mark the call. A crash before
//     the call leaves a mark without a call: the entry is sent again, under the
//     same identifier, with the same bytes.
//  2. Send and Verify. A crash here is an attempt of unknown outcome, which is
//     what the mark says.
//  3. Settle stores what became of it. A crash before it sends once more, and
//     Stripe refuses the identifier: that is proof of acceptance.
func (r *reporter) deliverPage(ctx context.Context, page []Entry, busy map[lane]head, stripe time.Time, d *Delivery) (paused string, err error) {
	now := r.now()
	var jobs []job
	var heads []*Entry
	held, behind := 0, make([]bool, len(page))
	changed := r.build(page)
	// Freeze first: what to do depends on the minute that an entry gets.
	if err := r.freeze(page); err != nil {
		return "", err
	}
	for i := range page {
		e := &page[i]
		if !e.Frozen() {
			continue
		}
		if !r.retried && e.State == Parked && !e.Unknown && !e.Duplicate {
			// What Stripe refused in an earlier life may have been mended.
			e.State, e.Reason = Sealed, ""
		}
		before := *e
		act := plan(e, now, stripe, r.nothingSent)
		k := laneOf(e)
		if _, ok := busy[k]; ok && e.State != Parked {
			*e = before
			e.Reason = "waits for an earlier entry of this customer and hour"
			act, behind[i] = actWait, true
		} else if e.State != Parked {
			busy[k] = head{}
			heads = append(heads, e)
		}
		if e.State == Held && before.State != Held {
			held++
		}
		if act == actWait {
			if *e != before {
				changed = append(changed, *e)
			}
			continue
		}
		jobs = append(jobs, job{e: e, act: act})
	}
	if err := wrap("store parked entries", r.store.Settle(changed)); err != nil {
		return "", err
	}
	// What the summaries clear is sent in the same pass.
	if err := r.verify(ctx, jobs, now, stripe); err != nil {
		return "", err
	}
	if paused, err = r.send(ctx, jobs, stripe); err != nil {
		return "", err
	}
	if held > 0 {
		r.log.Warn("usage held: it is older than 20 hours, and is sent once Stripe's summaries show that it isn't there", "entries", held)
	}
	for _, e := range heads {
		busy[laneOf(e)] = head{due: e.NotBefore, held: e.State == Held}
	}
	for i := range page {
		e := page[i]
		if behind[i] {
			// It waits for the first one of its lane.
			first := busy[laneOf(&e)]
			e.NotBefore = max(e.NotBefore, first.due)
			if first.held {
				e.State = Held
			}
		}
		d.note(&e, now)
	}
	return paused, nil
}

// build fills the requests of the entries that aren't frozen, or parks them,
// and returns those that it changed without making them ready. A parked entry
// is built again in every pass, so that it goes out by itself when the
// configuration was mended.
func (r *reporter) build(page []Entry) (changed []Entry) {
	parked, reason := 0, ""
	for i := range page {
		e := &page[i]
		if e.Frozen() {
			continue
		}
		before := *e
		if err := r.biller.Build(e); err != nil {
			park(e, err.Error())
			if *e != before {
				changed = append(changed, *e)
				parked, reason = parked+1, e.Reason
			}
			continue
		}
		e.State, e.Reason = Sealed, ""
	}
	if parked > 0 {
		r.log.Warn("usage parked: it can't be billed as the configuration stands",
			"entries", parked, "reason", reason, "hint", "mend agent.toml and restart; parked usage is sent then")
	}
	return changed
}

// freeze gives every entry that was built its timestamp, durably.
func (r *reporter) freeze(page []Entry) error {
	var fresh []Entry
	var at []int
	for i := range page {
		if !page[i].Frozen() && page[i].State == Sealed && page[i].Account != "" {
			fresh = append(fresh, page[i])
			at = append(at, i)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := r.store.Attempt(fresh); err != nil {
		return fmt.Errorf("freeze entries: %w", err)
	}
	for i, j := range at {
		page[j] = fresh[i]
	}
	return nil
}

// verify reads back the held entries among jobs, and turns those that may be
// sent into sends.
func (r *reporter) verify(ctx context.Context, jobs []job, now, stripe time.Time) error {
	r.each(jobs, actVerify, func(j *job) { j.seen, j.err = r.readBack(ctx, j.e) })
	for i := range jobs {
		j := &jobs[i]
		if j.act != actVerify {
			continue
		}
		var broken *storeError
		if errors.As(j.err, &broken) {
			return fmt.Errorf("read the ledger: %w", broken.error)
		}
		if j.err != nil {
			unread(j.e, j.err, now, stripe)
			continue
		}
		if verified(j.e, j.seen, now, stripe) {
			j.act = actSend
		}
	}
	return nil
}

// storeError is an error of the store, which ends the process, among those of
// Stripe, which don't.
type storeError struct{ error }

func (e *storeError) Unwrap() error { return e.error }

// readBack asks Stripe's summaries for a held entry.
//
// The whole window is what counts, since another life of this agent, whose
// state is lost, may have frozen other values and minutes under the same
// identifiers. Only one entry of an account and window is on its way at a
// time: what Stripe has beyond the ledger is that entry, or it is foreign.
// Nothing is called absent while Stripe has more than the ledger, so that no
// unit is doubled. Another agent that bills the same customer makes the window
// unclear; then the entry's own minute can still show that it is there.
func (r *reporter) readBack(ctx context.Context, e *Entry) (evidence, error) {
	hour, err := r.biller.Summary(ctx, e, e.Window.Start(), e.Window.End())
	if err != nil {
		return evidence{}, err
	}
	known, err := r.store.Delivered(e)
	if err != nil {
		return evidence{}, &storeError{err}
	}
	more, value := int64(hour)-int64(known), int64(e.Value)
	ev := evidence{absent: more <= 0, units: more}
	if e.Attempts == 0 && more != value {
		return ev, nil
	}
	// The entry's own minute: Stripe may have dropped another entry of the
	// window, or have another agent's usage in it.
	got, err := r.biller.Summary(ctx, e, e.Time(), e.Time().Add(time.Minute))
	if err != nil {
		return evidence{}, err
	}
	minute := int64(got)
	ev.there = minute == value || more == value && e.Attempts > 0
	ev.absent = ev.absent && minute == 0
	return ev, nil
}

// send marks, sends and settles the sends among jobs, and stores the rest.
func (r *reporter) send(ctx context.Context, jobs []job, stripe time.Time) (paused string, err error) {
	var marks []Entry
	for i := range jobs {
		if j := &jobs[i]; j.act == actSend {
			j.before = *j.e
			markAttempt(j.e, stripe)
			marks = append(marks, *j.e)
		}
	}
	if len(marks) > 0 {
		if err := r.store.Attempt(marks); err != nil {
			return "", fmt.Errorf("mark attempts: %w", err)
		}
	}
	var b breaker
	r.each(jobs, actSend, func(j *job) {
		if ctx.Err() == nil && !b.open() {
			j.outcome, j.sent = r.biller.Send(ctx, j.e), true
			b.note(j.outcome.Verdict)
		}
	})
	now := r.now()
	done := make([]Entry, 0, len(jobs))
	for i := range jobs {
		j := &jobs[i]
		switch {
		case j.act != actSend:
		case !j.sent:
			*j.e = j.before
			j.e.NotBefore = now.Add(backoffFirst).Unix()
		default:
			settle(j.e, j.outcome, j.before.Unknown, now, stripe)
			if j.outcome.Verdict == VerdictPaused {
				paused = j.outcome.Reason
			}
			if j.e.State == Parked {
				r.log.Warn("entry parked: Stripe refused it", "identifier", j.e.Identifier,
					"event_name", j.e.EventName, "value", j.e.Value, "reason", j.e.Reason)
			}
		}
		done = append(done, *j.e)
	}
	if len(done) > 0 {
		err = wrap("settle entries", r.store.Settle(done))
	}
	return paused, err
}

// breaker ends a pass early when calls are of no use: after one that says that
// none can succeed, or after many without an answer in a row. Its methods may
// be called from several goroutines.
type breaker struct{ failures atomic.Int32 }

// breakAfter is far above what a few bad answers in a row come to.
const breakAfter = 2 * calls

func (b *breaker) open() bool { return b.failures.Load() >= breakAfter }

func (b *breaker) note(v Verdict) {
	switch v {
	case VerdictPaused:
		b.failures.Add(breakAfter)
	case VerdictUnknown:
		b.failures.Add(1)
	default:
		if !b.open() {
			b.failures.Store(0)
		}
	}
}

// each runs f for the jobs that want act, a few at once. The Biller sees to it
// that no two calls of one customer and meter are under way together.
func (r *reporter) each(jobs []job, act action, f func(*job)) {
	next := make(chan *job, len(jobs))
	for i := range jobs {
		if jobs[i].act == act {
			next <- &jobs[i]
		}
	}
	close(next)
	var wg sync.WaitGroup
	for range min(calls, len(next)) {
		wg.Go(func() {
			for j := range next {
				f(j)
				r.pulse.beat()
			}
		})
	}
	wg.Wait()
}

// note counts an entry as a pass left it.
func (d *Delivery) note(e *Entry, now time.Time) {
	switch e.State {
	case Accepted:
		d.Accepted++
		return
	case Parked:
		d.Parked++
		return
	case Held:
		d.Held++
	default:
		d.Waiting++
	}
	due := time.Unix(e.NotBefore, 0)
	if due.Before(now) {
		due = now
	}
	if d.Next.IsZero() || due.Before(d.Next) {
		d.Next = due
	}
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
