// Package stripe carries entries to Stripe as meter events and reads back what
// became of them. It is the only package that knows Stripe's SDK.
//
// Its one idea is that every answer is judged by what it proves. A call ends
// as accepted, refused, not executed, or unknown; there is no "probably". What
// is unknown is sent again under the same identifier and key, which the report
// loop does; this package never retries by itself.
//
// Biller talks to Stripe, Printer shows what would be sent. The package keeps
// no state on disk, knows nothing of money, and decides no entry's fate.
package stripe

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/billing/meterevent"

	"github.com/logmeter/logmeter/agent"
)

// Options configure a Biller or a Printer.
type Options struct {
	// Key is a secret or restricted key. Live says which mode is meant: a
	// live key needs it, a test key its absence.
	Key  Secret
	Live bool
	// APIBase replaces https://api.stripe.com. It is https, or http to a
	// loopback address.
	APIBase string
	// Meters by their name in the configuration.
	Meters map[string]Meter
	// Customers maps logged values to Stripe customers.
	Customers Customers
	// Documents keeps what was read of Stripe's customers; nil keeps nothing.
	Documents agent.Documents
	// ReadBudget is how many reads the account may make in a month; 0 is
	// DefaultReadBudget.
	ReadBudget int
	// Version of the program, for the user agent.
	Version string
	// Log takes warnings; nil discards them.
	Log *slog.Logger
	// Now is the local clock; nil is time.Now.
	Now func() time.Time
}

// Meter is what the configuration says of one Stripe meter.
type Meter struct {
	// EventName is the meter's event_name at Stripe; "" is the meter's name.
	EventName string
}

// Biller implements agent.Biller with Stripe's meter events. It is safe for
// concurrent use.
type Biller struct {
	builder

	// These two hold the key; fmt shows their addresses only.
	events *meterevent.Client
	call   func(method, path string, params stripe.ParamsContainer, v stripe.LastResponseSetter) error

	base       string // scheme and host of the API
	live       bool
	restricted bool
	now        func() time.Time
	log        *slog.Logger
	clock      *clock
	reach      reach
	allotment  allotment
	lanes      lanes
	writes     *pacer
	reads      *pacer
	catalogue  catalogue
	invoiced   invoiceCache
}

var _ agent.Biller = (*Biller)(nil)

// New returns a Biller. It makes no call; its error names what is wrong with
// the options, all of it at once.
func New(o Options) (*Biller, error) {
	o = o.withDefaults()
	build, errBuild := newBuilder(o)
	base, errBase := checkBase(o.APIBase)
	if err := errors.Join(errBuild, o.checkKey(), errBase, checkBudget(o.ReadBudget)); err != nil {
		return nil, err
	}
	b := &Biller{
		builder:    build,
		base:       base,
		live:       o.Live,
		restricted: o.Key.restricted(),
		now:        o.Now,
		log:        o.Log,
		clock:      newClock(o.Now, o.Log),
		reach:      reach{now: o.Now},
		allotment:  allotment{budget: o.ReadBudget, log: o.Log},
		writes:     newPacer(writesPerSecond(o.Live)),
	}
	// Stripe counts meter events apart from other calls in live mode only.
	b.reads = b.writes
	if o.Live {
		b.reads = newPacer(readsPerSecond)
	}
	b.connect(o.Key, o.Version)
	var err error
	if b.directory, err = newDirectory(o.Customers, o); err != nil {
		return nil, err
	}
	return b, nil
}

func (o Options) withDefaults() Options {
	o.APIBase = cmp.Or(o.APIBase, stripe.APIURL)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.ReadBudget = cmp.Or(o.ReadBudget, DefaultReadBudget)
	return o
}

func (o Options) checkKey() error {
	if err := o.Key.check(); err != nil {
		return err
	}
	switch {
	case o.Key.live() && !o.Live:
		return errors.New("the API key is a live one, but live = true isn't set; set it to bill real customers, or use a test key")
	case !o.Key.live() && o.Live:
		return errors.New("live = true is set, but the API key is a test one; use a live key, or remove live = true")
	}
	return nil
}

// checkBase returns the API base without a trailing slash.
func checkBase(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", errors.New("the API base isn't a URL; want https://HOST")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
		return "", fmt.Errorf("the API base %s holds more or less than scheme and host; want https://HOST", u.Redacted())
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && isLoopback(u.Hostname()):
	case u.Scheme == "http":
		return "", fmt.Errorf("the API base %s would send the key in clear; want https, or http on a loopback address", base)
	default:
		return "", fmt.Errorf("the API base %s has the scheme %q; want https", base, u.Scheme)
	}
	return u.Scheme + "://" + u.Host, nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
