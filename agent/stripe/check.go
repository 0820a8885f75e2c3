package stripe

import (
	"context"
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

// Report is what Check found.
type Report struct {
	// Account is the id of the Stripe account. It is "" with AccountHidden
	// when the key may not read it, and without when the question failed: then
	// nothing is known of whose key it is.
	Account       string
	AccountHidden bool
	// Live is the mode that the key is for.
	Live bool
	// MeterIDs are Stripe's ids of the configured meters by event name, as far
	// as they are there; nil when the key may not list them. An event name
	// that leads to another meter than before bills something else.
	MeterIDs map[string]string
	// Reached says that Stripe answered at all.
	Reached bool
	// Findings are in the order in which a person should read them.
	Findings []Finding
}

// Finding is one thing that Check looked at.
type Finding struct {
	Severity Severity
	Text     string // what is so, and what to do about it
}

// Severity says how much a Finding matters.
type Severity = agent.Severity

// The severities.
const (
	OK      = agent.OK
	Warning = agent.Warning
	Problem = agent.Problem
)

// Worst returns the highest severity among the findings.
func (r *Report) Worst() Severity {
	worst := OK
	for _, f := range r.Findings {
		worst = max(worst, f.Severity)
	}
	return worst
}

func (r *Report) add(s Severity, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{s, fmt.Sprintf(format, args...)})
}

// Check asks Stripe whether usage can be billed as things stand: the key and
// its permissions, the account, the clock, and each meter. It creates nothing:
// the one POST among its calls lacks what every event must have.
func (b *Biller) Check(ctx context.Context) Report {
	r := Report{Live: b.live}
	if !b.checkAccount(ctx, &r) {
		return r
	}
	b.checkClock(&r)
	b.checkWrite(ctx, &r)
	if b.checkList(ctx, &r) {
		b.checkMeters(&r)
		b.checkSummaries(ctx, &r)
	}
	return r
}

// Start asks what has to be known before anything is sent: whose the key is,
// the clock, and the meters. It only reads.
func (b *Biller) Start(ctx context.Context) Report {
	r := Report{Live: b.live}
	if b.checkAccount(ctx, &r) {
		b.checkClock(&r)
		if b.checkList(ctx, &r) {
			b.checkMeters(&r)
		}
	}
	return r
}

// account is what is read of GET /v1/account.
type account struct {
	stripe.APIResource
	ID       string `json:"id"`
	Object   string `json:"object"`
	Settings struct {
		Dashboard struct {
			Name string `json:"display_name"`
		} `json:"dashboard"`
	} `json:"settings"`
}

// checkAccount returns whether it is of use to go on.
func (b *Biller) checkAccount(ctx context.Context, r *Report) bool {
	mode := "test"
	if b.live {
		mode = "live"
	}
	acct := &account{}
	err := b.ask(ctx, "read the account", func(ctx context.Context) error {
		return b.call(http.MethodGet, "/v1/account", &stripe.AccountParams{Params: stripe.Params{Context: ctx}}, acct)
	})
	r.Reached = b.reach.answering()
	switch {
	case errors.Is(err, errForbidden):
		r.AccountHidden = true
		r.add(OK, "the key works, in %s mode; it may not read the account, so the account's id stays unknown", mode)
	case err != nil && !r.Reached:
		r.add(Problem, "%s; this machine must be able to reach %s by HTTPS, directly or through HTTPS_PROXY", err, b.base)
		return false
	case err != nil:
		r.add(Problem, "%s", err)
		return false
	case acct.Object != "account" || acct.ID == "":
		r.add(Problem, "read the account: the answer is no account; is there a proxy in between?")
		return false
	default:
		r.Account = acct.ID
		name := ""
		if n := acct.Settings.Dashboard.Name; n != "" {
			name = " " + shown(n)
		}
		r.add(OK, "the key works, in %s mode, for account %s%s", mode, acct.ID, name)
	}
	if b.live && !b.restricted {
		r.add(Warning, "the key is a secret key, which may do everything in the account; "+
			"a restricted key with \"Billing meter events: Write\" and \"Billing meters: Read\" is enough")
	}
	return true
}

func (b *Biller) checkClock(r *Report) {
	skew := b.clock.skew()
	where := "ahead of"
	if skew < 0 {
		where = "behind"
	}
	if skew.Abs() >= skewWarn {
		r.add(Warning, "the local clock is %s %s Stripe's; set it (NTP), since hours are taken from the log's own times",
			skew.Abs().Round(time.Second), where)
	}
}

