package stripe

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/stripe/stripe-go/v76"

	"github.com/logmeter/logmeter/agent"
)

const (
	// invoicesFor is how long what was read of a customer's invoices holds.
	// Cycles take days; an invoice that becomes final meanwhile is missed for
	// that long.
	invoicesFor = 30 * time.Minute
	// invoicesRead is how many of a customer's latest invoices are looked at.
	// Usage older than 34 days isn't sent at all.
	invoicesRead = 20
	// maxInvoiced bounds the customers that are remembered.
	maxInvoiced = 20_000
)

// invoiceCache remembers which periods of a customer are billed for good.
type invoiceCache struct {
	mu     sync.Mutex
	known  map[string]closedPeriods // by Stripe customer
	denied time.Time                // until when the key's lack of a permission is believed
}

type closedPeriods struct {
	until time.Time // when it is read anew
	list  []closedPeriod
}

// closedPeriod is a time that an invoice, final by now, has billed for a meter.
type closedPeriod struct {
	invoice, meter string
	start, end     int64
}

// invoices is a page of a customer's invoices.
type invoices struct {
	stripe.APIResource
	Object string `json:"object"`
	Data   []struct {
		ID     string `json:"id"`
		Status string `json:"status"`
		Start  int64  `json:"period_start"`
		End    int64  `json:"period_end"`
		Live   bool   `json:"livemode"`
		Reason string `json:"billing_reason"`
		Lines  struct {
			Data []struct {
				Price struct {
					Recurring struct {
						Meter string `json:"meter"`
					} `json:"recurring"`
				} `json:"price"`
			} `json:"data"`
		} `json:"lines"`
	} `json:"data"`
}

type invoiceParams struct {
	stripe.Params `form:"*"`
	Customer      *string `form:"customer"`
	Limit         *int64  `form:"limit"`
}

var _ agent.Invoicer = (*Biller)(nil)

// Invoiced implements agent.Invoicer. An invoice of a subscription's cycle
// bills the usage of its meter between period_start and period_end, and takes
// usage while it is a draft
// (docs.stripe.com/billing/invoices/subscription#configure-grace-period). One
// read answers for all of a customer's usage for half an hour. It reads nothing
// once the month's reads are used up, or when the key may not read invoices.
func (b *Biller) Invoiced(ctx context.Context, e *agent.Entry) (string, error) {
	m, err := b.catalogue.settings(e.EventName)
	if err != nil || m.id == "" {
		return "", nil
	}
	periods, err := b.closedPeriods(ctx, e.Account)
	if err != nil {
		return "", err
	}
	for _, p := range periods {
		if p.meter == m.id && p.start <= e.Timestamp && e.Timestamp < p.end {
			return p.invoice, nil
		}
	}
	return "", nil
}

func (b *Biller) closedPeriods(ctx context.Context, account string) ([]closedPeriod, error) {
	c, now := &b.invoiced, b.now()
	c.mu.Lock()
	known, ok := c.known[account]
	denied := now.Before(c.denied)
	c.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.list, nil
	}
	if denied || b.allotment.spare(b.stripeTime()) != nil {
		return nil, nil
	}
	list, err := b.readInvoices(ctx, account)
	c.mu.Lock()
	defer c.mu.Unlock()
	if errors.Is(err, errForbidden) {
		if now.Before(c.denied) {
			return nil, nil // another call has said so
		}
		c.denied = now.Add(invoicesFor)
		b.log.Warn("the key may not read invoices: usage that comes too late for its invoice is sent, and nobody pays it",
			"hint", "give the restricted key read access to invoices", "reason", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if c.known == nil || len(c.known) >= maxInvoiced {
		c.known = map[string]closedPeriods{}
	}
	c.known[account] = closedPeriods{now.Add(invoicesFor), list}
	return list, nil
}

func (b *Biller) readInvoices(ctx context.Context, account string) ([]closedPeriod, error) {
	const doing = "read a customer's invoices"
	var page invoices
	err := b.ask(ctx, doing, func(ctx context.Context) error {
		p := &invoiceParams{Customer: stripe.String(account), Limit: stripe.Int64(invoicesRead)}
		p.Context = ctx
		return b.call(http.MethodGet, "/v1/invoices", p, &page)
	})
	if err != nil {
		return nil, err
	}
	if page.Object != "list" {
		return nil, noList(doing)
	}
	var list []closedPeriod
	for _, in := range page.Data {
		if in.Live != b.live || in.Status == "draft" || in.Status == "void" || in.Reason != "subscription_cycle" {
			continue
		}
		for _, l := range in.Lines.Data {
			if meter := l.Price.Recurring.Meter; meter != "" {
				list = append(list, closedPeriod{in.ID, meter, in.Start, in.End})
			}
		}
	}
	return list, nil
}
