package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// pageSize bounds the entries in memory, and calls is how many are under way
// at once, never two of one customer and meter. With answers that take 100 ms,
// 64 of them come to 600 entries a second; the Biller keeps the rate below what
// Stripe allows.
const (
	pageSize = 512
	calls    = 64
)

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
	first, err := r.store.Pending(nil, 1)
	if err != nil || len(first) == 0 {
		r.trouble = ""
		return d, wrap("read the outbox", err)
	}
	stripe, err := r.biller.Now(ctx)
	if err != nil {
		r.say(ctx, "usage can't be sent now: "+err.Error())
		r.unreachable++
		d.Next = r.now().Add(min(backoff(r.unreachable), reportEvery))
		waiting, err := r.store.Pending(nil, pageSize)
		d.Waiting = len(waiting)
		return d, wrap("read the outbox", err)
	}
	r.unreachable = 0
	busy := map[lane]head{}
	defer r.tell()
	var last *Entry
	for {
		if ctx.Err() != nil {
			d.Partial = true
			break
		}
		page, paused, err := r.nextPage(ctx, last, busy, stripe, &d)
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
		last = &page[len(page)-1]
	}
	r.retried = r.retried || !d.Partial
	if !d.Partial {
		r.trouble = ""
	}
	if d.Accepted > 0 {
		r.log.Info("usage delivered", "entries", d.Accepted, "waiting", d.Waiting, "held", d.Held, "parked", d.Parked)
	}
	return d, nil
}

// nextPage reads the page behind last, and delivers it while no person changes
// anything in it.
func (r *reporter) nextPage(ctx context.Context, last *Entry, busy map[lane]head, stripe time.Time, d *Delivery) (page []Entry, paused string, err error) {
	defer r.desk.hold()()
	if page, err = r.store.Pending(last, pageSize); err != nil {
		return nil, "", wrap("read the outbox", err)
	}
	paused, err = r.deliverPage(ctx, page, busy, stripe, d)
	return page, paused, err
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
	part    *Entry   // of a verify: what Stripe has of e
	invoice string   // that is final already, of a send
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
	due    int64 // its NotBefore
	held   bool
	parked bool
}

// holdsBack reports whether e may not pass h. A parked entry holds back those
// that were counted behind it: if one of them went out, another life of this
// agent that cuts all of them into one entry would bill it twice. A person's
// decision, and what a person added, pass.
func (h head) holdsBack(e *Entry) bool { return !h.parked || !e.Released && !e.Adjustment }

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
		first, ok := busy[k]
		switch {
		case e.State == Parked:
			if !ok && !e.Adjustment {
				busy[k] = head{parked: true}
			}
		case ok && first.holdsBack(e):
			*e = before
			e.Reason = "waits for an earlier entry of this customer and hour"
			if first.parked {
				e.Reason += ", which is parked"
			}
			act, behind[i] = actWait, true
		default:
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
	r.late(ctx, jobs, stripe)
	if paused, err = r.send(ctx, jobs, stripe); err != nil {
		return "", err
	}
	r.news.held += held
	for _, e := range heads {
		busy[laneOf(e)] = head{due: e.NotBefore, held: e.State == Held, parked: e.State == Parked}
	}
	for i := range page {
		e := page[i]
		if behind[i] {
			// It waits for the first one of its lane.
			first := busy[laneOf(&e)]
			e.NotBefore = max(e.NotBefore, first.due)
			switch {
			case first.held:
				e.State = Held
			case first.parked:
				e.State = Parked
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
		r.news.parked, r.news.reason = r.news.parked+parked, reason
	}
	return changed
}

// news is what a pass has to tell of many entries at once.
type news struct {
	parked, held int
	reason       string // of the last one parked
}

func (r *reporter) tell() {
	if n := r.news.parked; n > 0 {
		r.log.Warn("usage parked: it can't be billed as the configuration stands",
			"entries", n, "reason", r.news.reason,
			"hint", "mend agent.toml; parked usage is sent then. logmeter outbox list shows all of it")
	}
	if n := r.news.held; n > 0 {
		r.log.Warn("usage held: it is older than 20 hours, and is sent once Stripe's summaries show that it isn't there", "entries", n)
	}
	r.news = news{}
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
		if j.part != nil {
			done = append(done, *j.part)
			r.log.Warn("entry settled at what Stripe has of it; the rest goes out by itself", "identifier", j.part.Identifier,
				"stripe", j.part.Value, "rest", j.e.Value,
				"hint", "an earlier state sent the part, or a second agent runs under this name")
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
const breakAfter = 32

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