// checkWrite proves the permission to send with a request that can't become an
// event: it has neither event_name nor payload.
func (b *Biller) checkWrite(ctx context.Context, r *Report) {
	ctx, x := watch(ctx)
	if err := b.writes.wait(ctx); err != nil {
		r.add(Problem, "try to send: %s", err)
		return
	}
	err := b.call(http.MethodPost, "/v1/billing/meter_events",
		&stripe.BillingMeterEventParams{Params: stripe.Params{Context: ctx}}, &stripe.APIResource{})
	var se *stripe.Error
	switch {
	case err != nil && x.status == http.StatusBadRequest && errors.As(err, &se):
		r.add(OK, "the key may send usage")
	case err != nil:
		r.add(Problem, "try to send: %s", judge(err, x, "").Reason)
	default:
		r.add(Warning, "try to send: Stripe took a request that has neither event_name nor payload; is the API base right?")
	}
}

// checkList returns whether the meters are known.
func (b *Biller) checkList(ctx context.Context, r *Report) bool {
	err := b.readMeters(ctx)
	if err != nil {
		r.add(Problem, "%s", err)
		return false
	}
	b.catalogue.mu.Lock()
	defer b.catalogue.mu.Unlock()
	lacks := forbidden("rak_billing_meter_read")
	switch {
	case b.catalogue.refused:
		r.add(Warning, "%s; until then the meters can't be checked, the payload keys %s and %s are assumed, and held usage can't be verified",
			lacks, defaultCustomerKey, defaultValueKey)
		return false
	case b.catalogue.lost:
		r.add(Warning, "%s; it had it before, so usage is sent as the meters were then, and held usage can't be verified", lacks)
		return false
	}
	return true
}

func (b *Biller) checkMeters(r *Report) {
	b.catalogue.mu.Lock()
	defer b.catalogue.mu.Unlock()
	r.MeterIDs = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(b.meters)) {
		event := b.meters[name].EventName
		m := b.catalogue.find(event)
		if m != nil {
			r.MeterIDs[event] = m.id
		}
		switch {
		case m == nil:
			r.add(Problem, "meter.%s: Stripe has no meter with the event_name %q; create one (formula sum), or correct event_name%s",
				name, event, b.catalogue.others(event))
		case m.live != b.live:
			r.add(Problem, "meter.%s: Stripe's meter %s is of the other mode than the key", name, m.id)
		case m.unfit() != "":
			r.add(Problem, "meter.%s: Stripe's meter %s (%s) %s", name, m.id, shown(m.displayName), m.unfit())
		default:
			r.add(OK, "meter.%s: goes to %s (%s), event_name %q, payload keys %s and %s",
				name, m.id, shown(m.displayName), event, m.customerKey, m.valueKey)
		}
	}
}

// others lists the event names that could have been meant.
func (c *catalogue) others(event string) string {
	const most = 8
	var names []string
	for i := range c.meters {
		if m := &c.meters[i]; m.unfit() == "" && !slices.Contains(names, shown(m.eventName)) {
			names = append(names, shown(m.eventName))
		}
	}
	if len(names) == 0 {
		return "; the account has no meter that fits"
	}
	slices.SortFunc(names, func(x, y string) int { return distance(x, shown(event)) - distance(y, shown(event)) })
	more := ""
	if len(names) > most {
		names, more = names[:most], ", …"
	}
	return "; those that fit are " + strings.Join(names, ", ") + more
}

// distance is the number of single-byte edits between two names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// checkSummaries proves the permission to read summaries, for a customer that
// need not exist: that is another refusal than a missing permission.
func (b *Biller) checkSummaries(ctx context.Context, r *Report) {
	b.catalogue.mu.Lock()
	id := ""
	for _, name := range slices.Sorted(maps.Keys(b.meters)) {
		if s := b.catalogue.find(b.meters[name].EventName); s != nil {
			id = s.id
			break
		}
	}
	b.catalogue.mu.Unlock()
	if id == "" {
		return
	}
	customer := "cus_logmetercheck"
	if logged := slices.Sorted(maps.Keys(b.customers.Map)); len(logged) > 0 {
		customer = b.customers.Map[logged[0]]
	}
	now, ok := b.clock.read()
	if !ok {
		return
	}
	start := now.Add(-time.Hour).Truncate(time.Minute).Unix()
	_, err := b.total(ctx, id, customer, start, start+60)
	switch {
	case err == nil, errors.Is(err, errRefused):
		r.add(OK, "the key may read event summaries")
	default:
		r.add(Warning, "%s; until then usage whose delivery is in doubt stays held", err)
	}
}
