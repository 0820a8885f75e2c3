package stripe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
)

func TestPrinter(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := time.Unix(1780344360, 0)
	p, err := NewPrinter(&out, Options{
		Meters:    map[string]Meter{"calls": {EventName: "api_calls"}, "plain": {}},
		Customers: Customers{Map: map[string]string{"acme": "cus_ACME"}},
		Now:       func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range []agent.Entry{
		{Meter: "calls", Customer: "acme", Window: 494540, Seq: 1, Value: 999_999_999_999_999},
		{Meter: "plain", Customer: "cus_1", Window: 494541, Seq: 2, Value: 1},
	} {
		e.From = uint64(e.Seq) - 1
		e.Identifier = agent.Identify("edge-1", &e)
		if err := p.Build(&e); err != nil {
			t.Fatal(err)
		}
		e.Timestamp = e.Window.Start().Unix() + int64(i)*60
		if o := p.Send(t.Context(), &e); o.Verdict != agent.VerdictAccepted || !o.Time.Equal(now) {
			t.Errorf("got %+v", o)
		}
		if n, err := p.Summary(t.Context(), &e, e.Time(), e.Time()); n != 0 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
	}
	if got, err := p.Now(t.Context()); err != nil || !got.Equal(now) {
		t.Errorf("got %v, %v", got, err)
	}
	golden(t, "printed.jsonl", out.String())
	if err := p.Build(&agent.Entry{Meter: "calls", Customer: "nobody", Value: 1}); !errors.As(err, new(*agent.Rejected)) {
		t.Errorf("got %v, want a rejection", err)
	}
}

func TestPrinterKeepsLinesWhole(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p, err := NewPrinter(&out, Options{Meters: map[string]Meter{"calls": {}}})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			e := agent.Entry{Meter: "calls", Customer: fmt.Sprintf("cus_%d", i), Value: 1, Timestamp: 60}
			if o := p.Send(t.Context(), &e); o.Reason != "" {
				t.Error(o.Reason)
			}
		})
	}
	wg.Wait()
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %q", line)
		}
	}
	if len(lines) != 100 {
		t.Errorf("%d lines, want 100", len(lines))
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestPrinterThatCantWrite(t *testing.T) {
	t.Parallel()
	p, err := NewPrinter(fullDisk{}, Options{Meters: map[string]Meter{"calls": {}}})
	if err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, p.Send(t.Context(), &agent.Entry{Timestamp: 60}), agent.VerdictBusy)
	if _, err := NewPrinter(fullDisk{}, Options{Customers: Customers{Lookup: "x"}}); err == nil {
		t.Error("an unknown lookup is taken")
	}
}
