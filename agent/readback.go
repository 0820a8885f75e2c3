package agent

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// verify reads back the held entries among jobs, and turns those that may be
// sent into sends.
func (r *reporter) verify(ctx context.Context, jobs []job, now, stripe time.Time) error {
	r.each(jobs, actVerify, func(j *job) { j.seen, j.err = readBack(ctx, r.biller, r.store, j.e) })
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
		var send bool
		if send, j.part = verified(j.e, j.seen, now, stripe); send {
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
// state is lost, or a second agent under its name may have cut the same usage
// into other entries with other minutes. Only one entry of an account and
// window is on its way at a time: what Stripe has beyond the ledger is that
// entry, or it is foreign. So it is there when that is exactly its value, and
// absent when it is nothing; anything else is unclear. An entry of which this
// state made no call is there only if its own minute says so too.
func readBack(ctx context.Context, b Biller, s Store, e *Entry) (evidence, error) {
	hour, err := b.Summary(ctx, e, e.Window.Start(), e.Window.End())
	if err != nil {
		return evidence{}, err
	}
	known, err := s.Delivered(e)
	if err != nil {
		return evidence{}, &storeError{err}
	}
	more := hour - known
	ev := evidence{units: more, there: more == e.Value && e.Attempts > 0}
	if ev.there {
		return ev, nil
	}
	if ev.minute, err = b.Summary(ctx, e, e.Time(), e.Time().Add(time.Minute)); err != nil {
		return evidence{}, err
	}
	ev.there = more == e.Value && ev.minute == e.Value
	ev.absent = ev.minute == 0 && (more == 0 || more > 0 == (e.Value < 0))
	return ev, nil
}

// late parks what would be sent too late for its invoice: Stripe would take it,
// and nobody would ever pay it. A person decides then.
func (r *reporter) late(ctx context.Context, jobs []job, stripe time.Time) {
	in, ok := r.biller.(Invoicer)
	if !ok || r.nothingSent {
		return
	}
	ask := func(j *job) bool {
		return j.act == actSend && !j.e.Released && stripe.Sub(j.e.Window.End()) > lateAfter
	}
	r.each(jobs, actSend, func(j *job) {
		if ask(j) {
			// What can't be read is no reason to keep usage back.
			j.invoice, _ = in.Invoiced(ctx, j.e)
		}
	})
	parked, invoice := 0, ""
	for i := range jobs {
		if j := &jobs[i]; j.invoice != "" {
			j.act = actPark
			park(j.e, "late: invoice "+j.invoice+" for its time is final already, so Stripe would take it and bill nobody")
			parked, invoice = parked+1, j.invoice
		}
	}
	if parked > 0 {
		r.log.Warn("usage parked: it comes too late for its invoice", "entries", parked, "invoice", invoice,
			"hint", "logmeter outbox list shows it; bill it by hand and write it off, or release it if the invoice can still take it")
	}
}
