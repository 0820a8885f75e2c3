package stripetest

import (
	"net/http/httptest"
	"testing"
)

// Server is a Fake that listens on a loopback port.
type Server struct {
	*Fake
	// URL is the API base; Key a secret key.
	URL, Key string

	t    testing.TB
	http *httptest.Server
}

// New starts a Fake in test mode with an active sum meter for each event name.
// It stops when the test ends.
func New(t testing.TB, eventNames ...string) *Server {
	t.Helper()
	return NewServer(t, Config{}, eventNames...)
}

// NewServer is New with traits of choice.
func NewServer(t testing.TB, cfg Config, eventNames ...string) *Server {
	t.Helper()
	f := NewFake(cfg)
	for _, name := range eventNames {
		f.AddMeter(Meter{EventName: name})
	}
	s := &Server{Fake: f, Key: f.cfg.Key, t: t, http: httptest.NewServer(f)}
	s.URL = s.http.URL
	t.Cleanup(s.Stop)
	return s
}

// Stop ends the server: its port refuses connections. The account stays.
func (s *Server) Stop() {
	s.http.CloseClientConnections()
	s.http.Close()
}

// WantUsage fails the test when Stripe would bill the customer another amount
// of the event name.
func (s *Server) WantUsage(customer, eventName string, want int64) {
	s.t.Helper()
	if got := s.Usage(customer, eventName); got != want {
		s.t.Errorf("usage of %s by %s at Stripe: got %d, want %d", eventName, customer, got, want)
	}
}
