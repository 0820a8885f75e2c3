package admin

import (
	"fmt"
	"net/url"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// Range is the windows from From (included) to To (not included).
type Range struct{ From, To agent.Window }

// AllWindows is the range of everything.
var AllWindows = Range{agent.FirstWindow, agent.LastWindow}

// put writes the range into a query.
func (r Range) put(q url.Values) {
	if r.From != agent.FirstWindow {
		q.Set("from", r.From.String())
	}
	if r.To != agent.LastWindow {
		q.Set("to", r.To.String())
	}
}

// rangeOf reads a range from a query. An instant within a window means, as
// from, that window, and as to the end of it.
func rangeOf(q url.Values) (Range, error) {
	r := AllWindows
	if s := q.Get("from"); s != "" {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return r, fmt.Errorf("from is %q; want a time such as 2026-11-24T18:00:00Z", s)
		}
		r.From = agent.WindowOf(t)
	}
	if s := q.Get("to"); s != "" {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return r, fmt.Errorf("to is %q; want a time such as 2026-11-24T18:00:00Z", s)
		}
		r.To = agent.WindowOf(t.Add(time.Hour - time.Nanosecond))
	}
	return r, nil
}
