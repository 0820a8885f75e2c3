package stripe

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// Printer implements agent.Biller by writing each event as a line of JSON in
// place of sending it. It needs no key and makes no call; it is safe for
// concurrent use.
type Printer struct {
	builder
	now func() time.Time

	mu sync.Mutex // guards w, so that lines stay whole
	w  io.Writer
}

var (
	_ agent.Biller  = (*Printer)(nil)
	_ agent.Auditor = (*Printer)(nil)
)

// printed is the line of one event. Its form is a promise to whoever pipes it.
type printed struct {
	Identifier string `json:"identifier"`
	EventName  string `json:"event_name"`
	Customer   string `json:"customer"`  // the Stripe customer
	Value      int64  `json:"value"`     // a JSON integer
	Timestamp  int64  `json:"timestamp"` // Unix seconds
	Window     string `json:"window"`    // the hour's start, RFC 3339
}

// NewPrinter returns a Printer that writes to w. Of the options it uses
// Meters, Customers and Now.
func NewPrinter(w io.Writer, o Options) (*Printer, error) {
	o = o.withDefaults()
	b, err := newBuilder(o)
	if err != nil {
		return nil, err
	}
	return &Printer{builder: b, now: o.Now, w: w}, nil
}

// Build fills the request of an entry as a Biller would for a meter with the
// default payload keys.
func (p *Printer) Build(e *agent.Entry) error {
	if e.Frozen() {
		return nil
	}
	if err := p.build(e); err != nil {
		return err
	}
	e.CustomerKey, e.ValueKey = defaultCustomerKey, defaultValueKey
	return nil
}

// Send writes the entry's line. A line that couldn't be written is busy, and
// may be there in part.
func (p *Printer) Send(_ context.Context, e *agent.Entry) agent.Outcome {
	line, err := json.Marshal(printed{e.Identifier, e.EventName, e.Account, e.Value, e.Timestamp, e.Window.String()})
	if err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		_, err = p.w.Write(append(line, '\n'))
	}
	if err != nil {
		return agent.Outcome{Verdict: agent.VerdictBusy, Reason: "print the event: " + err.Error()}
	}
	return agent.Outcome{Verdict: agent.VerdictAccepted, Time: p.now()}
}

// Summary returns 0: nothing was ever sent.
func (*Printer) Summary(context.Context, *agent.Entry, time.Time, time.Time) (int64, error) {
	return 0, nil
}

// Hours returns agent.ErrNoSummaries: there is nothing to compare with.
func (*Printer) Hours(context.Context, string, string, agent.Window, agent.Window) ([]agent.HourSum, error) {
	return nil, agent.ErrNoSummaries
}

// Now returns the local time.
func (p *Printer) Now(context.Context) (time.Time, error) { return p.now(), nil }
