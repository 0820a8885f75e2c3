package agent

import (
	"log/slog"
	"time"
)

// Stats is what an Agent does, as it stood a moment ago. Nothing in it changes
// once it was returned.
type Stats struct {
	Feeds []FeedStats // in the order of Agent.Feeds
	// Delivery is how reporting stands; its At is zero before the first pass.
	Delivery DeliveryStats
}

// DeliveryStats is what the report loop says after each pass over the outbox.
type DeliveryStats struct {
	At   time.Time // the end of the pass
	Last Delivery  // what it did and left
	// LastAccepted is when a pass last got usage accepted; zero: not since the
	// start.
	LastAccepted time.Time
	// Trouble is what keeps all usage from being sent; "" when nothing does.
	Trouble string
	// SealedTo is the instant before which usage is sealed.
	SealedTo time.Time
	// Audit is what the last comparison with Stripe's summaries found; its At
	// is zero before the first.
	Audit AuditStats
}

// FeedStats is what one feed has come to since the agent was started. Lines
// are counted here once they are committed, so that a count agrees with the
// store.
type FeedStats struct {
	Name string
	// At is when this was put together: after every commit, and about once a
	// second while there is nothing to commit.
	At time.Time
	// Lines says where the committed lines went.
	Lines Accounting
	// LastLine is the time that the last record carries: log time. It is zero
	// before the first line, and when the format logs no time.
	LastLine time.Time
	// LastCommit is when lines or positions were made durable last.
	LastCommit time.Time
	// ReadTo is when the logs were last read to their end and all of it
	// committed; zero: not since the start.
	ReadTo time.Time
	// Blocked is why nothing is read now, such as a full disk; nil: nothing
	// keeps the feed from reading. While it is set, Source stands still.
	Blocked error
	Source  SourceStats
}

// SourceStats is what a source says about its files.
type SourceStats struct {
	// Path is what the source is configured to read.
	Path string
	// Bytes were returned as lines since the start.
	Bytes uint64
	// Behind is how many bytes of the open files were there when they were
	// last looked at and weren't returned yet: the lag. What waits in archives
	// isn't among them.
	Behind int64
	// Open is how many files are open; Deleted of them have no name any more.
	Open, Deleted int
	// Events are what has happened, one for each kind, the latest last.
	Events []SourceEvent
}

// SourceEvent is something that happened to the files of a source, of which a
// person may have to know. Of a kind only the last one is told in full.
type SourceEvent struct {
	// Kind is a stable word such as "truncated". There are few of them, so it
	// can be a metric's label.
	Kind  string
	Level slog.Level
	Count uint64    // since the start
	Last  time.Time // by this machine's clock
	Path  string    // of the file
	// Text says what happened, with its numbers. Hint says what to do, if
	// anything.
	Text, Hint string
}

// Stats returns what the feeds have come to in the present run, or in the last
// one. It may be called from any goroutine at any time and waits for nothing.
func (a *Agent) Stats() Stats {
	running := a.running.Load()
	if running == nil {
		st := Stats{Feeds: make([]FeedStats, len(a.Feeds))}
		for i, f := range a.Feeds {
			st.Feeds[i].Name = f.Source.Name()
		}
		return st
	}
	st := Stats{Feeds: make([]FeedStats, len(running.feeds))}
	for i, in := range running.feeds {
		st.Feeds[i] = *in.published.Load()
	}
	if d := running.rep.published.Load(); d != nil {
		st.Delivery = *d
	}
	if running.audit != nil {
		if audit := running.audit.published.Load(); audit != nil {
			st.Delivery.Audit = *audit
		}
	}
	return st
}

// committed adds what the tally holds to the statistics, before it is reset.
func (in *ingester) committed() {
	for w, lines := range in.tally.Accounts() {
		in.stats.Lines.Add(lines)
		if r := lines.Remainder(); r != 0 && !in.remainder {
			in.remainder = true
			in.log.Error("lines are unaccounted for: this is a fault of logmeter, please report it; counting goes on",
				"lines", r, "window", w.String(), "accounting", lines)
		}
	}
	in.stats.LastCommit = in.now()
	if in.lastLine != 0 {
		in.stats.LastLine = time.UnixMilli(in.lastLine)
	}
}

// publish lets other goroutines see how things stand. blocked is why the
// ingester waits, nil when it doesn't.
func (in *ingester) publish(blocked error) {
	st := in.stats
	st.At, st.Blocked = in.now(), blocked
	if to := in.readTo.Load(); to != 0 {
		st.ReadTo = time.Unix(0, to)
	}
	st.Source = in.feed.Source.Stats()
	in.published.Store(&st)
}
