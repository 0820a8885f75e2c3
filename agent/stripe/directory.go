package stripe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/stripe/stripe-go/v76"

	"github.com/logmeter/logmeter/agent"
)

// How often Stripe's list of customers is read. Callers can invent any number
// of values: what is asked for decides whether the list is read, never how
// often. A full reading of n pages comes at most every n quarters of an hour,
// one of the newest customers every half hour: six calls an hour together,
// whatever the account's size.
const (
	listPerPage  = 15 * time.Minute
	listNewest   = 30 * time.Minute
	listAgain    = 24 * time.Hour // although nothing new was asked for
	listRetry    = 5 * time.Minute
	maxListPages = 5000
)

// directory is what Stripe's customers say of themselves in their metadata. It
// is kept in documents, so that a start needs no reading.
type directory struct {
	key       string
	hash      func(string) string // of values; nil: as they are
	documents agent.Documents     // nil: not kept
	now       func() time.Time
	log       *slog.Logger

	reading sync.Mutex // held while the list is read

	mu     sync.Mutex        // guards what follows
	ids    map[string]string // by value; two ids with a blank between them when two have it
	full   time.Time         // the last full reading, by the local clock; zero: none in this life
	newest time.Time         // the last reading, full or not
	last   int64             // when the newest customer was created, by Stripe's clock
	pages  int               // of the last full reading
	wanted bool              // a value was asked for that isn't there
	failed time.Time         // the last reading that failed
	why    string            // it did
}

// documentKind holds a document for each value, named KEY, a zero byte, value.
const documentKind = "customers"

func newDirectory(c Customers, o Options) (*directory, error) {
	d := &directory{key: c.metadata(), hash: c.Hash, documents: o.Documents, now: o.Now, log: o.Log, ids: map[string]string{}}
	if d.key == "" {
		return nil, nil
	}
	if d.documents == nil {
		return d, nil
	}
	for doc, err := range d.documents.Documents(documentKind) {
		if err != nil {
			return nil, fmt.Errorf("read the customers: %w", err)
		}
		if key, value, ok := strings.Cut(doc.Name, "\x00"); ok && key == d.key {
			d.ids[value] = string(doc.Value)
		}
	}
	return d, nil
}

// account returns the customer with a value.
func (d *directory) account(value string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := d.ids[value]
	switch a, b, twice := strings.Cut(id, " "); {
	case twice:
		d.wanted = true
		return "", rejected("customer %s stands in the metadata %s of two Stripe customers, %s and %s; take it out of one, or add %s = \"cus_…\" to [customers.map]",
			shown(value), shown(d.key), a, b, shown(value))
	case id != "":
		return id, nil
	}
	d.wanted = true
	switch {
	case d.why != "":
		return "", rejected("customer %s: Stripe's customers can't be read now: %s", shown(value), d.why)
	case d.full.IsZero():
		return "", errors.New("the customers at Stripe weren't read yet")
	}
	return "", rejected("no Stripe customer has %s in its metadata %s; set it there, and the usage goes out when the list was read again, or add %s = \"cus_…\" to [customers.map]",
		shown(value), shown(d.key), shown(value))
}

// due returns whether to read the list, and whether all of it.
func (d *directory) due() (read, all bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	age := now.Sub(d.full)
	switch {
	case d.full.IsZero() && len(d.ids) == 0 && d.failed.IsZero():
		return true, true
	case now.Sub(d.failed) < listRetry:
		return false, false
	case d.full.IsZero():
		return d.wanted || !d.failed.IsZero(), true
	case age >= max(listAgain, time.Duration(d.pages)*listPerPage), d.wanted && age >= time.Duration(max(1, d.pages))*listPerPage:
		return true, true
	}
	return d.wanted && now.Sub(d.newest) >= listNewest, false
}

// refresh reads Stripe's customers when that is due. What fails is tried again
// later: what is known is used on meanwhile.
func (b *Biller) refresh(ctx context.Context) error {
	d := b.directory
	if d == nil {
		return nil
	}
	d.reading.Lock()
	defer d.reading.Unlock()
	read, all := d.due()
	if !read {
		return nil
	}
	found, pages, err := b.listCustomers(ctx, d, all)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		d.fail(err)
		return nil
	}
	return d.learn(found, pages, all)
}

