package admin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// ask asks a handler as somebody at an address would.
func ask(h http.Handler, method, target, host string) (int, string) {
	r := httptest.NewRequest(method, target, http.NoBody)
	r.Host = host
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// busyServer is the server of an agent with usage, trouble and an attacker
// among its customers.
func busyServer() *Server {
	park := entry(thisHour-3, 1, 4, agent.Parked)
	park.Reason = `customer "<script>alert(1)</script>" isn't mapped`
	b := &shelf{
		lines:  []agent.SourceLines{{Source: "edge", Window: thisHour - 1, Accounting: agent.Accounting{Lines: 1234567, Billed: 1234567}}},
		outbox: []agent.Entry{park},
	}
	for i := range agent.Window(30) {
		w := thisHour - 29 + i
		b.usage = append(b.usage,
			agent.Usage{Meter: "calls", Customer: "acme", Window: w, Total: uint64(1000 * i)},
			agent.Usage{Meter: "calls", Customer: `"><script>alert(2)</script>` + "\x1b", Window: w, Total: 7},
		)
	}
	s := running(newServer(b), agent.FeedStats{At: at, ReadTo: at.Add(-30 * time.Second), LastLine: at.Add(-time.Minute), Lines: agent.Accounting{Lines: 10, Billed: 7, Refused: 3}})
	s.State = func() (State, error) {
		return State{Dir: "/var/lib/logmeter", FreeBytes: 1 << 40, DiskBytes: 5 << 20, Parked: 1, Oldest: thisHour - 3}, nil
	}
	return s
}

func TestPage(t *testing.T) {
	code, page := ask(busyServer().Public(true), "GET", "/", "localhost:9402")
	if code != http.StatusOK {
		t.Fatalf("%d: %s", code, page)
	}
	for _, want := range []string{"Is it counting?", "yes: 1 source, read to the end", "What needs me?", "1 warning", "parked: 1 entry, 4 units", "acme", "<svg", "2026-11-24 12:00 UTC: 29\u202f007"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, never := range []string{"<script", "\x1b", "http://", "https://", "url(", "%!"} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %q", never)
		}
	}
	if n := strings.Count(page, `class="bar`); n != dayHours {
		t.Errorf("%d bars, want %d", n, dayHours)
	}
}

// Nothing can be changed, copied or profiled from outside.
func TestPublicIsForLooking(t *testing.T) {
	h := busyServer().Public(false)
	for _, target := range []string{"/v1/status", "/v1/backup", "/v1/usage", "/v1/outbox/release", "/v1/adjust", "/debug/pprof/", "/debug/pprof/heap"} {
		for _, method := range []string{"GET", "POST"} {
			if code, _ := ask(h, method, target, "agent:9402"); code != http.StatusNotFound {
				t.Errorf("%s %s: %d, want 404", method, target, code)
			}
		}
	}
	if code, _ := ask(h, "POST", "/status.json", "agent:9402"); code != http.StatusMethodNotAllowed {
		t.Errorf("POST /status.json: %d", code)
	}
	if code, _ := ask(busyServer().Local(), "GET", "/debug/pprof/heap", "logmeter"); code != http.StatusOK {
		t.Errorf("the socket has no profiles: %d", code)
	}
}

// A web page that a browser on this machine is lured to can't read the status
// by giving its own name this machine's address.
func TestLoopbackAnswersToItsOwnNames(t *testing.T) {
	for host, want := range map[string]int{
		"127.0.0.1:9402": 200, "localhost": 200, "localhost:9402": 200, "[::1]:9402": 200, "127.1.2.3": 200,
		"evil.example:9402": 403, "": 403, "localhost.evil.example": 403, "10.0.0.1:9402": 403,
	} {
		if code, _ := ask(busyServer().Public(true), "GET", "/status.json", host); code != want {
			t.Errorf("Host %q: %d, want %d", host, code, want)
		}
	}
}

