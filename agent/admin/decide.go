package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// maxBody bounds what a request may carry: some ten thousand identifiers.
const maxBody = 1 << 20

// DecideRequest names entries, by identifier or by 8 or more characters of its
// beginning, and says why.
type DecideRequest struct {
	Entries []string `json:"entries"`
	Reason  string   `json:"reason"`
}

// DecideAnswer is the entries as they are after a decision.
type DecideAnswer struct {
	Entries []Entry `json:"entries"`
}

// Verified is what a look at Stripe's summaries came to.
type Verified struct {
	Entry
	// Hour and Minute are what Stripe has in the entry's hour and in its own
	// minute; Known is what the ledger has of the hour.
	Hour   int64 `json:"stripe_hour"`
	Minute int64 `json:"stripe_minute"`
	Known  int64 `json:"ledger_hour"`
}

// AdjustRequest is usage that a person adds to an hour, or takes back.
type AdjustRequest struct {
	Meter    string    `json:"meter"`
	Customer string    `json:"customer"`
	Window   time.Time `json:"window"`
	Delta    int64     `json:"delta"`
	Reason   string    `json:"reason"`
}

// Difference is an hour in which Stripe doesn't have what the ledger says.
type Difference struct {
	Kind      string    `json:"kind"` // "foreign" or "dropped"
	EventName string    `json:"event_name"`
	Account   string    `json:"stripe_customer"`
	Window    time.Time `json:"window"`
	Ours      int64     `json:"ledger"`
	Theirs    int64     `json:"stripe"`
	Pending   int64     `json:"pending,omitempty"`
}

// ReconcileRow is a difference, or, as the last row, the whole.
type ReconcileRow struct {
	Difference *Difference `json:"difference,omitempty"`
	Whole      *Whole      `json:"whole,omitempty"`
}

// Whole is what a reconciliation came to.
type Whole struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Accounts int       `json:"accounts"` // compared
	Of       int       `json:"of"`
	Hours    int       `json:"hours"` // of those, with usage in the ledger
	Differ   int       `json:"differ"`
	More     int       `json:"more,omitempty"`    // differing hours that aren't listed
	Partial  string    `json:"partial,omitempty"` // why not all were compared
}

// changes adds what changes the books.
func (s *Server) changes(m *http.ServeMux) {
	if s.Operator == nil {
		return
	}
	type act = func(refs []string, by, reason string) ([]agent.Entry, error)
	for name, do := range map[string]act{
		"release": s.Operator.Release, "confirm": s.Operator.Confirm, "write-off": s.Operator.WriteOff,
	} {
		m.HandleFunc("POST /v1/outbox/"+name, func(w http.ResponseWriter, r *http.Request) {
			var q DecideRequest
			if !readBody(w, r, &q) {
				return
			}
			entries, err := do(q.Entries, userOf(r), q.Reason)
			if err != nil {
				writeRefusal(w, err)
				return
			}
			s.forget()
			a := DecideAnswer{Entries: make([]Entry, len(entries))}
			for i := range entries {
				a.Entries[i] = newEntry(&entries[i])
			}
			writeJSON(w, a)
		})
	}
	m.HandleFunc("POST /v1/outbox/verify", s.verify)
	m.HandleFunc("POST /v1/adjust", s.adjust)
	m.HandleFunc("POST /v1/reconcile", s.reconcile)
}

// verify answers with a row for each entry, as it is read.
func (s *Server) verify(w http.ResponseWriter, r *http.Request) {
	var q DecideRequest
	if !readBody(w, r, &q) {
		return
	}
	writeRows(w, func(yield func(Verified, error) bool) {
		for _, ref := range q.Entries {
			v, err := s.Operator.Verify(r.Context(), ref)
			if !yield(Verified{newEntry(&v.Entry), v.Hour, v.Minute, v.Known}, err) || err != nil {
				return
			}
		}
		s.forget()
	})
}

func (s *Server) adjust(w http.ResponseWriter, r *http.Request) {
	var q AdjustRequest
	if !readBody(w, r, &q) {
		return
	}
	e, err := s.Operator.Adjust(agent.Adjustment{
		Meter: q.Meter, Customer: q.Customer, Window: agent.WindowOf(q.Window), Delta: q.Delta, By: userOf(r), Reason: q.Reason,
	})
	if err != nil {
		writeRefusal(w, err)
		return
	}
	s.forget()
	writeJSON(w, newEntry(&e))
}

func (s *Server) reconcile(w http.ResponseWriter, r *http.Request) {
	span, err := rangeOf(r.URL.Query())
	if err != nil {
		writeProblem(w, http.StatusBadRequest, err)
		return
	}
	out := newStream[ReconcileRow](w)
	told := time.Now()
	rec, err := s.Operator.Reconcile(r.Context(), span.From, span.To, func(done, of int) {
		if now := time.Now(); now.Sub(told) > time.Second {
			told = now
			_ = out.note(Note{Done: done, Total: of})
		}
	})
	if err != nil {
		out.end(err)
		return
	}
	for _, d := range rec.Differences {
		row := ReconcileRow{Difference: &Difference{
			string(d.Kind), d.EventName, d.Account, d.Window.Start(), d.Ours, d.Theirs, d.Pending,
		}}
		if out.row(&row) != nil {
			return
		}
	}
	if out.row(&ReconcileRow{Whole: &Whole{
		From: rec.From.Start(), To: rec.To.Start(), Accounts: rec.Accounts, Of: rec.Of, Hours: rec.Hours,
		Differ: len(rec.Differences) + rec.More, More: rec.More, Partial: rec.Partial,
	}}) == nil {
		out.end(nil)
	}
}

// forget drops what was gathered of the outbox, after a change.
func (s *Server) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.digest = nil
}

// readBody reads the JSON of a request. When it can't, it answers.
func readBody(w http.ResponseWriter, r *http.Request, into any) bool {
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	in.DisallowUnknownFields()
	if err := in.Decode(into); err != nil {
		writeProblem(w, http.StatusBadRequest, fmt.Errorf("the request isn't understood: %w", err))
		return false
	}
	return true
}

// writeRefusal answers that something can't be done.
func writeRefusal(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	switch {
	case errors.Is(err, agent.ErrNoEntry):
		code = http.StatusNotFound
	case errors.Is(err, agent.ErrNotAllowed):
		code = http.StatusConflict
	case errors.Is(err, agent.ErrFull):
		code = http.StatusInsufficientStorage
	}
	writeProblem(w, code, err)
}
