package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"sync/atomic"
	"time"
)

// When the tally is committed: whichever comes first.
const (
	commitEvery    = time.Second
	commitLines    = 64 << 10
	commitRows     = 50_000
	commitNewNames = 3_000
)

// finishedRows is how many rows or new customers of finished logs are gathered
// before they are added to what was counted.
const finishedRows = 500_000

const (
	// idleWait is how long a source may wait for new lines when nothing is
	// uncommitted. It bounds how old the news that a source is read to its end
	// can be.
	idleWait = time.Second
	// fullRetry is the time between two tries to commit on a full disk.
	fullRetry = time.Second
	// drainPatience is longer than a source may need to tell what a file is.
	drainPatience = 70 * time.Second
	// drainBusy is how long a drain waits for a log to be quiet.
	drainBusy = 5 * time.Second
	// complainEvery is the time between two messages about the same trouble.
	complainEvery = time.Minute
	// maxAhead is how far in the future a line may be before it is reported:
	// as far as Stripe takes timestamps.
	maxAhead = 5 * time.Minute
)

// Feed is a source with the parser of its format.
type Feed struct {
	Source Source
	Parser Parser
}

// ingester carries one feed's lines into the store. All of it belongs to one
// goroutine but readTo, pulse and published.
type ingester struct {
	feed   Feed
	meters *Meters
	store  Store
	now    func() time.Time
	log    *slog.Logger

	tally *Tally
	rec   Record
	dirty time.Time // when the first uncommitted line was counted; zero: none
	// finished says that the source is finished logs, read once.
	finished bool
	seenTo   time.Time // ReadTo of the last block
	begun    bool      // something was committed in this life
	// readTo is, in Unix nanoseconds, up to when everything in the source's
	// logs is committed; 0 means not known yet. The report loop reads it.
	readTo atomic.Int64
	pulse  pulse // read by Progress

	refused, ahead, notNumber complaint

	near *nearWatch
	// remainder says that a line was found unaccounted for, and told.
	remainder bool

	// stats is what commits have come to; published is a copy of it that
	// other goroutines read.
	stats     FeedStats
	published atomic.Pointer[FeedStats]
	// lastLine is the time of the last record, in Unix milliseconds.
	lastLine int64
}

func newIngester(f Feed, ms *Meters, s Store, now func() time.Time, log *slog.Logger) *ingester {
	in := &ingester{
		feed: f, meters: ms, store: s, now: now,
		log:   log.With("source", f.Source.Name()),
		tally: ms.NewTally(),
		near:  &nearWatch{misses: ms.NewNearMisses(), most: looksPerCommit, since: now()},
		stats: FeedStats{Name: f.Source.Name()},
	}
	first := in.stats
	in.published.Store(&first)
	return in
}

// run ingests until ctx ends, then commits what was read.
func (in *ingester) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if _, err := in.step(ctx, idleWait); err != nil {
			return err
		}
	}
	return in.commit(ctx)
}

// drain ingests until everything that is in the logs now is committed, and no
// line has come for quiet or drainBusy is over. It gives up, with an error, when a log can't be read
// for drainPatience.
func (in *ingester) drain(ctx context.Context, quiet time.Duration) error {
	start := in.now()
	silent, readable := start, start
	for ctx.Err() == nil {
		b, err := in.step(ctx, min(idleWait, max(quiet, 10*time.Millisecond)))
		if err != nil {
			return err
		}
		now := in.now()
		if len(b.Lines) > 0 {
			silent, readable = now, now
		}
		if !b.ReadTo.IsZero() {
			readable = now
		}
		if now.Sub(readable) >= drainPatience {
			return errors.Join(
				in.commit(ctx),
				fmt.Errorf("source %s: not all of its logs can be read now", in.feed.Source.Name()),
			)
		}
		whole := !b.ReadTo.IsZero() && !b.ReadTo.Before(start)
		if whole && (now.Sub(silent) >= quiet || now.Sub(start) >= drainBusy) {
			return in.commit(ctx)
		}
	}
	return errors.Join(in.commit(ctx), ctx.Err())
}

// Count reads a source of finished logs to its end and commits all of it to s.
// The source says io.EOF when there is no more.
func Count(ctx context.Context, f Feed, ms *Meters, s Store, now func() time.Time, log *slog.Logger) error {
	return CountNear(ctx, f, ms, s, nil, now, log)
}

