package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a clock that only a test moves.
type clock struct {
	mu sync.Mutex // guards advance against now
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// logFile is a log in memory: what a proxy wrote, whatever the agent read.
type logFile struct{ text []byte }

func (l *logFile) write(at time.Time, path, customer string, status int) {
	l.text = fmt.Appendf(l.text, "%d %s %d %s\n", at.UnixMilli(), path, status, customer)
}

// logSource reads a logFile from a position, a few lines a block.
type logSource struct {
	log    *logFile
	now    func() time.Time
	offset int
	moved  bool
	block  int // bytes at most
}

func openLog(l *logFile, s Store, now func() time.Time) *logSource {
	src := &logSource{log: l, now: now, block: 200}
	ps, _ := s.Positions(src.Name())
	for _, p := range ps {
		src.offset = int(p.Offset)
	}
	return src
}

func (s *logSource) Name() string { return "edge" }

func (s *logSource) Next(context.Context, time.Duration) (Block, error) {
	rest := s.log.text[s.offset:]
	if len(rest) > s.block {
		rest = rest[:s.block]
	}
	rest = rest[:bytes.LastIndexByte(rest, '\n')+1]
	b := Block{Lines: rest, Path: "access.log", Offset: int64(s.offset)}
	s.offset += len(rest)
	s.moved = s.moved || len(rest) > 0
	if s.offset == len(s.log.text) {
		b.ReadTo = s.now()
	}
	return b, nil
}

func (s *logSource) Positions() []Position {
	if !s.moved {
		return nil
	}
	s.moved = false
	return []Position{{ID: 1, Path: "access.log", Offset: int64(s.offset)}}
}

func (s *logSource) Stats() SourceStats {
	return SourceStats{Path: "access.log", Bytes: uint64(s.offset), Behind: int64(len(s.log.text) - s.offset), Open: 1}
}

func (s *logSource) Close() error { return nil }

// wordParser cuts the lines of logFile.write.
type wordParser struct{}

var refusedWords = &Refused{"no_match", "not four words"}

func (wordParser) Parse(line []byte, rec *Record) error {
	f := strings.Split(string(line), " ")
	if len(f) != 4 {
		return refusedWords
	}
	ms, err1 := strconv.ParseInt(f[0], 10, 64)
	status, err2 := strconv.Atoi(f[2])
	if err1 != nil || err2 != nil {
		return refusedWords
	}
	*rec = Record{Time: ms, Method: []byte("GET"), Path: []byte(f[1]), Status: status, Customer: []byte(f[3])}
	return nil
}

// ledgerBiller behaves like Stripe as far as the loops can tell: identifiers
// are unique for 24 hours, usage adds up by account and minute. With faults
// set, a call may fail before or after it took effect, as the seed, the entry
// and the number of the attempt tell.
type ledgerBiller struct {
	now    func() time.Time
	faults int // a seed; 0: none
	lookup func(customer string) (string, error)
	down   bool // no call reaches it
	lost   bool // no send reaches it
	deaf   bool // every call takes effect, no answer comes back
	blind  bool // its summaries can't be read
	refuse string
	// restored says that the agent lost its state: it may freeze an entry anew.
	restored bool
	pause    string
	// lag is how long its summaries are behind.
	lag time.Duration
	// closed is the end of the time that each account's final invoice bills.
	closed map[string]time.Time

	mu     sync.Mutex
	seen   map[string]time.Time
	sums   map[string]int64  // account/minute
	young  []youngSum        // what the summaries may not show yet
	bodies map[string]string // identifier → first request
	calls  int
}

// youngSum is usage that was accepted at a time.
type youngSum struct {
	minute string
	at     time.Time
	value  int64
}

func newLedgerBiller(now func() time.Time) *ledgerBiller {
	return &ledgerBiller{now: now, seen: map[string]time.Time{}, sums: map[string]int64{}, bodies: map[string]string{}}
}

func (b *ledgerBiller) Build(e *Entry) error {
	account := "cus_" + e.Customer
	if b.lookup != nil {
		var err error
		if account, err = b.lookup(e.Customer); err != nil {
			return err
		}
	}
	e.EventName, e.Account, e.CustomerKey, e.ValueKey = e.Meter+"_calls", account, "stripe_customer_id", "value"
	return nil
}

func body(e *Entry) string {
	return fmt.Sprint(e.EventName, e.Account, e.CustomerKey, e.ValueKey, e.Value, e.Timestamp, e.Identifier)
}

func (b *ledgerBiller) Send(_ context.Context, e *Entry) Outcome {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	fault := 0
	if b.faults != 0 {
		h := fnv.New64a()
		fmt.Fprint(h, b.faults, e.Identifier, e.Attempts)
		fault = int(h.Sum64() % 10)
	}
	switch {
	case b.down || b.lost || b.faults != 0 && fault == 0:
		return Outcome{Verdict: VerdictUnknown, Reason: "connection reset"}
	case b.pause != "":
		return Outcome{Verdict: VerdictPaused, Reason: b.pause, Time: b.now()}
	case b.refuse != "":
		return Outcome{Verdict: VerdictRefused, Reason: b.refuse, Time: b.now()}
	case fault == 1:
		return Outcome{Verdict: VerdictBusy, Reason: "429", Time: b.now()}
	}
	if first, ok := b.bodies[e.Identifier]; ok && first != body(e) && !b.restored {
		panic("an entry was sent with other bytes than before: " + first + " / " + body(e))
	}
	b.bodies[e.Identifier] = body(e)
	if at, ok := b.seen[e.Identifier]; ok && b.now().Sub(at) < 24*time.Hour {
		return Outcome{Verdict: VerdictDuplicate, Time: b.now(), RequestID: "req_dup"}
	}
	b.seen[e.Identifier] = b.now()
	minute := fmt.Sprint(e.Account, "/", e.Timestamp)
	b.sums[minute] += e.Value
	b.young = append(b.young, youngSum{minute, b.now(), e.Value})
	if b.deaf || fault == 2 {
		return Outcome{Verdict: VerdictUnknown, Reason: "no answer"}
	}
	return Outcome{Verdict: VerdictAccepted, Time: b.now(), RequestID: "req_1"}
}

func (b *ledgerBiller) Summary(_ context.Context, e *Entry, from, to time.Time) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down || b.deaf {
		return 0, errors.New("connection reset")
	}
	if b.blind {
		return 0, fmt.Errorf("403: %w", ErrNoSummaries)
	}
	return b.shown(e.Account, from, to), nil
}

