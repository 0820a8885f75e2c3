package agent

import (
	"math"
	"time"
)

// Window is one hour of log time in UTC, the unit in which usage is counted
// and reported: the number of whole hours since the Unix epoch.
type Window int32

// The range of all windows, for Books: [FirstWindow, LastWindow).
const (
	FirstWindow Window = math.MinInt32
	LastWindow  Window = math.MaxInt32
)

// windowMillis is the length of a window in milliseconds.
const windowMillis = int64(time.Hour / time.Millisecond)

// WindowOf returns the window that t falls into.
func WindowOf(t time.Time) Window { return windowAt(t.UnixMilli()) }

// windowAt returns the window of a Record's Time, rounding towards the past.
func windowAt(millis int64) Window {
	w := millis / windowMillis
	if millis%windowMillis < 0 {
		w--
	}
	return Window(w)
}

// Start returns the first instant of the window, in UTC.
func (w Window) Start() time.Time { return time.Unix(int64(w)*3600, 0).UTC() }

// End returns the first instant after the window, in UTC.
func (w Window) End() time.Time { return (w + 1).Start() }

// String returns the window's start as RFC 3339, such as 2026-11-24T18:00:00Z.
func (w Window) String() string { return w.Start().Format(time.RFC3339) }

// minuteOf returns the minute of its hour, 0 to 59, of a Record's Time.
func minuteOf(millis int64) uint8 {
	m := millis % windowMillis
	if m < 0 {
		m += windowMillis
	}
	return uint8(m / 60_000)
}

// FreeMinute returns the minute of an hour that an entry takes as its
// timestamp, so that a one-minute summary of Stripe reads back that entry alone:
// the latest one up to want whose bit isn't set in taken, else the first one
// after it. What comes before want is over in any case; a later minute may have
// to be waited for. When all sixty are taken it returns want.
func FreeMinute(want uint8, taken uint64) uint8 {
	for m := int(want); m >= 0; m-- {
		if taken&(1<<m) == 0 {
			return uint8(m)
		}
	}
	for m := int(want) + 1; m < 60; m++ {
		if taken&(1<<m) == 0 {
			return uint8(m)
		}
	}
	return want
}
