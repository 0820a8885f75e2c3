package admin

import (
	"context"
	"testing"

	"github.com/logmeter/logmeter/agent"
)

// Each row says how far the usage has come, and the parts are all of it.
func TestUsageJoinsCountsWithEntries(t *testing.T) {
	w := thisHour - 2
	adjustment := entry(w, 5, -2, agent.Accepted)
	adjustment.Adjustment = true
	b := &shelf{
		usage: []agent.Usage{
			{Meter: "calls", Customer: "nobody", Window: w, Total: 4, Reported: 0},
			{Meter: "calls", Customer: "acme", Window: w, Total: 30, Reported: 26},
			{Meter: "calls", Customer: "acme", Window: w + 1, Total: 7},
		},
		outbox: []agent.Entry{entry(w, 2, 3, agent.Held), entry(w, 3, 5, agent.Parked)},
		ledger: []agent.Entry{entry(w, 1, 10, agent.Accepted), entry(w, 4, 8, agent.WrittenOff), adjustment},
	}
	rows := collect(t, directly(newServer(b)).Usage(context.Background(), UsageQuery{Range: AllWindows}))
	if len(rows) != 3 {
		t.Fatalf("got %d rows, want 3: %+v", len(rows), rows)
	}
	u := rows[0]
	if u.Name() != "acme" || u.Counted != 30 || u.Sealed != 26 || u.Sent != 8 || u.Held != 3 || u.Parked != 5 || u.WrittenOff != 8 || u.Adjusted != -2 {
		t.Errorf("got %+v", u)
	}
	if sum := u.Sent + u.Waiting + u.Held + u.Parked + u.WrittenOff; sum != int64(u.Sealed)+u.Adjusted {
		t.Errorf("the parts are %d of %d sealed and %d adjusted", sum, u.Sealed, u.Adjusted)
	}
	if u.Account != "cus_Acme" {
		t.Errorf("account %q, want that of the entries", u.Account)
	}
	if u := rows[1]; u.Name() != "nobody" || u.Unmapped == "" {
		t.Errorf("got %+v, want one that isn't mapped", u)
	}
	if u := rows[2]; u.Window != (w+1).Start() || u.Account != "cus_ACME" {
		t.Errorf("got %+v, want the next hour with the mapping's customer", u)
	}
}

func TestUsagePicks(t *testing.T) {
	b := &shelf{usage: []agent.Usage{
		{Meter: "calls", Customer: "acme", Window: thisHour - 3, Total: 1},
		{Meter: "bytes", Customer: "acme", Window: thisHour - 2, Total: 2},
		{Meter: "calls", Customer: "nobody", Window: thisHour - 2, Total: 3},
		{Meter: "calls", Customer: "\xff\xfe", Window: thisHour - 2, Total: 4},
		{Meter: "calls", Customer: "acme", Window: thisHour - 1, Total: 5},
	}}
	for name, c := range map[string]struct {
		q    UsageQuery
		want []uint64
	}{
		"all":             {UsageQuery{Range: AllWindows}, []uint64{1, 2, 3, 4, 5}},
		"range":           {UsageQuery{Range: Range{thisHour - 2, thisHour - 1}}, []uint64{2, 3, 4}},
		"meter":           {UsageQuery{Range: AllWindows, Meter: "bytes"}, []uint64{2}},
		"customer":        {UsageQuery{Range: AllWindows, Customer: "acme"}, []uint64{1, 2, 5}},
		"Stripe customer": {UsageQuery{Range: AllWindows, Customer: "cus_ACME"}, []uint64{1, 2, 5}},
		"any bytes":       {UsageQuery{Range: AllWindows, Customer: "\xff\xfe"}, []uint64{4}},
		"unmapped":        {UsageQuery{Range: AllWindows, Unmapped: true}, []uint64{3}},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[uint64]bool{}
			for _, u := range collect(t, directly(newServer(b)).Usage(context.Background(), c.q)) {
				got[u.Counted] = true
			}
			for _, n := range c.want {
				if !got[n] {
					t.Errorf("the row of %d is missing; got %v", n, got)
				}
			}
			if len(got) != len(c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// An entry that is made or settled while its hour is read is in the sums once.
func TestUsageOfAnHourThatChanges(t *testing.T) {
	w := thisHour - 1
	b := &shelf{
		usage:  []agent.Usage{{Meter: "calls", Customer: "acme", Window: w, Total: 9, Reported: 4}},
		outbox: []agent.Entry{entry(w, 1, 4, agent.Sealed)},
	}
	reads := 0
	b.onUsage = func(b *shelf) {
		if reads++; reads == 1 {
			b.ledger = []agent.Entry{entry(w, 1, 4, agent.Accepted)}
			b.outbox = []agent.Entry{entry(w, 2, 5, agent.Sealed)}
			b.usage[0].Reported = 9
		}
	}
	rows := collect(t, newServer(b).usage(UsageQuery{Range: AllWindows}))
	if len(rows) != 1 || rows[0].Sealed != 9 || rows[0].Sent != 4 || rows[0].Waiting != 5 {
		t.Errorf("got %+v, want 9 sealed = 4 sent + 5 waiting", rows)
	}
}

func TestUsageThatCantBeRead(t *testing.T) {
	b := &shelf{broken: errBroken}
	for _, err := range directly(newServer(b)).Usage(context.Background(), UsageQuery{Range: AllWindows}) {
		if err == nil || err.Error() != errBroken.Error() {
			t.Errorf("got %v, want %v", err, errBroken)
		}
		return
	}
	t.Error("no error")
}