func TestMetrics(t *testing.T) {
	s := busyServer()
	s.Version = "1\"\\\n2"
	_, text := ask(s.Public(false), "GET", "/metrics", "agent")
	for _, want := range []string{
		`logmeter_build_info{version="1\"\\\n2"} 1`,
		`logmeter_lines_total{source="edge",fate="billed"} 7`,
		`logmeter_lines_total{source="edge",fate="refused"} 3`,
		`logmeter_accounting_remainder_lines{source="edge"} 0`,
		`logmeter_source_lag_seconds{source="edge"} 30`,
		`logmeter_outbox_entries{state="parked"} 1`,
		`logmeter_outbox_oldest_seconds 8400`,
		`logmeter_delivery_stopped 0`,
		`logmeter_state_free_bytes 1099511627776`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	// Each line is one of the format's, each family is told once, no customer
	// is named.
	sample := regexp.MustCompile(`^logmeter_[a-z_]+(\{([a-z_]+="(\\.|[^"\\])*",?)+\})? -?[0-9.]+$`)
	kinds := regexp.MustCompile(`^# TYPE logmeter_[a-z_]+ (gauge|counter)$`)
	seen := map[string]bool{}
	for l := range strings.Lines(text) {
		l = strings.TrimSuffix(l, "\n")
		if strings.HasPrefix(l, "# TYPE ") && !kinds.MatchString(l) {
			t.Errorf("not a type: %s", l)
		}
		if strings.HasPrefix(l, "# TYPE ") && seen[l] {
			t.Errorf("twice: %s", l)
		}
		seen[l] = true
		if !strings.HasPrefix(l, "# ") && !sample.MatchString(l) {
			t.Errorf("not a sample: %q", l)
		}
		if strings.Contains(l, "acme") {
			t.Errorf("a customer is named: %s", l)
		}
	}
}

func TestHealthAndReadiness(t *testing.T) {
	for name, c := range map[string]struct {
		feed          agent.FeedStats
		health, ready int
		text          string // of readyz
	}{
		"well":      {agent.FeedStats{At: at, ReadTo: at}, 200, 200, "ok\n"},
		"begun":     {agent.FeedStats{}, 200, 503, "source edge: not begun yet\n"},
		"blocked":   {agent.FeedStats{At: at, Blocked: errors.New("permission denied")}, 200, 503, "source edge: permission denied\n"},
		"hanging":   {agent.FeedStats{At: at.Add(-time.Hour)}, 503, 200, "ok\n"},
		"a way off": {agent.FeedStats{At: at, ReadTo: at.Add(-time.Hour)}, 200, 200, "ok\n"},
	} {
		h := running(newServer(&shelf{}), c.feed).Public(false)
		if code, text := ask(h, "GET", "/healthz", "agent"); code != c.health {
			t.Errorf("%s: healthz %d %q, want %d", name, code, text, c.health)
		}
		if code, text := ask(h, "GET", "/readyz", "agent"); code != c.ready || text != c.text {
			t.Errorf("%s: readyz %d %q, want %d %q", name, code, text, c.ready, c.text)
		}
	}
	s := newServer(&shelf{})
	s.State = func() (State, error) { return State{Dir: "/state"}, nil }
	if code, text := ask(running(s, agent.FeedStats{At: at}).Public(false), "GET", "/readyz", "agent"); code != 503 || !strings.Contains(text, "too little free space in /state") {
		t.Errorf("full disk: %d %q", code, text)
	}
}

// What can't be sent is said although there is a key.
func TestStatusTellsOfTrouble(t *testing.T) {
	s := newServer(&shelf{})
	s.Stats = func() agent.Stats {
		return agent.Stats{Delivery: agent.DeliveryStats{Trouble: "Stripe takes no usage now: the key is revoked", LastAccepted: at.Add(-time.Hour)}}
	}
	st, err := s.Status()
	must(t, err)
	if got, want := st.SendingText(), "no: Stripe takes no usage now: the key is revoked"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !st.Delivery.LastAccepted.Equal(at.Add(-time.Hour)) {
		t.Errorf("last accepted %v", st.Delivery.LastAccepted)
	}
}

func TestPageIsMadeOnceForMany(t *testing.T) {
	b := &shelf{}
	reads := 0
	b.onUsage = func(*shelf) { reads++ }
	h := running(newServer(b), agent.FeedStats{At: at, ReadTo: at}).Public(false)
	for range 20 {
		if code, _ := ask(h, "GET", "/", "agent"); code != http.StatusOK {
			t.Fatal(code)
		}
	}
	if reads != 1 {
		t.Errorf("the usage was read %d times for 20 looks at once", reads)
	}
}
