package admin

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// Status answers three questions: is it counting, is it sending, what needs me.
type Status struct {
	At       time.Time `json:"at"`
	Instance string    `json:"instance"`
	Version  string    `json:"version"`
	Running  bool      `json:"running"`
	Started  time.Time `json:"started,omitzero"`
	// Needs is what a person must look at, the gravest first.
	Needs    []Need   `json:"needs"`
	Sources  []Source `json:"sources"`
	Delivery Delivery `json:"delivery"`
	Outbox   Outbox   `json:"outbox"`
	State    State    `json:"state"`
}

// Need is something that a person must look at.
type Need struct {
	Severity string `json:"severity"` // "problem" or "warning"
	Topic    string `json:"topic"`    // "counting", "sending", "state" or "source NAME"
	Text     string `json:"text"`
	Hint     string `json:"hint,omitempty"`
}

// Source is a log that is followed.
type Source struct {
	Name string `json:"name"`
	Path string `json:"path"`
	// Blocked is why nothing is read now.
	Blocked string `json:"blocked,omitempty"`
	// Behind is the number of bytes of open files that aren't counted yet, and
	// ReadTo when there were none last.
	Behind     int64     `json:"behind_bytes"`
	ReadTo     time.Time `json:"read_to,omitzero"`
	LastLine   time.Time `json:"last_line,omitzero"`
	LastCommit time.Time `json:"last_commit,omitzero"`
	Open       int       `json:"open_files"`
	Deleted    int       `json:"deleted_files,omitempty"`
	// Day says where the lines of the past 24 hours went, by the time in them;
	// LastHour is the last hour that has any.
	Day      Accounting `json:"day"`
	LastHour time.Time  `json:"last_hour,omitzero"`
	Events   []Event    `json:"events,omitempty"`
}

// Event is an agent.SourceEvent as JSON has it.
type Event struct {
	Kind  string    `json:"kind"`
	Level string    `json:"level"`
	Count uint64    `json:"count"`
	Last  time.Time `json:"last"`
	Path  string    `json:"path,omitempty"`
	Text  string    `json:"text"`
	Hint  string    `json:"hint,omitempty"`
}

// Delivery is how usage gets to where it is billed.
type Delivery struct {
	// To says where that is, and Stopped why nothing goes there now.
	To      string `json:"to"`
	Stopped string `json:"stopped,omitempty"`
	// LastAccepted is when an entry was last accepted, by Stripe's clock.
	LastAccepted time.Time `json:"last_accepted,omitzero"`
}

func (s *Server) getStatus(w http.ResponseWriter, _ *http.Request) {
	st, err := s.Status()
	if err != nil {
		writeProblem(w, http.StatusInternalServerError, err)
		return
	}
	writeJSON(w, st)
}

// Status returns how things stand.
func (s *Server) Status() (*Status, error) {
	now := s.Now().UTC()
	st := &Status{At: now, Instance: s.Instance, Version: s.Version, Running: s.Stats != nil, Started: s.Started}
	var err error
	if st.State, err = s.State(); err != nil {
		return nil, err
	}
	if st.Outbox, err = s.outbox(); err != nil {
		return nil, err
	}
	if st.Sources, err = s.sources(now); err != nil {
		return nil, err
	}
	setup := s.setup.Load()
	st.Delivery = Delivery{To: setup.Sending, Stopped: setup.NotSending}
	if s.Stats != nil {
		d := s.Stats().Delivery
		st.Delivery.LastAccepted = d.LastAccepted.UTC()
		st.Delivery.Stopped = cmp.Or(st.Delivery.Stopped, d.Trouble)
	}
	if st.Delivery.LastAccepted.IsZero() {
		if st.Delivery.LastAccepted, err = s.lastAccepted(now); err != nil {
			return nil, err
		}
	}
	st.Needs = st.needs()
	return st, nil
}

// sources returns the configured sources, and those that were.
func (s *Server) sources(now time.Time) ([]Source, error) {
	names := s.setup.Load().Sources
	list := make([]Source, len(names))
	at := map[string]int{}
	for i, c := range names {
		list[i] = Source{Name: c.Name, Path: c.Path}
		at[c.Name] = i
	}
	day := map[string]*agent.Accounting{}
	from := agent.WindowOf(now.Add(-23 * time.Hour))
	for l, err := range s.Books.Accounting(from-lookBack, agent.LastWindow) {
		if err != nil {
			return nil, err
		}
		i, ok := at[l.Source]
		if !ok {
			continue
		}
		list[i].LastHour = l.Window.Start()
		if l.Window < from {
			continue
		}
		if day[l.Source] == nil {
			day[l.Source] = &agent.Accounting{}
		}
		day[l.Source].Add(l.Accounting)
	}
	for name, a := range day {
		list[at[name]].Day = newAccounting(a)
	}
	if s.Stats == nil {
		return list, nil
	}
	for _, f := range s.Stats().Feeds {
		if i, ok := at[f.Name]; ok {
			list[i].follow(&f)
		}
	}
	return list, nil
}

// lookBack is how many hours before the past day are looked at for the last
// lines and the last acceptance.
const lookBack = 6 * 24

// follow takes over what a feed tells.
func (src *Source) follow(f *agent.FeedStats) {
	if f.Blocked != nil {
		src.Blocked = f.Blocked.Error()
	}
	src.ReadTo, src.LastLine, src.LastCommit = f.ReadTo, f.LastLine, f.LastCommit
	src.Behind, src.Open, src.Deleted = f.Source.Behind, f.Source.Open, f.Source.Deleted
	for _, e := range f.Source.Events {
		src.Events = append(src.Events, Event{e.Kind, e.Level.String(), e.Count, e.Last, e.Path, e.Text, e.Hint})
	}
}

// lastAccepted returns when an entry of the latest hour with any was accepted.
func (s *Server) lastAccepted(now time.Time) (time.Time, error) {
	open := agent.WindowOf(now)
	for w := open; w > open-lookBack; w-- {
		var last int64
		for e, err := range s.Books.Ledger(w, w+1) {
			if err != nil {
				return time.Time{}, err
			}
			if e.State == agent.Accepted {
				last = max(last, e.Settled)
			}
		}
		if last != 0 {
			return unix(last), nil
		}
	}
	return time.Time{}, nil
}

func (n Need) String() string { return fmt.Sprintf("%s: %s", n.Topic, n.Text) }
