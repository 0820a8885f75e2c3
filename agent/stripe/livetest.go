package stripe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"

	"github.com/logmeter/logmeter/agent"
)

const (
	// liveTestEvery is the time between two looks at the summaries, and
	// liveTestPatience how long they may take: people see seconds to two
	// minutes, Stripe promises nothing.
	liveTestEvery    = 5 * time.Second
	liveTestPatience = 10 * time.Minute
)

// LiveTest proves with Stripe itself what delivery relies on: that an event is
// taken, that its identifier is refused the second time, and that the event
// summaries show it. It sends one event of value 1 for a Stripe customer, which
// should be one made for tests, and cancels it in the end. It works in test
// mode only. Progress is told line by line; an error says what isn't as it
// should be, and whether the event was left behind.
func (b *Biller) LiveTest(ctx context.Context, account string, progress func(string)) error {
	return b.liveTest(ctx, account, liveTestEvery, liveTestPatience, progress)
}

func (b *Biller) liveTest(ctx context.Context, account string, every, patience time.Duration, progress func(string)) error {
	if b.live {
		return errors.New("the live test bills a call, so it is for test mode only; use a test key and live = false")
	}
	if !isCustomerID(account) {
		return fmt.Errorf("%s is no Stripe customer; want the id of a test customer, cus_…", shown(account))
	}
	e, err := b.liveTestEntry(ctx, account)
	if err != nil {
		return err
	}
	from, to := e.Time(), e.Time().Add(time.Minute)
	before, err := b.Summary(ctx, e, from, to)
	if err != nil {
		return err
	}
	progress(fmt.Sprintf("sending one event of value 1 to the meter with the event_name %q, identifier %s", e.EventName, e.Identifier))
	o := b.Send(ctx, e)
	if o.Verdict == agent.VerdictBusy || o.Verdict == agent.VerdictPaused || o.Verdict == agent.VerdictRefused {
		return fmt.Errorf("send the event: %s; nothing was left behind", o.Reason)
	}
	// From here on the event may be with Stripe, whatever else goes wrong.
	err = b.liveTestSent(ctx, e, o, before, every, patience, progress)
	return errors.Join(err, b.takeBack(ctx, e, progress))
}

// liveTestEntry returns the event to send, which no log stands for.
func (b *Biller) liveTestEntry(ctx context.Context, account string) (*agent.Entry, error) {
	now, err := b.Now(ctx)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(b.meters))
	var why error
	for _, name := range names {
		m, err := b.readable(ctx, "read the meter", b.meters[name].EventName)
		switch {
		case err != nil:
			why = err
		case m.unfit() != "":
			why = fmt.Errorf("meter.%s: Stripe's meter %s %s", name, m.id, m.unfit())
		default:
			at := now.Add(-time.Minute).Truncate(time.Minute)
			return &agent.Entry{
				Meter: name, Window: agent.WindowOf(at), Seq: 1, Value: 1,
				Identifier: "lm1-livetest-" + strings.ToLower(rand.Text()),
				EventName:  m.eventName, Account: account, CustomerKey: m.customerKey, ValueKey: m.valueKey,
				Timestamp: at.Unix(),
			}, nil
		}
	}
	if why == nil {
		why = errors.New("the configuration has no meter; add a [meter.NAME] table")
	}
	return nil, why
}

// liveTestSent looks at what Stripe does with an event that was sent.
func (b *Biller) liveTestSent(ctx context.Context, e *agent.Entry, o agent.Outcome, before int64, every, patience time.Duration, progress func(string)) error {
	if o.Verdict != agent.VerdictAccepted {
		return fmt.Errorf("send the event: %s", o.Reason)
	}
	progress("accepted; sending it again under the same identifier")
	again := *e
	again.KeyEpoch++
	switch o := b.Send(ctx, &again); o.Verdict {
	case agent.VerdictDuplicate:
		progress("refused as one that Stripe has, as it must be; waiting for the event summaries to show it")
	case agent.VerdictAccepted:
		return errors.New("the same identifier was taken twice, so a lost answer could bill usage twice; don't bill by this account before Stripe has explained it")
	default:
		return fmt.Errorf("send the event again: %s", o.Reason)
	}
	began := b.now()
	for {
		n, err := b.Summary(ctx, e, e.Time(), e.Time().Add(time.Minute))
		took := b.now().Sub(began).Round(time.Second)
		switch {
		case err == nil && n == before+1:
			progress(fmt.Sprintf("the summaries show it after %v", took))
			return nil
		case err == nil && n != before:
			return fmt.Errorf("the summary of its minute went from %d to %d, want %d; does something else send usage for this customer?", before, n, before+1)
		case errors.Is(err, agent.ErrNoSummaries):
			return err
		case took >= patience:
			return errors.Join(err, fmt.Errorf("the summaries don't show the event after %v: either the customer doesn't exist and Stripe dropped it, or they lag", took))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
	}
}

// adjustment is Stripe's answer to a cancellation.
type adjustment struct {
	stripe.APIResource
	Object string `json:"object"`
	Status string `json:"status"`
}

// takeBack cancels an event, also when ctx has ended.
func (b *Biller) takeBack(ctx context.Context, e *agent.Entry, progress func(string)) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer stop()
	if err := b.writes.wait(ctx); err != nil {
		return fmt.Errorf("cancel the event: %w", err)
	}
	ctx, x := watch(ctx)
	p := &stripe.BillingMeterEventAdjustmentParams{
		EventName: stripe.String(e.EventName),
		Type:      stripe.String("cancel"),
		Cancel:    &stripe.BillingMeterEventAdjustmentCancelParams{Identifier: stripe.String(e.Identifier)},
	}
	p.Context = ctx
	var a adjustment
	err := b.call(http.MethodPost, "/v1/billing/meter_event_adjustments", p, &a)
	switch {
	case err != nil:
		return fmt.Errorf("cancel the event: %s; an event of value 1, identifier %s, may be left with Stripe", judge(err, x, "").Reason, e.Identifier)
	case a.Object != "billing.meter_event_adjustment":
		return errors.New("cancel the event: the answer is no adjustment; is there a proxy in between?")
	}
	progress("cancelled the event (" + a.Status + ")")
	return nil
}
