package admin

import (
	"net/http"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// Accounting is where lines went: Lines = Billed + NotBillable + NoCustomer +
// Refused, and Remainder what that lacks, which is 0 unless the program is
// broken.
type Accounting struct {
	Lines       uint64            `json:"lines"`
	Billed      uint64            `json:"billed"`
	NotBillable uint64            `json:"not_billable"`
	Rules       map[string]uint64 `json:"not_billable_by,omitempty"` // by agent.Rule
	NoCustomer  uint64            `json:"no_customer"`
	Refused     uint64            `json:"refused"`
	Remainder   int64             `json:"remainder,omitempty"`
}

func newAccounting(a *agent.Accounting) Accounting {
	j := Accounting{
		Lines: a.Lines, Billed: a.Billed, NotBillable: a.NotBillable(),
		NoCustomer: a.NoCustomer, Refused: a.Refused, Remainder: a.Remainder(),
	}
	for r, n := range a.Rules {
		if n > 0 {
			if j.Rules == nil {
				j.Rules = map[string]uint64{}
			}
			j.Rules[agent.Rule(r).String()] = n
		}
	}
	return j
}

// AccountingRow is where the lines of one source and hour went.
type AccountingRow struct {
	Source string    `json:"source"`
	Window time.Time `json:"window"`
	Accounting
}

func (s *Server) getAccounting(w http.ResponseWriter, r *http.Request) {
	span, err := rangeOf(r.URL.Query())
	if err != nil {
		writeProblem(w, http.StatusBadRequest, err)
		return
	}
	writeRows(w, func(yield func(AccountingRow, error) bool) {
		for l, err := range s.Books.Accounting(span.From, span.To) {
			if !yield(AccountingRow{l.Source, l.Window.Start(), newAccounting(&l.Accounting)}, err) || err != nil {
				return
			}
		}
	})
}
