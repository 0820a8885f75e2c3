package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/stripe/stripe-go/v76"

	"github.com/logmeter/logmeter/agent"
)

// maxHours bounds the windows of one audit: the time for which entries are
// kept after they were billed.
const maxHours = 40 * 24

var _ agent.Auditor = (*Biller)(nil)

// Hours implements agent.Auditor: a read for each hundred windows that have
// usage. It ends with an error that wraps agent.ErrNoBudget once audits have
// used their share of the month's reads.
func (b *Biller) Hours(ctx context.Context, eventName, account string, from, to agent.Window) ([]agent.HourSum, error) {
	const doing = "read a customer's hours"
	if n := int64(to) - int64(from); n < 1 || n > maxHours {
		return nil, fmt.Errorf("%s: %d windows; want 1 to %d", doing, n, maxHours)
	}
	m, err := b.readable(ctx, doing, eventName)
	if err != nil {
		return nil, err
	}
	var hours []agent.HourSum
	p := &summaryParams{
		Customer:  stripe.String(account),
		StartTime: stripe.Int64(from.Start().Unix()),
		EndTime:   stripe.Int64(to.Start().Unix()),
		Grouping:  stripe.String("hour"),
		Limit:     stripe.Int64(100),
	}
	for {
		if err := b.allotment.spare(b.stripeTime()); err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
		var page summaries
		err := b.ask(ctx, doing, func(ctx context.Context) error {
			p.Context = ctx
			return b.call(http.MethodGet, stripe.FormatURLPath("/v1/billing/meters/%s/event_summaries", m.id), p, &page)
		})
		if err != nil {
			return nil, b.unreadable(err)
		}
		if page.Object != "list" {
			return nil, noList(doing)
		}
		for i := range page.Data {
			h, err := b.hourOf(&page.Data[i], from, to)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", doing, err)
			}
			hours = append(hours, h)
		}
		if !page.More || len(page.Data) == 0 {
			break
		}
		last := page.Data[len(page.Data)-1].ID
		if last == "" || len(hours) > maxHours {
			return nil, errors.New(doing + ": the list doesn't end; is there a proxy in between?")
		}
		p.StartingAfter = &last
	}
	slices.SortFunc(hours, func(x, y agent.HourSum) int { return int(x.Window - y.Window) })
	for i := 1; i < len(hours); i++ {
		if hours[i].Window == hours[i-1].Window {
			return nil, fmt.Errorf("%s: the hour %s is there twice", doing, hours[i].Window)
		}
	}
	return hours, nil
}

// hourOf reads a summary that has to be one hour's.
func (b *Biller) hourOf(s *summary, from, to agent.Window) (agent.HourSum, error) {
	w := agent.WindowOf(unix(s.Start))
	if s.Start != w.Start().Unix() || s.End != w.End().Unix() || w < from || w >= to || s.Live != b.live {
		return agent.HourSum{}, errors.New("the answer is about another time or mode than was asked for")
	}
	n, err := wholeNumber(s.Value.String())
	return agent.HourSum{Window: w, Sum: n}, err
}

func unix(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }
