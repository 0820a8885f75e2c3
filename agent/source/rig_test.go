package source

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/logmeter/logmeter/agent"
)

// rig is a directory with a log in it, a follower, and the state that a store
// would keep: lines and positions that are committed together.
type rig struct {
	t       *testing.T
	dir     string
	options Options
	f       *Follower
	skew    time.Duration // how far the follower's clock is ahead
	log     bytes.Buffer

	got       []string // committed
	pending   []string // returned and not committed
	tooLong   int
	positions map[uint64]agent.Position
	last      agent.Block

	file *os.File // where write writes
	n    int      // lines written
	want []string
}

// newRig starts a follower with FromStart over a directory without a log.
func newRig(t *testing.T, change ...func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), positions: map[uint64]agent.Position{}}
	r.options = Options{Name: "edge", Path: filepath.Join(r.dir, "access.log"), FromStart: true}
	for _, c := range change {
		c(&r.options)
	}
	t.Cleanup(func() {
		if r.f != nil {
			r.f.Close()
		}
		if r.file != nil {
			r.file.Close()
		}
		if t.Failed() {
			t.Logf("events:\n%s", r.log.String())
		}
	})
	return r
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

// start opens the follower with what is committed.
func (r *rig) start() {
	r.t.Helper()
	o := r.options
	ids := slices.Sorted(maps.Keys(r.positions))
	for _, id := range ids {
		o.Positions = append(o.Positions, r.positions[id])
	}
	o.Log = slog.New(slog.NewTextHandler(&r.log, nil))
	f, err := Open(o)
	if err != nil {
		r.t.Fatal(err)
	}
	f.clock = func() time.Time { return time.Now().Add(r.skew) }
	r.f = f
}

// kill ends the follower as kill -9 does: what isn't committed is forgotten.
func (r *rig) kill() {
	if r.f != nil {
		r.f.Close()
		r.f = nil
	}
	r.pending = nil
}

// next takes one block.
func (r *rig) next() bool {
	r.t.Helper()
	b, err := r.f.Next(context.Background(), 0)
	if err != nil {
		r.t.Fatal(err)
	}
	r.last = b
	r.tooLong += b.TooLong
	for rest := b.Lines; len(rest) > 0; {
		line, tail, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			r.t.Errorf("a block ends within a line: %q", line)
		}
		r.pending = append(r.pending, string(line))
		rest = tail
	}
	return len(b.Lines) > 0 || b.TooLong > 0
}

// commit makes durable what was returned.
func (r *rig) commit() {
	for _, p := range r.f.Positions() {
		if p.Gone {
			delete(r.positions, p.ID)
			continue
		}
		r.positions[p.ID] = p
	}
	r.got = append(r.got, r.pending...)
	r.pending = nil
}

// scan looks at all files as if time had passed, reads what there is, and
// commits it.
func (r *rig) scan() {
	r.t.Helper()
	if r.f == nil {
		r.start()
	}
	r.pass(3 * time.Second)
	for r.next() {
	}
	r.commit()
}

// settle scans until copies, truncations and archives have been understood.
func (r *rig) settle() {
	r.t.Helper()
	for range 6 {
		r.scan()
	}
}

func (r *rig) pass(d time.Duration) { r.skew += d }

// open opens the file that write writes to, as nginx does.
func (r *rig) open(name string) {
	r.t.Helper()
	if r.file != nil {
		r.file.Close()
	}
	f, err := os.OpenFile(r.path(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		r.t.Fatal(err)
	}
	r.file = f
}

// line returns a line that is like no other.
func (r *rig) line() string {
	r.n++
	return fmt.Sprintf(`10.0.0.%d - - [24/Nov/2026:20:%02d:%02d +0000] "GET /v1/things/%d HTTP/1.1" 200 %d "-" "curl/8" "acme-%d"`,
		r.n%256, r.n/60%60, r.n%60, r.n, r.n*7, r.n%17)
}

// write appends n lines.
func (r *rig) write(n int) {
	r.t.Helper()
	if r.file == nil {
		r.open("access.log")
	}
	for range n {
		l := r.line()
		r.want = append(r.want, l)
		if _, err := r.file.WriteString(l + "\n"); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) append(text string) {
	r.t.Helper()
	if r.file == nil {
		r.open("access.log")
	}
	if _, err := r.file.WriteString(text); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) rename(from, to string) {
	r.t.Helper()
	if err := os.Rename(r.path(from), r.path(to)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) remove(name string) {
	r.t.Helper()
	if err := os.Remove(r.path(name)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) read(name string) []byte {
	r.t.Helper()
	b, err := os.ReadFile(r.path(name))
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

func (r *rig) put(name string, b []byte) {
	r.t.Helper()
	if err := os.WriteFile(r.path(name), b, 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func compress(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// gzip replaces a file by its compressed form.
func (r *rig) gzip(name string) {
	r.t.Helper()
	r.put(name+".gz", compress(r.t, r.read(name)))
	r.remove(name)
}

// check compares what was counted with what was written, in any order.
func (r *rig) check() {
	r.t.Helper()
	checkLines(r.t, r.got, r.want)
}

// checkLines reports lost, doubled and foreign lines.
func checkLines(t *testing.T, got, want []string) {
	t.Helper()
	times := map[string]int{}
	for _, l := range want {
		times[l]++
	}
	for _, l := range got {
		times[l]--
	}
	var lost, extra []string
	for l, n := range times {
		switch {
		case n > 0:
			lost = append(lost, l)
		case n < 0:
			extra = append(extra, l)
		}
	}
	if len(lost)+len(extra) > 0 {
		slices.Sort(lost)
		slices.Sort(extra)
		t.Fatalf("%d lines lost, %d doubled or made up, of %d; first lost %.120q, first extra %.120q",
			len(lost), len(extra), len(want), first(lost), first(extra))
	}
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

// wantEvent checks that a message was logged.
func (r *rig) wantEvent(msg string) {
	r.t.Helper()
	if !strings.Contains(r.log.String(), msg) {
		r.t.Errorf("no event %q in:\n%s", msg, r.log.String())
	}
}

// events returns how often events of a kind have happened.
func (r *rig) events(kind string) uint64 {
	for _, e := range r.f.Stats().Events {
		if e.Kind == kind {
			return e.Count
		}
	}
	return 0
}

// wantReadTo checks whether the last block says that all was read.
func (r *rig) wantReadTo(want bool) {
	r.t.Helper()
	if got := !r.last.ReadTo.IsZero(); got != want {
		r.t.Errorf("source says that all was read: %v; want %v", got, want)
	}
}

// follow returns a rig whose log was looked at before anything was in it.
func follow(t *testing.T, change ...func(*Options)) *rig {
	t.Helper()
	r := newRig(t, change...)
	r.scan()
	return r
}

// reopen is what nginx does on USR1.
func (r *rig) reopen(name string) {
	r.t.Helper()
	r.open(name)
}

// scanWithoutReading lets the follower look at the files and take one block.
func (r *rig) scanWithoutReading() {
	r.pass(3 * time.Second)
	r.f.scan(context.Background(), r.f.clock())
}
