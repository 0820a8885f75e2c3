package stripe

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/stripe/stripe-go/v76"

	"github.com/logmeter/logmeter/agent"
)

// Send transmits a frozen entry at most once and says what that proves. It
// waits for its turn first: one call at a time for each customer and meter,
// and no more a second than Stripe takes. What ends while it waits, or before
// there was a connection, is busy: not a byte of it has left.
func (b *Biller) Send(ctx context.Context, e *agent.Entry) agent.Outcome {
	if !e.Frozen() || e.Identifier == "" || e.EventName == "" || e.Account == "" || e.CustomerKey == "" || e.ValueKey == "" {
		return agent.Outcome{Verdict: agent.VerdictRefused, Reason: "the entry isn't frozen: a fault in logmeter"}
	}
	leave, err := b.lanes.enter(ctx, lane{e.EventName, e.Account})
	if err != nil {
		return unsent(err)
	}
	defer leave()
	if b.reach.down() {
		return unsent(errors.New("no connection to Stripe a moment ago"))
	}
	if err := b.writes.wait(ctx); err != nil {
		return unsent(err)
	}
	ctx, x := watch(ctx)
	event, err := b.events.New(request(ctx, e))
	b.pace(b.writes, x, err)
	if err != nil {
		return judge(err, x, e.Identifier)
	}
	o := agent.Outcome{Verdict: agent.VerdictAccepted, RequestID: x.requestID, Time: x.time}
	if why := b.doubt(event, x, e); why != "" {
		o.Verdict, o.Reason = agent.VerdictUnknown, why
	}
	return o
}

func unsent(err error) agent.Outcome {
	return agent.Outcome{Verdict: agent.VerdictBusy, Reason: "not sent: " + scrub(err.Error())}
}

// request returns the call for an entry, the same for every attempt but for
// the key's epoch.
func request(ctx context.Context, e *agent.Entry) *stripe.BillingMeterEventParams {
	p := &stripe.BillingMeterEventParams{
		EventName:  stripe.String(e.EventName),
		Identifier: stripe.String(e.Identifier),
		Payload: map[string]string{
			e.CustomerKey: e.Account,
			e.ValueKey:    strconv.FormatInt(e.Value, 10),
		},
		Timestamp: stripe.Int64(e.Timestamp),
	}
	p.Context = ctx
	p.SetIdempotencyKey(fmt.Sprintf("%s#%d", e.Identifier, e.KeyEpoch))
	return p
}

// doubt tells why an answer that claims success doesn't prove it; "" when it
// does.
func (b *Biller) doubt(event *stripe.BillingMeterEvent, x *exchange, e *agent.Entry) string {
	differs := func(what string) string {
		return "Stripe's answer is a success, but its " + what + " isn't what was sent; is there a proxy in between?"
	}
	switch {
	case x.status < 200 || x.status > 299:
		return fmt.Sprintf("the answer (HTTP %d) is neither success nor error; is there a proxy in between?", x.status)
	case event.Object != "billing.meter_event":
		return differs("object")
	case event.Identifier != e.Identifier:
		return differs("identifier")
	case event.EventName != e.EventName:
		return differs("event_name")
	case event.Timestamp != e.Timestamp:
		return differs("timestamp")
	case event.Livemode != b.live:
		return differs("livemode")
	}
	return ""
}

// Now returns Stripe's time. It makes a call when no recent answer tells it,
// when the last call had no answer, or when the meters have to be read again:
// that call reads them. An error means that nothing could be billed now.
func (b *Biller) Now(ctx context.Context) (time.Time, error) {
	t, err := b.ready(ctx)
	if err != nil {
		return t, err
	}
	return t, b.refresh(ctx)
}

// ready reads Stripe's meters and time, unless both are known.
func (b *Biller) ready(ctx context.Context) (time.Time, error) {
	t, known := b.clock.read()
	if known && b.reach.answering() && b.catalogue.fresh(b.now()) {
		return t, nil
	}
	err := b.readMeters(ctx)
	if err != nil && !b.catalogue.known() {
		return time.Time{}, err
	}
	t, known = b.clock.read()
	if !known || !b.reach.answering() {
		return time.Time{}, errors.Join(err, errors.New("the time of Stripe isn't known"))
	}
	return t, nil
}
