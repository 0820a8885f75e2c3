package admin

import (
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strings"
	"time"
)

// Public returns the handler for everyone who reaches an address: it changes
// nothing and tells no secret. loopback says that only this machine reaches it.
func (s *Server) Public(loopback bool) http.Handler {
	m := http.NewServeMux()
	s.looks(m)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if loopback && !isLoopbackHost(r.Host) {
			// A web page elsewhere whose name was made to lead here.
			http.Error(w, "this address is called 127.0.0.1 or localhost, nothing else", http.StatusForbidden)
			return
		}
		// Who reads slowly doesn't keep a reading of the books open for long.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute))
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		m.ServeHTTP(w, r)
	})
}

// looks adds what monitors and browsers ask for.
func (s *Server) looks(m *http.ServeMux) {
	m.HandleFunc("GET /{$}", s.getPage)
	m.HandleFunc("GET /metrics", s.getMetrics)
	m.HandleFunc("GET /healthz", s.getHealth)
	m.HandleFunc("GET /readyz", s.getReady)
	m.HandleFunc("GET /status.json", s.getStatus)
}

// profiles adds what tells a developer how the process works. It can make the
// process slow, so it is for the socket alone.
func profiles(m *http.ServeMux) {
	m.HandleFunc("GET /debug/pprof/", pprof.Index)
	m.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	m.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
}

// isLoopbackHost reports whether a Host header names this machine itself.
func isLoopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// hangs is how long a loop that says something about every second may be
// silent.
const hangs = 5 * time.Minute

// getHealth answers whether the process works: 200, or 503 for one that only
// a restart heals. What a person must mend is no reason to restart.
func (s *Server) getHealth(w http.ResponseWriter, _ *http.Request) {
	var bad []string
	if s.Stats != nil {
		for _, f := range s.Stats().Feeds {
			if !f.At.IsZero() && s.Now().Sub(f.At) > hangs {
				bad = append(bad, fmt.Sprintf("source %s: no sign of life since %s", f.Name, hourText(f.At)))
			}
		}
	}
	writeVerdict(w, bad)
}

// getReady answers whether it counts: every source is being read and the state
// can be written. Stripe is no part of it: an agent that can't reach it counts
// all the same.
func (s *Server) getReady(w http.ResponseWriter, _ *http.Request) {
	var bad []string
	st, err := s.State()
	switch {
	case err != nil:
		bad = append(bad, "state: "+err.Error())
	case st.FreeBytes == 0:
		bad = append(bad, "state: too little free space in "+st.Dir)
	}
	if s.Stats == nil {
		bad = append(bad, "no agent runs")
	} else {
		for _, f := range s.Stats().Feeds {
			switch {
			case f.Blocked != nil:
				bad = append(bad, "source "+f.Name+": "+f.Blocked.Error())
			case f.At.IsZero():
				bad = append(bad, "source "+f.Name+": not begun yet")
			}
		}
	}
	writeVerdict(w, bad)
}

func writeVerdict(w http.ResponseWriter, bad []string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if len(bad) == 0 {
		fmt.Fprintln(w, "ok")
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprintln(w, strings.Join(bad, "\n"))
}
