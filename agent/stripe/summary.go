package stripe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"

	"github.com/logmeter/logmeter/agent"
)

// summary is an event summary. The SDK's own type holds the value as a float.
type summary struct {
	ID    string      `json:"id"`
	Value json.Number `json:"aggregated_value"`
	Start int64       `json:"start_time"`
	End   int64       `json:"end_time"`
	Live  bool        `json:"livemode"`
}

// summaries is a page of them.
type summaries struct {
	stripe.APIResource
	Object string    `json:"object"`
	More   bool      `json:"has_more"`
	Data   []summary `json:"data"`
}

// Summary reads back, exactly, the sum of what Stripe has under a frozen
// entry's event name and account from from up to, not including, to; both are
// whole minutes. 0 means that its summaries show nothing there (yet: they
// lag). An error says nothing about the entry; it wraps agent.ErrNoSummaries
// when the key lacks the permission or Stripe has no such meter.
func (b *Biller) Summary(ctx context.Context, e *agent.Entry, from, to time.Time) (int64, error) {
	if !e.Frozen() || from.Unix()%60 != 0 || to.Unix()%60 != 0 || !from.Before(to) {
		return 0, errors.New("read an event summary: the entry isn't frozen, or the range isn't one of whole minutes: a fault in logmeter")
	}
	m, err := b.readable(ctx, "read an event summary", e.EventName)
	if err != nil {
		return 0, err
	}
	n, err := b.total(ctx, m.id, e.Account, from.Unix(), to.Unix())
	return n, b.unreadable(err)
}

// readable returns the meter with an event name, if its summaries can be read.
func (b *Biller) readable(ctx context.Context, doing, eventName string) (*settings, error) {
	if !b.catalogue.known() {
		if err := b.readMeters(ctx); err != nil {
			return nil, err
		}
	}
	m, err := b.catalogue.settings(eventName)
	switch {
	case err != nil:
		return nil, &readError{doing, err.Error(), agent.ErrNoSummaries}
	case m.id == "":
		return nil, &readError{doing, forbidden("rak_billing_meter_read"), agent.ErrNoSummaries}
	}
	return m, nil
}

// unreadable makes the lack of a permission one of agent.ErrNoSummaries.
func (b *Biller) unreadable(err error) error {
	if errors.Is(err, errForbidden) {
		return &readError{err.Error(), "nothing can be verified until then", agent.ErrNoSummaries}
	}
	return err
}

// summaryParams ask for the summaries of a range of time. The SDK's own type
// only goes with its own answer.
type summaryParams struct {
	stripe.Params `form:"*"`
	Customer      *string `form:"customer"`
	StartTime     *int64  `form:"start_time"`
	EndTime       *int64  `form:"end_time"`
	Grouping      *string `form:"value_grouping_window"`
	Limit         *int64  `form:"limit"`
	StartingAfter *string `form:"starting_after"`
}

// total reads what a customer used of a meter in a range of time: the value of
// the only summary that there may be, since no grouping is asked for.
func (b *Biller) total(ctx context.Context, meter, account string, from, to int64) (int64, error) {
	const doing = "read an event summary"
	var list summaries
	err := b.ask(ctx, doing, func(ctx context.Context) error {
		p := &summaryParams{
			Customer:  stripe.String(account),
			StartTime: stripe.Int64(from),
			EndTime:   stripe.Int64(to),
		}
		p.Context = ctx
		return b.call(http.MethodGet, stripe.FormatURLPath("/v1/billing/meters/%s/event_summaries", meter), p, &list)
	})
	switch {
	case err != nil:
		return 0, err
	case list.Object != "list":
		return 0, noList(doing)
	case len(list.Data) == 0 && !list.More:
		return 0, nil
	case len(list.Data) != 1 || list.More:
		return 0, errors.New(doing + ": several summaries for one range of time; want one")
	}
	s := list.Data[0]
	if s.Start != from || s.End <= from || s.End > to || s.Live != b.live {
		return 0, errors.New(doing + ": the answer is about another time or mode than was asked for")
	}
	n, err := wholeNumber(s.Value.String())
	if err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	return n, nil
}

// wholeNumber reads a JSON number exactly. Stripe writes 5 or 5.0.
func wholeNumber(s string) (int64, error) {
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || strings.Trim(fraction, "0") != "" {
		return 0, fmt.Errorf("the value %s isn't a whole number that can be read exactly", shown(s))
	}
	return n, nil
}
