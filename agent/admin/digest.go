package admin

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// Outbox is the outbox in a few lines.
type Outbox struct {
	Sealed Pile `json:"waiting"`
	Held   Pile `json:"held"`
	Parked Pile `json:"parked"`
	// Oldest is the hour of the oldest entry.
	Oldest time.Time `json:"oldest,omitzero"`
	// Reasons are why entries are held or parked or wait, the most first.
	Reasons []Reason `json:"reasons,omitempty"`
}

// Entries returns the number of entries.
func (o *Outbox) Entries() int { return o.Sealed.Entries + o.Held.Entries + o.Parked.Entries }

// Pile is some entries and the units in them.
type Pile struct {
	Entries int   `json:"entries"`
	Units   int64 `json:"units"`
}

func (p *Pile) add(e *agent.Entry) {
	p.Entries++
	p.Units += e.Value
}

// Reason is the entries of one state whose reasons are alike.
type Reason struct {
	State string `json:"state"`
	// Text is the reason of one of them, in full.
	Text string `json:"reason"`
	Pile
	// Customers says how many there are of, up to manyCustomers.
	Customers int `json:"customers"`
	// Oldest is the hour of the oldest one, Deadline when Stripe stops taking
	// it.
	Oldest   time.Time `json:"oldest"`
	Deadline time.Time `json:"deadline"`
}

// Line is the reason in a line for people.
func (r *Reason) Line() string {
	what, why := count(r.Entries, "entry", "entries")+", "+count(int(r.Units), "unit", "units"), r.Text
	if r.Customers > 1 {
		what += ", "
		if r.Customers >= manyCustomers {
			what += "at least "
		}
		what += count(r.Customers, "customer", "customers")
		why = "such as: " + why
	}
	return r.State + ": " + what + "; " + why
}

// The bounds of a digest: so many kinds of reasons are told apart, and so many
// customers of one.
const (
	manyReasons   = 30
	manyCustomers = 1000
)

// digestFor is how long a digest is shown before another one is made: a page
// that is reloaded needn't read the outbox each time.
const digestFor = 3 * time.Second

type digest struct {
	at     time.Time
	outbox Outbox
}

// outbox returns the outbox in a few lines.
func (s *Server) outbox() (Outbox, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	if d := s.digest; d != nil && now.Sub(d.at).Abs() < digestFor {
		return d.outbox, nil
	}
	o, err := Digest(s.Books.Outbox())
	if err == nil {
		s.digest = &digest{now, o}
	}
	return o, err
}

// Digest returns entries in a few lines.
func Digest(entries iter.Seq2[agent.Entry, error]) (Outbox, error) {
	var b digester
	for e, err := range entries {
		if err != nil {
			return Outbox{}, err
		}
		b.add(&e)
	}
	return b.outbox(), nil
}

// digester puts an Outbox together.
type digester struct {
	o       Outbox
	reasons map[reasonKey]*gathered
}

type reasonKey struct {
	state agent.State
	alike string
}

type gathered struct {
	Reason
	customers map[string]bool
}

func (b *digester) add(e *agent.Entry) {
	switch e.State {
	case agent.Sealed:
		b.o.Sealed.add(e)
	case agent.Held:
		b.o.Held.add(e)
	case agent.Parked:
		b.o.Parked.add(e)
	default:
		return
	}
	if b.o.Oldest.IsZero() || e.Window.Start().Before(b.o.Oldest) {
		b.o.Oldest = e.Window.Start()
	}
	if e.Reason == "" {
		return
	}
	k := reasonKey{e.State, alike(e.Reason)}
	g := b.reasons[k]
	if g == nil && len(b.reasons) >= manyReasons {
		k.alike = ""
		g = b.reasons[k]
	}
	if g == nil {
		if b.reasons == nil {
			b.reasons = map[reasonKey]*gathered{}
		}
		g = &gathered{Reason{State: e.State.String(), Text: e.Reason, Oldest: e.Window.Start()}, map[string]bool{}}
		if k.alike == "" {
			g.Text = "other reasons"
		}
		b.reasons[k] = g
	}
	g.add(e)
	if len(g.customers) < manyCustomers {
		g.customers[e.Customer] = true
	}
	if e.Window.Start().Before(g.Oldest) {
		g.Oldest = e.Window.Start()
	}
}

func (b *digester) outbox() Outbox {
	for _, g := range b.reasons {
		g.Customers = len(g.customers)
		g.Deadline = g.Oldest.Add(stripeTakes)
		b.o.Reasons = append(b.o.Reasons, g.Reason)
	}
	slices.SortFunc(b.o.Reasons, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.Entries, a.Entries), cmp.Compare(a.State, b.State), cmp.Compare(a.Text, b.Text))
	})
	return b.o
}

// alike returns a reason without what differs between entries: quoted names,
// ids and numbers.
func alike(reason string) string {
	var b strings.Builder
	for i := 0; i < len(reason); {
		c := reason[i]
		switch {
		case c == '"':
			end := quoteEnd(reason[i+1:])
			b.WriteByte('"')
			i += 1 + end
		case isDigit(c) || strings.HasPrefix(reason[i:], "cus_"):
			b.WriteByte('#')
			for i < len(reason) && isWord(reason[i]) {
				i++
			}
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String()
}

// quoteEnd returns where a quoted text ends, behind its closing quote.
func quoteEnd(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWord(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}
