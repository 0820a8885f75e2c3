package admin

import (
	"cmp"
	"errors"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// UsageRow is what one customer used of one meter in one hour, and how far it
// has come: Sealed + Adjusted = Sent + Waiting + Held + Parked + WrittenOff.
type UsageRow struct {
	Meter string `json:"meter"`
	Logged
	Window  time.Time `json:"window"`
	Counted uint64    `json:"counted"`
	Sealed  uint64    `json:"sealed"` // of Counted, made into entries
	// What became of the entries.
	Sent       int64 `json:"sent"`    // accepted by Stripe
	Waiting    int64 `json:"waiting"` // to be sent
	Held       int64 `json:"held"`
	Parked     int64 `json:"parked"`
	WrittenOff int64 `json:"written_off"`
	// Adjusted is the sum of the adjustments that people made, whatever became
	// of them.
	Adjusted int64 `json:"adjusted"`
	// Account is the Stripe customer, if an entry or the mapping names one, and
	// Unmapped why there is none.
	Account  string `json:"stripe_customer,omitempty"`
	Unmapped string `json:"unmapped,omitempty"`
}

// add adds an entry, with times = -1 takes it away again.
func (u *UsageRow) add(e *agent.Entry, times int64) {
	value := times * e.Value
	switch e.State {
	case agent.Sealed:
		u.Waiting += value
	case agent.Held:
		u.Held += value
	case agent.Parked:
		u.Parked += value
	case agent.Accepted:
		u.Sent += value
	case agent.WrittenOff:
		u.WrittenOff += value
	}
	if e.Adjustment {
		u.Adjusted += value
	}
	u.Account = cmp.Or(e.Account, u.Account)
}

// UsageQuery picks rows of usage: those of a range that have each field that
// isn't empty.
type UsageQuery struct {
	Range
	Meter, Customer string // as logged, or the Stripe customer
	// Unmapped picks the rows of customers that no Stripe customer stands for.
	Unmapped bool
}

func (q UsageQuery) values() url.Values {
	v := url.Values{}
	q.put(v)
	set(v, "meter", q.Meter)
	set(v, "customer", q.Customer)
	if q.Unmapped {
		v.Set("unmapped", "1")
	}
	return v
}

func (s *Server) getUsage(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	q := UsageQuery{Meter: v.Get("meter"), Customer: v.Get("customer"), Unmapped: v.Get("unmapped") != ""}
	var err error
	if q.Range, err = rangeOf(v); err != nil {
		writeProblem(w, http.StatusBadRequest, err)
		return
	}
	writeRows(w, s.usage(q))
}

// usage yields the rows that q picks, hour by hour, in an hour by meter and
// customer. It joins what was counted with the entries made of it, and holds
// no more than one hour of either.
func (s *Server) usage(q UsageQuery) iter.Seq2[UsageRow, error] {
	return func(yield func(UsageRow, error) bool) {
		if err := s.join(q, func(row UsageRow) bool { return yield(row, nil) }); err != nil {
			yield(UsageRow{}, err)
		}
	}
}

// rereads is how often an hour is read again that changed while it was read.
const rereads = 3

func (s *Server) join(q UsageQuery, yield func(UsageRow) bool) (err error) {
	// The outbox begins first: an entry that is settled meanwhile is then seen
	// twice, and not missed.
	waiting := pull(s.entries(EntryQuery{Range: q.Range}), entryWindow)
	defer waiting.stop()
	settled := pull(s.entries(EntryQuery{Range: q.Range, Settled: true}), entryWindow)
	defer settled.stop()
	counted := pull(s.Books.Usage(q.From, q.To), func(u agent.Usage) agent.Window { return u.Window })
	defer counted.stop()
	for {
		at := min(waiting.at(), settled.at(), counted.at())
		if at == agent.LastWindow {
			return errors.Join(waiting.err, settled.err, counted.err)
		}
		h := newHour(at)
		waiting.each(at, h.unsettled)
		settled.each(at, h.settled)
		counted.each(at, h.counted)
		for range rereads {
			if h.agrees() {
				break
			}
			if h, err = s.reread(at); err != nil {
				return err
			}
		}
		for _, row := range h.sorted() {
			if s.picks(&q, row) && !yield(*row) {
				return nil
			}
		}
	}
}

// reread reads an hour anew.
func (s *Server) reread(at agent.Window) (*hour, error) {
	h := newHour(at)
	for _, settled := range []bool{false, true} {
		for e, err := range s.entries(EntryQuery{Range: Range{at, at + 1}, Settled: settled}) {
			switch {
			case err != nil:
				return nil, err
			case settled:
				h.settled(e)
			default:
				h.unsettled(e)
			}
		}
	}
	for u, err := range s.Books.Usage(at, at+1) {
		if err != nil {
			return nil, err
		}
		h.counted(u)
	}
	return h, nil
}

// picks reports whether q wants a row, and completes it.
func (s *Server) picks(q *UsageQuery, row *UsageRow) bool {
	if q.Meter != "" && row.Meter != q.Meter {
		return false
	}
	if build := s.setup.Load().Map; row.Account == "" && build != nil {
		e := agent.Entry{Meter: row.Meter, Customer: row.Name(), Value: 1}
		var no *agent.Rejected
		switch err := build(&e); {
		case errors.As(err, &no):
			row.Unmapped = no.Reason
		case err == nil:
			row.Account = e.Account
		}
	}
	if q.Customer != "" && row.Name() != q.Customer && row.Account != q.Customer {
		return false
	}
	return !q.Unmapped || row.Unmapped != ""
}

type usageKey struct{ meter, customer string }

type entryKey struct {
	usageKey
	seq uint32
}

// hour is the usage of one window while it is put together.
type hour struct {
	at      agent.Window
	rows    map[usageKey]*UsageRow
	waiting map[entryKey]*agent.Entry
}

func newHour(at agent.Window) *hour {
	return &hour{at, map[usageKey]*UsageRow{}, map[entryKey]*agent.Entry{}}
}

// agrees reports whether the entries are all of what was sealed. They aren't
// when an hour is sealed while it is read.
func (h *hour) agrees() bool {
	for _, u := range h.rows {
		if int64(u.Sealed)+u.Adjusted != u.Sent+u.Waiting+u.Held+u.Parked+u.WrittenOff {
			return false
		}
	}
	return true
}

func (h *hour) row(k usageKey) *UsageRow {
	row := h.rows[k]
	if row == nil {
		row = &UsageRow{Meter: k.meter, Logged: logged(k.customer), Window: h.at.Start()}
		h.rows[k] = row
	}
	return row
}

func (h *hour) unsettled(e agent.Entry) {
	k := usageKey{e.Meter, e.Customer}
	h.row(k).add(&e, 1)
	h.waiting[entryKey{k, e.Seq}] = &e
}

func (h *hour) settled(e agent.Entry) {
	k := usageKey{e.Meter, e.Customer}
	if before := h.waiting[entryKey{k, e.Seq}]; before != nil {
		h.row(k).add(before, -1) // it was settled since the outbox was read
	}
	h.row(k).add(&e, 1)
}

func (h *hour) counted(u agent.Usage) {
	row := h.row(usageKey{u.Meter, u.Customer})
	row.Counted, row.Sealed = u.Total, u.Reported
}

func (h *hour) sorted() []*UsageRow {
	return slices.SortedFunc(maps.Values(h.rows), func(a, b *UsageRow) int {
		return cmp.Or(cmp.Compare(a.Meter, b.Meter), cmp.Compare(a.Name(), b.Name()))
	})
}

// pulled is an iteration that is taken window by window.
type pulled[T any] struct {
	next   func() (T, error, bool)
	stop   func()
	window func(T) agent.Window
	head   T
	ok     bool  // there is a head
	err    error // the iteration ended with it
}

func entryWindow(e agent.Entry) agent.Window { return e.Window }

func pull[T any](rows iter.Seq2[T, error], window func(T) agent.Window) *pulled[T] {
	p := &pulled[T]{window: window}
	p.next, p.stop = iter.Pull2(rows)
	p.advance()
	return p
}

func (p *pulled[T]) advance() {
	if p.head, p.err, p.ok = p.next(); p.err != nil {
		p.ok = false
	}
}

// at returns the window of the head, LastWindow when there is none.
func (p *pulled[T]) at() agent.Window {
	if !p.ok {
		return agent.LastWindow
	}
	return p.window(p.head)
}

// each takes what is of a window.
func (p *pulled[T]) each(w agent.Window, take func(T)) {
	for p.ok && p.window(p.head) == w {
		take(p.head)
		p.advance()
	}
}