// shown is what the summaries show of a span of time.
func (b *ledgerBiller) shown(account string, from, to time.Time) int64 {
	var sum int64
	hidden := map[string]int64{}
	for i := len(b.young) - 1; i >= 0 && b.now().Sub(b.young[i].at) < b.lag; i-- {
		hidden[b.young[i].minute] += b.young[i].value
	}
	for ts := from.Unix(); ts < to.Unix(); ts += 60 {
		minute := fmt.Sprint(account, "/", ts)
		sum += b.sums[minute] - hidden[minute]
	}
	return sum
}

// Hours implements Auditor.
func (b *ledgerBiller) Hours(_ context.Context, _, account string, from, to Window) ([]HourSum, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return nil, errors.New("connection reset")
	}
	var hours []HourSum
	for w := from; w < to; w++ {
		if sum := b.shown(account, w.Start(), w.End()); sum != 0 {
			hours = append(hours, HourSum{w, sum})
		}
	}
	return hours, nil
}

// Invoiced implements Invoicer.
func (b *ledgerBiller) Invoiced(_ context.Context, e *Entry) (string, error) {
	if end, ok := b.closed[e.Account]; ok && !e.Window.End().After(end) {
		return "in_1", nil
	}
	return "", nil
}

func (b *ledgerBiller) Now(context.Context) (time.Time, error) {
	if b.down {
		return time.Time{}, errors.New("connection refused")
	}
	return b.now(), nil
}

// billed returns what the biller has by account and window.
func (b *ledgerBiller) billed() map[string]int64 {
	m := map[string]int64{}
	for k, v := range b.sums {
		account, ts, _ := strings.Cut(k, "/")
		sec, _ := strconv.ParseInt(ts, 10, 64)
		m[account+" "+WindowOf(time.Unix(sec, 0)).String()] += v
	}
	return m
}

// house is one life after another of an agent over one store and one log.
type house struct {
	t      *testing.T
	clock  *clock
	log    *logFile
	store  Store
	biller *ledgerBiller
	meters *Meters
}

func newHouse(t *testing.T) *house {
	c := &clock{t: noon}
	return &house{
		t: t, clock: c, log: &logFile{}, store: NewMemory("edge-1"), biller: newLedgerBiller(c.now),
		meters: meters(t, Meter{Name: "score", Match: Match{Paths: []string{"/score"}, Status: status(t, "200")}}),
	}
}

// agent returns a new life that begins from what the store has.
func (h *house) agent() *Agent {
	return &Agent{
		Feeds:  []Feed{{openLog(h.log, h.store, h.clock.now), wordParser{}}},
		Meters: h.meters, Store: h.store, Biller: h.biller, Operator: h.operator(),
		Settle: 3 * time.Minute, Now: h.clock.now, Log: quiet(),
	}
}

// operator returns one that works on the house's store.
func (h *house) operator() *Operator {
	o := &Operator{Store: h.store, Biller: h.biller, Now: h.clock.now}
	o.Books, _ = h.store.(Books)
	o.Corrections, _ = h.store.(Corrections)
	o.Documents, _ = h.store.(Documents)
	return o
}

// pass is one life that reads everything, seals and makes one pass over the
// outbox.
func (h *house) pass() (Delivery, error) {
	feeds, rep := h.agent().loops()
	if err := feeds[0].drain(h.t.Context(), 0); err != nil {
		return Delivery{}, err
	}
	return rep.step(h.t.Context())
}

func (h *house) mustPass() Delivery {
	h.t.Helper()
	d, err := h.pass()
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

func (h *house) wantBilled(want map[string]int64) {
	h.t.Helper()
	if got := h.biller.billed(); fmt.Sprint(got) != fmt.Sprint(want) {
		h.t.Errorf("billed: got %v, want %v", got, want)
	}
}

func (h *house) entries() []Entry {
	h.t.Helper()
	es, err := h.store.Pending(nil, 1000)
	if err != nil {
		h.t.Fatal(err)
	}
	return es
}

// all collects what books tell.
func all[T any](t *testing.T, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var list []T
	for x, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, x)
	}
	return list
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lines returns a log that is written as text.
func lines(to io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(to, nil)) }
