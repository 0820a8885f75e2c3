package source

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/logmeter/logmeter/agent"
)

const (
	// pollEvery is how often a file that grows is read. Reading less often
	// costs less: each read takes all that came meanwhile.
	pollEvery = 100 * time.Millisecond
	// busyFor is how long after its last growth a file is polled; then only
	// scans look at it.
	busyFor = time.Second
	// Scans take at most a hundredth of the time, or a tenth while a log is
	// rotated again and again, but are never further apart than scanLatest.
	scanEvery  = time.Second
	scanLatest = 5 * time.Second
)

// Options says what a Follower reads.
type Options struct {
	Name string
	// Path is a file, or a pattern as filepath.Match takes it. Rotated and
	// compressed siblings are found by themselves.
	Path string
	// FromStart reads a log that is seen for the first time from its
	// beginning. Else it is read from its end. What was rotated before that
	// is never read.
	FromStart bool
	// Positions are those of the source that were committed.
	Positions []agent.Position
	// Now is the clock that ReadTo is told by; nil is time.Now.
	Now func() time.Time
	// Log gets what a person may have to know; nil discards it.
	Log *slog.Logger
}

// Follower is one configured path as one perpetual stream of lines.
type Follower struct {
	name      string
	pattern   string // absolute
	fromStart bool
	now       func() time.Time
	clock     func() time.Time // monotonic, for pacing and for patience
	events    events

	streams []*stream // in the order of their IDs
	files   []*file   // open, in the order in which they are read
	buf     buffer

	// first says that this path was never scanned to the end before: what is
	// there already isn't billed, but for the live log with fromStart.
	first  bool
	marker stream // says that it was
	lastID uint64
	gone   []uint64 // IDs of positions to be deleted

	scans              int       // number of the last scan
	scanned            time.Time // ReadTo's clock when it began
	nextScan, nextPoll time.Time
	rested             time.Time                    // the next scan may begin then, at the earliest
	hold               bool                         // something can't be read, or not yet
	fams               map[string]map[string]family // what the last scan looked for
	targets            map[string]family
	seen               map[fileKey]sighting
	closed             bool
	maxOpen            int // files at once

	bell      chan struct{} // rung by watches
	listening sync.WaitGroup
	deaf      bool // no watch can be had
	canWatch  func() bool

	// epoch rises whenever a stream begins or ends to be read: what was
	// decided about other files before may then be wrong.
	epoch int
}

// ErrClosed is returned by Next after Close.
var ErrClosed = errors.New("the source is closed")

// Open returns a Follower. It reads nothing yet, and starts nothing.
func Open(o Options) (*Follower, error) {
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, err
	}
	if _, err := filepath.Match(path, ""); err != nil {
		return nil, errors.New("path " + o.Path + " isn't a pattern that is understood; want *, ? and [a-z], with \\ before a character that stands for itself")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	f := &Follower{
		name: o.Name, pattern: path, fromStart: o.FromStart,
		now: o.Now, clock: time.Now, first: true, maxOpen: maxOpen(),
		bell: make(chan struct{}, 1), canWatch: canWatch,
		targets: map[string]family{}, seen: map[fileKey]sighting{},
	}
	f.events = events{
		log: o.Log.With("source", o.Name),
		now: func() time.Time { return f.clock() }, wall: o.Now,
	}
	for _, p := range o.Positions {
		f.lastID = max(f.lastID, p.ID)
		if isMarker(&p) {
			f.marker.pos.ID = p.ID
			if p.Path == path {
				f.first = false
				f.marker.pos = p
			}
			continue
		}
		p.Head, p.Mark, p.Past = slices.Clone(p.Head), slices.Clone(p.Mark), slices.Clone(p.Past)
		f.streams = append(f.streams, &stream{pos: p})
	}
	slices.SortFunc(f.streams, func(a, b *stream) int { return cmp.Compare(a.pos.ID, b.pos.ID) })
	return f, nil
}

// maxOpen returns how many files one source may keep open: a quarter of what
// the process may.
func maxOpen() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 64
	}
	return int(min(max(limit.Cur/4, 8), 1<<16))
}

// isMarker reports whether p isn't a log's position but the record that the
// configured path was looked at before. No log's position looks like it.
func isMarker(p *agent.Position) bool {
	return p.Done && p.Offset == 0 && p.Inode == 0 && len(p.Head) == 0
}

// Name implements agent.Source.
func (f *Follower) Name() string { return f.name }

// Next implements agent.Source.
func (f *Follower) Next(ctx context.Context, wait time.Duration) (agent.Block, error) {
	if f.closed {
		return agent.Block{}, ErrClosed
	}
	deadline := f.clock().Add(wait)
	for {
		now := f.clock()
		if !now.Before(f.nextScan) {
			f.scan(ctx, now)
		} else if !now.Before(f.nextPoll) {
			f.poll(now)
		}
		if b, ok := f.read(ctx, now); ok {
			b.ReadTo = f.readTo()
			return b, nil
		}
		now = f.clock()
		left := deadline.Sub(now)
		if left <= 0 || ctx.Err() != nil {
			return agent.Block{ReadTo: f.readTo()}, nil
		}
		next := f.nextScan
		if f.nextPoll.Before(next) {
			next = f.nextPoll
		}
		f.listen(now)
		f.sleep(ctx, min(left, max(next.Sub(now), time.Millisecond)))
	}
}

