package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/admin"
)

const timesWanted = `a time (UTC) such as 2026-11-24T12:00:00Z, "2026-11-24 12:00", 2026-11-24, today, yesterday, now, -24h or -7d`

// rangeFlags are the flags that pick hours.
type rangeFlags struct{ from, to string }

func (f *rangeFlags) add(c *cobra.Command, from string) {
	c.Flags().StringVar(&f.from, "from", from, "the first hour, as a `time`: "+strings.TrimPrefix(timesWanted, "a time (UTC) such as "))
	c.Flags().StringVar(&f.to, "to", "", "only hours that began before this `time`; without it up to now")
}

// windows returns the range of the flags.
func (f *rangeFlags) windows(now time.Time) (admin.Range, error) {
	r := admin.AllWindows
	if f.from != "" {
		t, err := parseTime(f.from, now)
		if err != nil {
			return r, fmt.Errorf("--from %w", err)
		}
		r.From = agent.WindowOf(t)
	}
	if f.to != "" {
		t, err := parseTime(f.to, now)
		if err != nil {
			return r, fmt.Errorf("--to %w", err)
		}
		r.To = agent.WindowOf(t.Add(time.Hour - time.Nanosecond))
	}
	if r.From >= r.To {
		return r, fmt.Errorf("--from %s isn't before --to %s", f.from, f.to)
	}
	return r, nil
}

// parseTime reads a time as people write it. Times without a zone are UTC, as
// hours are.
func parseTime(s string, now time.Time) (time.Time, error) {
	now = now.UTC()
	midnight := now.Truncate(24 * time.Hour)
	switch s {
	case "now":
		return now, nil
	case "today":
		return midnight, nil
	case "yesterday":
		return midnight.Add(-24 * time.Hour), nil
	}
	if back, ok := strings.CutPrefix(s, "-"); ok {
		if days, ok := strings.CutSuffix(back, "d"); ok {
			if n, err := strconv.ParseUint(days, 10, 16); err == nil {
				return now.Add(-time.Duration(n) * 24 * time.Hour), nil
			}
		}
		if d, err := time.ParseDuration(back); err == nil && d >= 0 {
			return now.Add(-d), nil
		}
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q isn't a time; want %s", s, timesWanted)
}

// hourText and timeText show times to people: in UTC, as hours are.
func hourText(t time.Time) string { return formatTime(t, "2006-01-02 15:04") }

func timeText(t time.Time) string { return formatTime(t, "2006-01-02 15:04:05") }

func formatTime(t time.Time, layout string) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(layout)
}
