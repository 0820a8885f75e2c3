package main

import (
	"io"
	"log/slog"
	"testing"

	"github.com/logmeter/logmeter/agent/stripe"
	"github.com/logmeter/logmeter/agent/stripe/stripetest"
	"github.com/logmeter/logmeter/checkpoint"
)

// The reads of a month are counted over restarts.
func TestReadsAreCountedOverRestarts(t *testing.T) {
	server := stripetest.NewServer(t, stripetest.Config{}, "calls")
	store, err := checkpoint.Open(checkpoint.Options{Dir: t.TempDir(), Instance: "edge-1"})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	life := func() int {
		t.Helper()
		b, err := stripe.New(stripe.Options{
			Key: stripe.Secret(server.Key), APIBase: server.URL, Meters: map[string]stripe.Meter{"calls": {}},
		})
		if err != nil {
			t.Fatal(err)
		}
		bound := &boundBiller{Biller: b, store: store, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
		if err := bound.takeBudget(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := bound.Now(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		used, _ := b.Reads()
		return used
	}
	first := life()
	if second := life(); first == 0 || second != 2*first {
		t.Errorf("%d reads after one life, %d after two", first, second)
	}
}