// Positions implements agent.Source.
func (f *Follower) Positions() []agent.Position {
	var out []agent.Position
	now := f.clock()
	if f.marker.changed {
		f.marker.changed = false
		out = append(out, f.marker.pos)
	}
	for _, s := range f.streams {
		if s.changed && s.worth() {
			s.changed = false
			out = append(out, s.snapshot(now))
		}
	}
	for _, id := range f.gone {
		out = append(out, agent.Position{ID: id, Gone: true})
	}
	f.gone = nil
	return out
}

// Stats implements agent.Source.
func (f *Follower) Stats() agent.SourceStats {
	st := agent.SourceStats{Path: f.pattern, Bytes: f.events.bytes, Open: len(f.files), Events: f.events.list}
	for _, r := range f.files {
		st.Deleted += count(r.st.links == 0)
		if r.archive == nil {
			st.Behind += max(0, r.st.size-r.stream.pos.Offset)
		}
	}
	return st
}

// Close implements agent.Source.
func (f *Follower) Close() error {
	f.closed = true
	for _, r := range f.files {
		r.close()
	}
	f.files = nil
	f.listening.Wait()
	return nil
}

// readTo returns what Block.ReadTo is now.
func (f *Follower) readTo() time.Time {
	if f.hold || f.scanned.IsZero() {
		return time.Time{}
	}
	for _, r := range f.files {
		if r.behind || r.stuck {
			return time.Time{}
		}
	}
	return f.scanned
}

// poll looks which of the files that grew lately have grown again, and whether
// a log that grows still has its name: what follows it is then opened before it
// can be rotated, compressed and deleted in its turn.
func (f *Follower) poll(now time.Time) {
	for _, r := range f.files {
		if !r.busy(now) {
			continue
		}
		f.lookAt(r, now)
		if r.kind != live {
			continue
		}
		if st, err := statPath(r.path); err != nil || !st.same(r.st) {
			f.hurry(now)
		}
	}
	f.pace(now)
}

// hurry brings the next scan forward, as far as its cost allows.
func (f *Follower) hurry(now time.Time) {
	if now.Before(f.rested) {
		now = f.rested
	}
	if now.Before(f.nextScan) {
		f.nextScan = now
	}
}

// pace says when the next poll is: soon while a file grows, else not before
// the next scan.
func (f *Follower) pace(now time.Time) {
	f.nextPoll = f.nextScan
	if slices.ContainsFunc(f.files, func(r *file) bool { return r.busy(now) }) {
		f.nextPoll = now.Add(pollEvery)
	}
}

func (r *file) busy(now time.Time) bool { return r.archive == nil && now.Sub(r.grew) < busyFor }

// lookAt marks a file to be read when it isn't as it was when it was read to
// its end.
func (f *Follower) lookAt(r *file, now time.Time) {
	st, err := statFd(r.fd)
	if err != nil {
		f.stuck(r, err)
		return
	}
	if st.size != r.end || st.mtime != r.st.mtime {
		r.due = true
	}
	if st.size != r.st.size {
		r.grew = now
		if r.kind != live && r.archive == nil && now.Sub(r.renamed) > stillGrows {
			f.events.stillGrows(r.path)
		}
	}
	r.st = st
}

// read returns the next block of the first file that has one.
func (f *Follower) read(ctx context.Context, now time.Time) (agent.Block, bool) {
	for i := 0; i < len(f.files); i++ {
		r := f.files[i]
		for r.due && ctx.Err() == nil {
			var got found
			var err error
			if r.archive != nil {
				got, err = f.readArchive(r)
			} else {
				got, err = r.read(&f.buf)
			}
			if errors.Is(err, errReplaced) {
				err = f.replaced(r, now)
				if err == nil {
					continue
				}
			}
			if err != nil {
				f.stuck(r, err)
				break
			}
			r.stuck = false
			if got.drained {
				r.due, r.behind = false, false
			}
			f.events.report(r, got)
			if len(got.lines) > 0 || got.tooLong > 0 {
				return agent.Block{Lines: got.lines, Path: r.path, Offset: got.offset, TooLong: got.tooLong}, true
			}
		}
	}
	return agent.Block{}, false
}

// stuck puts off a file that can't be read.
func (f *Follower) stuck(r *file, err error) {
	r.stuck, r.due = true, false
	f.events.unreadableFile(r.path, err)
}

// sleep waits for d at most, or until a watch has something to tell.
func (f *Follower) sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-f.bell:
		f.heard(f.clock())
	}
}
