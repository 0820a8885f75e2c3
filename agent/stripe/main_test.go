package stripe

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

var update = flag.Bool("update", false, "write golden files")

// TestMain lets no connection leave the machine, whoever makes it.
func TestMain(m *testing.M) {
	dialer.Control = loopbackOnly
	http.DefaultTransport = &http.Transport{DialContext: dialer.DialContext}
	os.Exit(m.Run())
}

func loopbackOnly(_, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil || !a.Addr().IsLoopback() {
		return fmt.Errorf("a test dials %s; only loopback is allowed", address)
	}
	return nil
}

func TestNoTestLeavesTheMachine(t *testing.T) {
	b := biller(t, Options{APIBase: "https://192.0.2.1"})
	e := entry(b, t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	o := b.Send(ctx, e)
	if o.Verdict != agent.VerdictBusy {
		t.Errorf("got verdict %d (%s), want the dial refused", o.Verdict, o.Reason)
	}
	if _, err := net.Dial("tcp", "127.0.0.1:1"); err == nil {
		t.Error("port 1 of loopback answers")
	}
}

// hour is the window of the entries in tests: one that has ended.
var hour = agent.WindowOf(time.Now().Add(-2 * time.Hour))

const event = "api_calls"

// biller returns a Biller with one meter, calls, unless o has others.
func biller(t testing.TB, o Options) *Biller {
	t.Helper()
	if o.Key == "" {
		o.Key = stripetest.Key
	}
	if o.Meters == nil {
		o.Meters = map[string]Meter{"calls": {EventName: event}}
	}
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	b.writes, b.reads = newPacer(1e6), newPacer(1e6)
	return b
}

// billerOf returns a Biller for a fake that knows the fake's meters.
func billerOf(t testing.TB, s *stripetest.Server) *Biller {
	t.Helper()
	b := biller(t, Options{APIBase: s.URL, Key: Secret(s.Key)})
	if _, err := b.Now(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// entry returns a frozen entry of 7 calls by cus_1.
func entry(b *Biller, t testing.TB) *agent.Entry {
	t.Helper()
	return entryOf(t, b, "cus_1", 1, 7)
}

func entryOf(t testing.TB, b *Biller, customer string, seq uint32, value int64) *agent.Entry {
	t.Helper()
	e := &agent.Entry{Meter: "calls", Customer: customer, Window: hour, Seq: seq, Value: value, Minute: 12}
	e.From = uint64(e.Seq) - 1
	e.Identifier = agent.Identify("edge-1", e)
	if !b.catalogue.known() {
		b.catalogue.refused, b.catalogue.read = true, b.now()
	}
	if err := b.Build(e); err != nil {
		t.Fatal(err)
	}
	e.Timestamp = e.Window.Start().Add(12 * time.Minute).Unix()
	return e
}
