package main

import (
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent/admin"
)

// Lines that nothing accounts for fail the command, also when as many too many
// in another hour would hide them.
func TestAccountingRemainder(t *testing.T) {
	hour := time.Date(2026, 11, 1, 7, 0, 0, 0, time.UTC)
	row := func(n int, left int64) admin.AccountingRow {
		return admin.AccountingRow{Source: "edge", Window: hour.Add(time.Duration(n) * time.Hour), Accounting: admin.Accounting{Lines: 9, Remainder: left}}
	}
	for want, rows := range map[string][]admin.AccountingRow{
		"": {row(0, 0), row(1, 0)},
		"5 lines are unaccounted for, first of edge in the hour of 2026-11-01T08:00:00Z": {row(0, 0), row(1, 2), row(2, -3)},
	} {
		var lost remainder
		n := 0
		for r, err := range lost.watch(func(yield func(admin.AccountingRow, error) bool) {
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
		}) {
			if err != nil || !r.Window.Equal(rows[n].Window) || r.Remainder != rows[n].Remainder {
				t.Fatalf("row %d: %v, %v", n, r, err)
			}
			n++
		}
		if n != len(rows) {
			t.Errorf("%d rows, want %d", n, len(rows))
		}
		err := lost.err()
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