func (d *directory) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	why := err.Error()
	if errors.Is(err, errForbidden) {
		why = forbidden("rak_customer_read")
	}
	if why != d.why {
		d.log.Warn("Stripe's customers can't be read; those that are known are billed", "reason", why)
	}
	d.failed, d.why = d.now(), why
}

// learn takes in a listing and keeps what changed.
func (d *directory) learn(found []listedCustomer, pages int, all bool) error {
	ids := map[string]string{}
	d.mu.Lock()
	last := d.last
	if !all {
		for value, id := range d.ids {
			ids[value] = id
		}
	}
	d.mu.Unlock()
	for _, c := range found {
		last = max(last, c.Created)
		value := strings.Trim(c.Metadata[d.key], " \t") // as logged values lose blanks
		if value == "" || !isCustomerID(c.ID) {
			continue
		}
		if d.hash != nil {
			value = d.hash(value)
		}
		switch known := ids[value]; {
		case known == "":
			ids[value] = c.ID
		case known != c.ID && !strings.Contains(known, " "):
			ids[value] = known + " " + c.ID
		}
	}
	var changed []agent.Document
	d.mu.Lock()
	for value, id := range ids {
		if d.ids[value] != id {
			changed = append(changed, agent.Document{Name: d.key + "\x00" + value, Value: []byte(id)})
		}
	}
	for value := range d.ids {
		if ids[value] == "" {
			changed = append(changed, agent.Document{Name: d.key + "\x00" + value})
		}
	}
	d.ids, d.newest, d.last, d.wanted, d.why, d.failed = ids, d.now(), last, false, "", time.Time{}
	if all {
		d.full, d.pages = d.newest, pages
	}
	d.mu.Unlock()
	// What isn't kept is read again in the next life.
	const batch = 1000
	for ; d.documents != nil && len(changed) > 0; changed = changed[min(batch, len(changed)):] {
		if err := d.documents.PutDocuments(documentKind, changed[:min(batch, len(changed))]); errors.Is(err, agent.ErrFull) {
			return nil
		} else if err != nil {
			return fmt.Errorf("keep the customers: %w", err)
		}
	}
	return nil
}

// listedCustomer is what a list of customers tells. Deleted ones aren't in it.
type listedCustomer struct {
	ID       string            `json:"id"`
	Created  int64             `json:"created"`
	Metadata map[string]string `json:"metadata"`
}

type customerList struct {
	stripe.APIResource
	Object string           `json:"object"`
	More   bool             `json:"has_more"`
	Data   []listedCustomer `json:"data"`
}

// listCustomers reads all customers, or those created since the newest known.
func (b *Biller) listCustomers(ctx context.Context, d *directory, all bool) (found []listedCustomer, pages int, err error) {
	const doing = "list the customers"
	d.mu.Lock()
	since := d.last
	first := d.full.IsZero()
	d.mu.Unlock()
	p := &meterListParams{Limit: stripe.Int64(100)}
	if !all {
		p.AddExtra("created[gte]", strconv.FormatInt(since, 10))
	}
	for pages < maxListPages {
		if !first {
			if err := b.allotment.spare(b.stripeTime()); err != nil {
				return nil, 0, err
			}
		}
		var page customerList
		err := b.ask(ctx, doing, func(ctx context.Context) error {
			p.Context = ctx
			return b.call(http.MethodGet, "/v1/customers", p, &page)
		})
		if err != nil {
			return nil, 0, err
		}
		if page.Object != "list" {
			return nil, 0, noList(doing)
		}
		pages++
		found = append(found, page.Data...)
		if !page.More || len(page.Data) == 0 {
			return found, pages, nil
		}
		last := page.Data[len(page.Data)-1].ID
		if last == "" || p.StartingAfter != nil && last == *p.StartingAfter {
			return nil, 0, errors.New(doing + ": the list doesn't go on where it ended; is there a proxy in between?")
		}
		p.StartingAfter = stripe.String(last)
	}
	return nil, 0, fmt.Errorf("%s: there are more than %d", doing, maxListPages*100)
}