// CountNear is Count that gathers all near misses too; none when near is nil.
func CountNear(ctx context.Context, f Feed, ms *Meters, s Store, near *NearMisses, now func() time.Time, log *slog.Logger) error {
	in := newIngester(f, ms, s, now, log)
	in.finished = true
	in.near = &nearWatch{misses: near, most: math.MaxInt, never: true}
	for ctx.Err() == nil {
		if _, err := in.step(ctx, 0); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// step reads one block, counts it, and commits when that is due. The block's
// lines are no longer valid when it returns; only whether there were any.
func (in *ingester) step(ctx context.Context, wait time.Duration) (Block, error) {
	if !in.dirty.IsZero() {
		wait = min(wait, max(0, commitEvery-in.now().Sub(in.dirty)))
	}
	b, err := in.feed.Source.Next(ctx, wait)
	in.pulse.beat()
	if err != nil {
		// What was read before the error is whole: keep it.
		if cerr := in.commit(ctx); cerr != nil {
			return b, fmt.Errorf("%w (after %v)", cerr, err)
		}
		return b, err
	}
	in.count(b)
	in.seenTo = b.ReadTo
	if in.due() {
		return b, in.commit(ctx)
	}
	return b, nil
}

// count adds every line of a block to the tally.
func (in *ingester) count(b Block) {
	if len(b.Lines) == 0 && b.TooLong == 0 {
		return
	}
	now := in.now()
	if in.dirty.IsZero() {
		in.dirty = now
	}
	fallback := WindowOf(now)
	aheadOf := now.Add(maxAhead).UnixMilli()
	if b.TooLong > 0 {
		in.tally.Refuse(b.TooLong, fallback)
		in.refused.note(b.TooLong, RefusedTooLong, b.Path, b.Offset)
	}
	rest, last := b.Lines, in.lastLine
	for len(rest) > 0 {
		line, tail, _ := bytes.Cut(rest, []byte{'\n'})
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		switch err := in.feed.Parser.Parse(line, &in.rec); {
		case err == nil:
			last = in.rec.Time
			if why := in.meters.Measure(&in.rec, in.tally); why < RuleCount {
				in.near.look(&in.rec, why, secret(in.feed.Parser))
			}
			if in.tally.notNumber > 0 {
				n, err := in.tally.takeNotNumber()
				in.notNumber.note(n, err, b.Path, b.Offset+int64(len(b.Lines)-len(rest)))
			}
			if in.rec.Time > aheadOf {
				in.ahead.note(1, nil, b.Path, b.Offset+int64(len(b.Lines)-len(rest)))
			}
		case err == ErrSkip:
			in.tally.Skip(fallback)
		default:
			in.tally.Refuse(1, fallback)
			keep := in.tally.Keep
			if secret(in.feed.Parser) {
				keep = in.tally.keepPlace
			}
			keep(line, b.Path, b.Offset+int64(len(b.Lines)-len(rest)), reasonOf(err), now.Unix())
			in.refused.note(1, err, b.Path, b.Offset+int64(len(b.Lines)-len(rest)))
		}
		rest = tail
	}
	in.lastLine = last
	if c, ok := in.refused.due(now); ok {
		in.log.Warn("lines refused: they don't have the configured format and are not billed",
			"lines", c.n, "reason", c.err, "path", c.path, "offset", c.offset,
			"hint", "see them with: logmeter parse --source "+in.feed.Source.Name()+" "+c.path)
	}
	if c, ok := in.notNumber.due(now); ok {
		in.log.Warn("lines not counted by a meter that adds up a field: it holds no whole number there",
			"lines", c.n, "reason", c.err, "path", c.path, "offset", c.offset,
			"hint", "see them with: logmeter parse --explain --source "+in.feed.Source.Name()+" "+c.path)
	}
	in.near.report(now, in.log)
	if c, ok := in.ahead.due(now); ok {
		in.log.Warn("lines from the future: their hour is sent when it is over by this machine's clock",
			"lines", c.n, "path", c.path, "offset", c.offset,
			"hint", "compare the clocks of the proxy and of this machine")
	}
}

// reasonOf returns the short name of why a line is refused.
func reasonOf(err error) string {
	var r *Refused
	if errors.As(err, &r) {
		return r.Reason
	}
	return "unknown"
}

// due reports whether the tally has to be committed now.
func (in *ingester) due() bool {
	rows, names := in.tally.Size()
	if in.finished {
		// The log doesn't change and is read once: only memory counts.
		return rows >= finishedRows || names >= finishedRows
	}
	return !in.begun || // a log that is seen for the first time is noted at once
		in.dirty.IsZero() || // positions alone are cheap to ask for
		in.now().Sub(in.dirty) >= commitEvery ||
		in.tally.Lines() >= commitLines || rows >= commitRows || names >= commitNewNames
}

// commit makes the tally and the positions behind it durable in one
// transaction. A crash before it counts the same lines again from the old
// positions; a crash after it goes on from the new ones. On a full disk it
// waits, and reads nothing meanwhile: the log is the queue.
func (in *ingester) commit(ctx context.Context) error {
	positions := in.feed.Source.Positions()
	if in.tally.Lines() > 0 || len(positions) > 0 {
		for first := true; ; first = false {
			err := in.store.Commit(in.feed.Source.Name(), positions, in.tally)
			if err == nil {
				break
			}
			if !errors.Is(err, ErrFull) {
				return fmt.Errorf("commit source %s: %w", in.feed.Source.Name(), err)
			}
			in.publish(err)
			if first {
				in.log.Error("counting has stopped, nothing is lost: "+err.Error(),
					"hint", "free space in state_dir; counting goes on by itself from where it stopped")
			}
			in.pulse.beat() // a full disk is no hang: a restart wouldn't mend it
			if !sleep(ctx, fullRetry) {
				return fmt.Errorf("commit source %s: %w", in.feed.Source.Name(), err)
			}
		}
		in.committed()
		in.tally.Reset()
		in.near.looks = 0
		in.dirty, in.begun = time.Time{}, true
	}
	if !in.seenTo.IsZero() {
		in.readTo.Store(in.seenTo.UnixNano())
	}
	in.publish(nil)
	return nil
}

// complaint gathers what would be one message per line into one per minute.
type complaint struct {
	n      int
	err    error // of the last line, with where it is
	path   string
	offset int64
	last   time.Time
}

func (c *complaint) note(n int, err error, path string, offset int64) {
	c.n += n
	c.err, c.path, c.offset = err, path, offset
}

// due returns what there is to say, at most once per complainEvery.
func (c *complaint) due(now time.Time) (complaint, bool) {
	if c.n == 0 || now.Sub(c.last) < complainEvery {
		return complaint{}, false
	}
	said := *c
	*c = complaint{last: now}
	return said, true
}

// sleep waits for d and reports whether ctx still goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
