package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/stripe/stripe-go/v76"

	"github.com/logmeter/logmeter/agent"
)

// judge says what a call that ended in an error proves. The identifier is that
// of the entry sent, "" for a call that sent none.
func judge(err error, x *exchange, identifier string) agent.Outcome {
	o := agent.Outcome{RequestID: x.requestID, Time: x.time, RetryAfter: x.retryAfter}
	var se *stripe.Error
	typed := errors.As(err, &se)
	switch {
	case x.status == 0 && !x.left.Load():
		o.Verdict, o.Reason = agent.VerdictBusy, "no connection to Stripe: "+cause(err)
	case x.status == 0:
		o.Verdict, o.Reason = agent.VerdictUnknown, "no answer from Stripe: "+cause(err)
	case x.status >= 500:
		o.Verdict, o.Replayed = agent.VerdictUnknown, x.replayed
		o.Reason = fmt.Sprintf("Stripe had an error of its own (HTTP %d)", x.status)
		if x.replayed {
			o.Reason += ", repeated from an earlier attempt"
		}
	case !typed:
		// What isn't Stripe's own words proves nothing: a proxy's page, an
		// answer that broke off, a success that can't be read.
		o.Verdict = agent.VerdictUnknown
		o.Reason = fmt.Sprintf("the answer (HTTP %d) is broken or not Stripe's; is there a proxy in between?", x.status)
	case x.status == http.StatusBadRequest && se.Type == stripe.ErrorTypeIdempotency:
		// Another life of this agent, or a second agent under its name, sent
		// this identifier with other content. Whether Stripe took that is only
		// told under a new key.
		o.Verdict, o.Replayed = agent.VerdictUnknown, true
		o.Reason = "Stripe knows this entry's Idempotency-Key from a request of other content: the state was restored, or another agent has the same instance name"
	default:
		o.Verdict, o.Reason = judgeTyped(se, x, identifier)
	}
	return o
}

// judgeTyped judges an error that Stripe describes, with a status below 500.
func judgeTyped(se *stripe.Error, x *exchange, identifier string) (agent.Verdict, string) {
	switch se.Code {
	case stripe.ErrorCodeAPIKeyExpired, stripe.ErrorCodePlatformAPIKeyExpired:
		return agent.VerdictPaused, "the API key has expired; put a new one in its place"
	case stripe.ErrorCodeSecretKeyRequired:
		return agent.VerdictPaused, "Stripe wants a secret key for this call, not a publishable one"
	case stripe.ErrorCodeLivemodeMismatch, stripe.ErrorCodeTestmodeChargesOnly:
		return agent.VerdictPaused, "the API key is of another mode (live or test) than what it asks for: " + scrub(se.Msg)
	}
	switch x.status {
	case http.StatusUnauthorized:
		return agent.VerdictPaused, "Stripe doesn't know the API key (HTTP 401): it is mistyped, was rolled or was deleted; put the right one in its place"
	case http.StatusForbidden:
		return agent.VerdictPaused, forbidden(se.Msg)
	case http.StatusNotFound:
		if se.Code == stripe.ErrorCodeResourceMissing {
			return agent.VerdictRefused, refusal(se)
		}
		return agent.VerdictPaused, "Stripe doesn't know the address that was called (HTTP 404); is the API base right? " + scrub(se.Msg)
	case http.StatusConflict:
		return agent.VerdictBusy, "an earlier attempt is still under way at Stripe (HTTP 409)"
	case http.StatusTooManyRequests:
		if x.lockTimeout(se) {
			return agent.VerdictBusy, "Stripe is busy with another call for this customer and meter (HTTP 429)"
		}
		return agent.VerdictBusy, "Stripe asks for fewer calls a second (HTTP 429)"
	case http.StatusBadRequest:
		if isDuplicate(se.Msg, identifier) {
			return agent.VerdictDuplicate, "Stripe already has this identifier"
		}
		return agent.VerdictRefused, refusal(se)
	}
	return agent.VerdictUnknown, fmt.Sprintf("Stripe answered HTTP %d: %s", x.status, scrub(se.Msg))
}

// lockTimeout tells a 429 about one object from one about the rate.
func (x *exchange) lockTimeout(se *stripe.Error) bool {
	return se.Code == stripe.ErrorCodeLockTimeout || x.limited == "resource-specific"
}

// isDuplicate reports whether a message says that Stripe has the identifier.
// It is a sentence, "An event already exists with identifier …", without a code.
func isDuplicate(msg, identifier string) bool {
	if identifier == "" || !strings.Contains(msg, "already exists") {
		return false
	}
	_, rest, ok := strings.Cut(msg, identifier)
	// The identifier of seq 1 begins that of seq 12.
	return ok && (rest == "" || rest[0] != '-' && !isWord(rest[0]))
}

