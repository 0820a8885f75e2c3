// Package admin shows people and programs what an agent does and what its
// books hold, and takes what people decide about them.
//
// Its one idea is that there is one way in: an http.Handler over an open
// state. A running agent serves all of it on a Unix socket in its state
// directory, and on TCP, when that is asked for, only what can be read. A
// command talks to the socket; when no agent runs it opens the state itself
// and calls the same handler in its own process. So a command prints the same
// in both cases.
//
// Answers with many rows are JSON lines, written while the books are read:
// nothing holds more than one hour of usage in memory. The package never
// blocks the loops: it reads what they have published, and the books as they
// stood when a reading began.
package admin

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// Options say what is shown. Books, State and Now must be there.
type Options struct {
	Instance string
	Version  string
	// Setup is what the configuration says first; see Use.
	Setup Setup

	Books agent.Books
	// State returns the sizes of the state.
	State func() (State, error)
	// Operator does what people decide; nil: nothing can be decided.
	Operator *agent.Operator
	// Replay reads refused lines of a source again, as agent.Replay does, by
	// the configuration as it is now; nil: that can't be done.
	Replay func(source string, ids []uint64) (agent.Replayed, error)
	// WriteBackup writes a backup of the state. nil: there is none to be had.
	WriteBackup func(io.Writer) error

	// Stats tells of the running agent; nil: none runs.
	Stats   func() agent.Stats
	Started time.Time // of the running agent

	Now func() time.Time
}

// Setup is what a configuration says that can change while an agent runs.
type Setup struct {
	// Sources are the configured sources in the order in which they are shown.
	Sources []SourceName
	// Sending says for people where usage goes, such as "Stripe, live mode",
	// and NotSending, when it isn't "", why it goes nowhere.
	Sending, NotSending string
	// Map fills the request of an entry that isn't frozen, as a Biller's Build
	// does: so it tells which customers can be billed. nil: nobody knows.
	Map func(*agent.Entry) error
}

// SourceName is a configured source.
type SourceName struct{ Name, Path string }

// State says how large a state is and whose.
type State struct {
	Dir       string    `json:"dir"`
	Created   time.Time `json:"created"`
	Account   string    `json:"account,omitempty"` // at Stripe; "" until it is bound to one
	Live      bool      `json:"live"`
	DiskBytes int64     `json:"disk_bytes"`
	// FreeBytes is how much may still be written before reading stops.
	FreeBytes int64 `json:"free_bytes"`
	// Lost is how many commits were gone when the state was opened.
	Lost uint64 `json:"lost_commits,omitempty"`
	// The entries of the outbox by state, and the window of the oldest one;
	// that says nothing when there are none.
	Sealed int          `json:"sealed"`
	Held   int          `json:"held"`
	Parked int          `json:"parked"`
	Oldest agent.Window `json:"-"`
}

// Entries returns the number of entries in the outbox.
func (s *State) Entries() int { return s.Sealed + s.Held + s.Parked }

// Server answers for one open state. Its handlers may be used from several
// goroutines.
type Server struct {
	Options

	setup atomic.Pointer[Setup]

	mu     sync.Mutex // guards digest
	digest *digest    // of the outbox, for a short while

	paging sync.Mutex // guards page; held while one is made
	page   page
}

// New returns a Server. It starts nothing.
func New(o Options) *Server {
	s := &Server{Options: o}
	s.Use(o.Setup)
	return s
}

// Use shows another configuration from now on.
func (s *Server) Use(c Setup) { s.setup.Store(&c) }

// Local returns the handler for those who may do everything: the users of the
// socket, and a command in its own process.
func (s *Server) Local() http.Handler {
	m := http.NewServeMux()
	s.reads(m)
	s.looks(m)
	profiles(m)
	m.HandleFunc("GET /v1/backup", s.backup)
	m.HandleFunc("GET /v1/refused", s.getRefused)
	if s.Replay != nil {
		m.HandleFunc("POST /v1/refused/replay", s.replay)
	}
	s.changes(m)
	return m
}

// reads adds what changes nothing.
func (s *Server) reads(m *http.ServeMux) {
	m.HandleFunc("GET /v1/status", s.getStatus)
	m.HandleFunc("GET /v1/usage", s.getUsage)
	m.HandleFunc("GET /v1/accounting", s.getAccounting)
	m.HandleFunc("GET /v1/outbox", s.getOutbox)
	m.HandleFunc("GET /v1/entries/{id}", s.getEntry)
}
