package admin

import (
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// Entry is an agent.Entry as JSON and as tables have it. Times that aren't
// known are absent.
type Entry struct {
	Identifier string `json:"identifier"`
	State      string `json:"state"`
	Meter      string `json:"meter"`
	Logged
	Window    time.Time `json:"window"`
	Seq       uint32    `json:"seq"`
	Value     int64     `json:"value"`
	Reason    string    `json:"reason,omitempty"`
	EventName string    `json:"event_name,omitempty"`
	Account   string    `json:"stripe_customer,omitempty"`
	// Timestamp is the time that Stripe is told.
	Timestamp    time.Time `json:"timestamp,omitzero"`
	Adjustment   bool      `json:"adjustment,omitempty"`
	Note         string    `json:"note,omitempty"`
	Attempts     uint32    `json:"attempts"`
	FirstAttempt time.Time `json:"first_attempt,omitzero"`
	LastAttempt  time.Time `json:"last_attempt,omitzero"`
	NotBefore    time.Time `json:"not_before,omitzero"`
	Unknown      bool      `json:"outcome_unknown,omitempty"`
	Duplicate    bool      `json:"duplicate,omitempty"`
	Released     bool      `json:"released,omitempty"`
	AbsentSince  time.Time `json:"absent_since,omitzero"`
	Settled      time.Time `json:"settled,omitzero"`
	RequestID    string    `json:"request_id,omitempty"`
	// Deadline is when Stripe stops taking the entry; absent once it is settled.
	Deadline time.Time `json:"deadline,omitzero"`
}

// stripeTakes is how old usage may be for Stripe
// (docs.stripe.com/api/billing/meter-event/create).
const stripeTakes = 35 * 24 * time.Hour

func newEntry(e *agent.Entry) Entry {
	j := Entry{
		Identifier: e.Identifier, State: e.State.String(), Meter: e.Meter, Logged: logged(e.Customer),
		Window: e.Window.Start(), Seq: e.Seq, Value: e.Value, Reason: e.Reason,
		EventName: e.EventName, Account: e.Account, Timestamp: unix(e.Timestamp),
		Adjustment: e.Adjustment, Note: e.Note,
		Attempts: e.Attempts, FirstAttempt: unix(e.FirstAttempt), LastAttempt: unix(e.LastAttempt), NotBefore: unix(e.NotBefore),
		Unknown: e.Unknown, Duplicate: e.Duplicate, Released: e.Released,
		AbsentSince: unix(e.AbsentSince), Settled: unix(e.Settled), RequestID: e.RequestID,
	}
	if !e.Final() {
		j.Deadline = deadline(e.Window)
	}
	return j
}

// deadline is when Stripe stops taking usage of a window's first minute.
func deadline(w agent.Window) time.Time { return w.Start().Add(stripeTakes) }

// unix returns the time of a count of seconds, and no time for 0.
func unix(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// EntryQuery picks entries: those of a range that have each field that isn't
// empty.
type EntryQuery struct {
	Range
	State           string // "sealed", "held", "parked"
	Meter, Customer string
	// Settled picks from the ledger, not from the outbox.
	Settled bool
}

func (q EntryQuery) values() url.Values {
	v := url.Values{}
	q.put(v)
	set(v, "state", q.State)
	set(v, "meter", q.Meter)
	set(v, "customer", q.Customer)
	if q.Settled {
		v.Set("settled", "1")
	}
	return v
}

func set(v url.Values, key, value string) {
	if value != "" {
		v.Set(key, value)
	}
}

func entryQuery(v url.Values) (q EntryQuery, err error) {
	q = EntryQuery{State: v.Get("state"), Meter: v.Get("meter"), Customer: v.Get("customer"), Settled: v.Get("settled") != ""}
	q.Range, err = rangeOf(v)
	return q, err
}

func (s *Server) getOutbox(w http.ResponseWriter, r *http.Request) {
	q, err := entryQuery(r.URL.Query())
	if err != nil {
		writeProblem(w, http.StatusBadRequest, err)
		return
	}
	writeRows(w, func(yield func(Entry, error) bool) {
		for e, err := range s.entries(q) {
			if !yield(newEntry(&e), err) || err != nil {
				return
			}
		}
	})
}

// entries yields the entries that q picks, the oldest window first.
func (s *Server) entries(q EntryQuery) iter.Seq2[agent.Entry, error] {
	rows := s.Books.Outbox()
	if q.Settled {
		rows = s.Books.Ledger(q.From, q.To)
	}
	return func(yield func(agent.Entry, error) bool) {
		for e, err := range rows {
			if err != nil {
				yield(e, err)
				return
			}
			if e.Window >= q.To {
				return // both yield window by window
			}
			if e.Window < q.From ||
				q.State != "" && e.State.String() != q.State ||
				q.Meter != "" && e.Meter != q.Meter ||
				q.Customer != "" && e.Customer != q.Customer && e.Account != q.Customer {
				continue
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// EntryDetails is an entry with what people did to it.
type EntryDetails struct {
	Entry
	Decisions []Decision `json:"decisions,omitempty"`
}

// Decision is an agent.Decision as JSON has it.
type Decision struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Action string    `json:"action"`
	Reason string    `json:"reason,omitempty"`
	Value  int64     `json:"value"`
}

func (s *Server) getEntry(w http.ResponseWriter, r *http.Request) {
	e, err := s.find(r.PathValue("id"))
	if err != nil {
		writeProblem(w, http.StatusNotFound, err)
		return
	}
	d := EntryDetails{Entry: newEntry(&e)}
	for c, err := range s.Books.Decisions() {
		if err != nil {
			writeProblem(w, http.StatusInternalServerError, err)
			return
		}
		if c.Meter == e.Meter && c.Customer == e.Customer && c.Window == e.Window && c.Seq == e.Seq {
			d.Decisions = append(d.Decisions, Decision{unix(c.At), c.By, c.Action, c.Reason, c.Value})
		}
	}
	writeJSON(w, d)
}

// find returns the entry with an identifier, or the only one that begins so.
func (s *Server) find(ref string) (agent.Entry, error) {
	return (&agent.Operator{Books: s.Books}).Find(ref)
}
