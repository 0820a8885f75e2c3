package stripetest

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault is a way in which one call goes wrong.
type Fault uint8

// The faults of a meter event. "Applied" says that the event was stored.
const (
	None            Fault = iota
	DropRequest           // the connection ends before the event is applied
	LoseAnswer            // applied; the connection ends without an answer
	Limited               // 429 rate_limit, with Retry-After: 2
	Locked                // 429 lock_timeout
	Conflict              // 409 idempotency_key_in_use
	Error500              // not applied; the key repeats the 500 for a day
	Error500Applied       // applied; the key repeats the 500 for a day
	Unavailable           // 503, not applied
	HTML                  // 502 with a page of HTML, not applied
	HTMLSuccess           // 200 with a page of HTML, not applied
	Truncate              // applied; the answer breaks off
	Slow                  // applied; the answer takes Config.Slow longer
	Hang                  // applied; no answer until the client gives up
	Empty                 // applied; the answer is 200 {}
	Reset                 // the connection is reset before the event is applied
	ResetApplied          // applied; the connection is reset in place of an answer
	Redirect              // 307 to another place, not applied
	BadGateway            // applied; 502 with a page of HTML
)

var faultNames = [...]string{
	"none", "drop-request", "lose-answer", "limited", "locked", "conflict", "error-500", "error-500-applied",
	"unavailable", "html", "html-success", "truncate", "slow", "hang", "empty",
	"reset", "reset-applied", "redirect", "bad-gateway",
}

// MarshalText writes the fault's name, for JSON.
func (x Fault) MarshalText() ([]byte, error) { return []byte(x.String()), nil }

// UnmarshalText reads a fault's name.
func (x *Fault) UnmarshalText(name []byte) error {
	i := slices.Index(faultNames[:], string(name))
	if i < 0 {
		return fmt.Errorf("unknown fault %q; want one of %s", name, strings.Join(faultNames[:], ", "))
	}
	*x = Fault(i)
	return nil
}

func (x Fault) String() string {
	if int(x) < len(faultNames) {
		return faultNames[x]
	}
	return fmt.Sprintf("fault %d", uint8(x))
}

// Faults that Chaos picks from. Hang isn't among them: it takes as long as the
// client's patience.
var (
	chaosEvents = []Fault{
		DropRequest, LoseAnswer, Limited, Locked, Conflict, Error500, Error500Applied,
		Unavailable, HTML, HTMLSuccess, Truncate, Slow, Empty, Reset, ResetApplied, Redirect, BadGateway,
	}
	chaosReads = []Fault{DropRequest, Limited, Error500, Unavailable, HTML, HTMLSuccess, Truncate, Slow, Reset, Redirect}
)

// Fail gives the next meter events these faults, one each.
func (f *Fake) Fail(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = append(f.script, faults...)
}

// LoseReply applies the next n meter events and loses the answers.
func (f *Fake) LoseReply(n int) { f.Fail(slices.Repeat([]Fault{LoseAnswer}, n)...) }

// FailReads gives the next GETs these faults, one each. What is applied or
// not makes no difference to them.
func (f *Fake) FailReads(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads = append(f.reads, faults...)
}

// pick returns the fault of a call: the next one of the script, or what the act
// under way says. The name tells calls apart.
func (f *Fake) pick(script *[]Fault, name string, random []Fault) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	fault := None
	if len(*script) > 0 {
		fault, *script = (*script)[0], (*script)[1:]
	} else if fault = f.staged(name, random); fault == None {
		fault = f.chaos.draw(name, random)
	}
	if fault != None {
		f.stats.Faults++
	}
	return fault
}

// faultBefore ends a call that goes wrong before anything is applied.
func (f *Fake) faultBefore(w http.ResponseWriter, fault Fault) bool {
	switch fault {
	case DropRequest:
		panic(http.ErrAbortHandler)
	case Reset:
		reset(w)
	case Redirect:
		w.Header().Set("Location", "https://elsewhere.example/v1/billing/meter_events")
		page(w, http.StatusTemporaryRedirect, "<html>moved</html>")
	case Limited:
		a := rateLimited()
		a.header = map[string]string{"Retry-After": "2"}
		f.write(w, a)
	case Locked:
		a := failure(http.StatusTooManyRequests, "invalid_request_error", "lock_timeout", "",
			"This object cannot be accessed right now because another API request or Stripe process is currently accessing it.")
		a.header = map[string]string{"Stripe-Rate-Limited-Reason": "resource-specific"}
		f.write(w, a)
	case Conflict:
		f.write(w, failure(http.StatusConflict, "idempotency_error", "idempotency_key_in_use", "",
			"There is currently another in-progress request using this Idempotent Key."))
	case Unavailable:
		f.write(w, failure(http.StatusServiceUnavailable, "api_error", "", "", "Stripe is temporarily unavailable."))
	case HTML:
		page(w, http.StatusBadGateway, "<html><h1>502 Bad Gateway</h1></html>")
	case HTMLSuccess:
		page(w, http.StatusOK, "<html><h1>Welcome to the hotel</h1></html>")
	default:
		return false
	}
	return true
}

func page(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// reset ends a connection with a TCP reset.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// faultAfter answers a call that was executed, or fails to.
func (f *Fake) faultAfter(w http.ResponseWriter, r *http.Request, fault Fault, a answer) {
	switch fault {
	case LoseAnswer:
		panic(http.ErrAbortHandler)
	case ResetApplied:
		reset(w)
		return
	case BadGateway:
		page(w, http.StatusBadGateway, "<html><h1>502 Bad Gateway</h1></html>")
		return
	case Hang:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case Truncate:
		body := a.raw
		if body == nil {
			body = marshal(a.body)
		}
		w.Header().Set("Content-Length", itoa(len(body)))
		w.WriteHeader(a.status)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case Empty:
		f.write(w, answer{status: http.StatusOK, body: map[string]any{}})
		return
	case Slow:
		f.mu.Lock()
		slow := f.cfg.Slow
		f.mu.Unlock()
		time.Sleep(slow)
	}
	f.write(w, a)
}

// faultRead ends a read that goes wrong.
func (f *Fake) faultRead(w http.ResponseWriter, r *http.Request) bool {
	fault := f.pick(&f.reads, "GET "+r.URL.RequestURI(), chaosReads)
	if fault == None || f.faultBefore(w, fault) {
		return fault != None
	}
	if fault == Slow {
		f.mu.Lock()
		slow := f.cfg.Slow
		f.mu.Unlock()
		time.Sleep(slow)
		return false
	}
	f.faultAfter(w, r, fault, failure(http.StatusInternalServerError, "api_error", "", "", "An unknown error occurred"))
	return true
}