// refusal words a refusal of one entry, with what to do about it.
func refusal(se *stripe.Error) string {
	msg := "Stripe refused it: " + scrub(strings.TrimSuffix(se.Msg, "."))
	low := strings.ToLower(se.Msg)
	switch {
	case strings.Contains(low, "similar object exists in"):
		msg += "; the customer's id is of the other mode (live or test): correct it in [customers.map] or at the edge"
	case strings.Contains(low, "archived"), strings.Contains(low, "inactive meter"), strings.Contains(low, "deactivated"):
		msg += "; reactivate the meter in Stripe, then release the entry"
	case strings.Contains(low, "meter") && (strings.Contains(low, "no active") || strings.Contains(low, "no such") || strings.Contains(low, "not found")):
		msg += "; create a meter with this event_name in Stripe, or reactivate it, then release the entry"
	case strings.Contains(low, "no such customer"):
		msg += "; correct the id in [customers.map] or at the edge"
	}
	return msg
}

// permissions are what the dashboard calls the permissions that this package
// uses, by the names in Stripe's messages.
var permissions = map[string]string{
	"rak_billing_meter_event_write":            "Billing meter events: Write",
	"rak_billing_meter_event_read":             "Billing meter events: Read",
	"rak_billing_meter_event_adjustment_write": "Billing meter event adjustments: Write",
	"rak_billing_meter_read":                   "Billing meters: Read",
	"rak_billing_meter_write":                  "Billing meters: Write",
	"rak_customer_read":                        "Customers: Read",
	"rak_event_read":                           "Events: Read",
	"rak_invoice_read":                         "Invoices: Read",
	"rak_plan_read":                            "Prices: Read",
	"rak_plan_write":                           "Prices: Write",
	"rak_product_read":                         "Products: Read",
	"rak_product_write":                        "Products: Write",
	"rak_subscription_read":                    "Subscriptions: Read",
}

// forbidden words a 403: which permissions the key lacks, when Stripe names
// them.
func forbidden(msg string) string {
	var names []string
	for rest := msg; ; {
		i := strings.Index(rest, "rak_")
		if i < 0 {
			break
		}
		n := i
		for n < len(rest) && isWord(rest[n]) {
			n++
		}
		name := rest[i:n]
		if human := permissions[name]; human != "" {
			name += " (" + human + ")"
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		rest = rest[n:]
	}
	if names == nil {
		return "the API key may not do this (HTTP 403): " + scrub(msg)
	}
	return "the API key lacks the permission " + strings.Join(names, " or ") + "; add it to the key in the Stripe dashboard"
}

// cause words an error of the network without the call's address.
func cause(err error) string {
	var ue *url.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "the call was given up"
	case errors.As(err, &ue) && ue.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "timed out"
	case ue != nil:
		return scrub(ue.Err.Error())
	}
	return scrub(err.Error())
}

// What a readError may be.
var (
	errForbidden = errors.New("the key lacks a permission, or there is nothing to read")
	errRefused   = errors.New("refused for what was asked")
)

// readError is a read that didn't work out, of a kind that a caller tells apart.
type readError struct {
	doing, reason string
	kind          error
}

func (e *readError) Error() string { return e.doing + ": " + e.reason }
func (e *readError) Unwrap() error { return e.kind }

// noList is the error about an answer that isn't the list that was asked for.
func noList(doing string) error {
	return errors.New(doing + ": the answer isn't a list; is there a proxy in between?")
}

// ask makes a call that changes nothing, in its turn. The error is for people
// and says what the call was for.
func (b *Biller) ask(ctx context.Context, doing string, call func(context.Context) error) error {
	if b.reach.down() {
		return fmt.Errorf("%s: no connection to Stripe a moment ago", doing)
	}
	if err := b.reads.wait(ctx); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	ctx, x := watch(ctx)
	err := call(ctx)
	b.pace(b.reads, x, err)
	if err == nil {
		return nil
	}
	o := judge(err, x, "")
	switch {
	case x.status == http.StatusForbidden && o.Verdict == agent.VerdictPaused, x.status == http.StatusNotFound:
		return &readError{doing, o.Reason, errForbidden}
	case o.Verdict == agent.VerdictRefused:
		return &readError{doing, o.Reason, errRefused}
	}
	return fmt.Errorf("%s: %s", doing, o.Reason)
}

// pace tells the pacer what an answer says about the rate.
func (b *Biller) pace(p *pacer, x *exchange, err error) {
	var se *stripe.Error
	switch {
	case x.status == http.StatusTooManyRequests && errors.As(err, &se) && x.lockTimeout(se):
	case x.status == http.StatusTooManyRequests:
		p.limited(b.now())
	case x.status != 0:
		p.passed(b.now())
	}
}
