package agent

import (
	"bytes"
	"cmp"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"
)

// NearMisses gathers the calls that succeeded and weren't billed, although they
// differ from a billed one only in a way that servers often don't see: letter
// case, a trailing slash, an escape, a HEAD, a 304. It belongs to one
// goroutine.
type NearMisses struct {
	near   *Meters // the same meters, of canonical paths, wider in method and status
	folded *Meters // these in lower case
	tally  *Tally
	found  map[missKey]*miss
	hide   bool // targets may hold secrets
}

// NearMiss is the calls that missed one meter in one way.
type NearMiss struct {
	Meter string
	Why   string // such as "trailing slash" or "method HEAD"
	Lines uint64
	// Customers is how many made such calls, counted up to 1000.
	Customers int
	Example   string // a request: method, target without its query, status
}

type missKey struct {
	meter int32
	why   string
}

type miss struct {
	lines     uint64
	customers map[string]bool
	example   string
}

// Bounds of what is gathered, against callers who make up ways to miss.
const (
	maxMissKinds     = 200
	maxMissCustomers = 1000
)

// NewNearMisses returns an empty gathering for the given meters.
func (ms *Meters) NewNearMisses() *NearMisses {
	return &NearMisses{
		near: ms.widened(func(p string) string { return p }), folded: ms.widened(strings.ToLower),
		tally: ms.NewTally(), found: map[missKey]*miss{},
	}
}

// widened returns the meters as a near miss is told by them.
func (ms *Meters) widened(fold func(string) string) *Meters {
	wide := slices.Clone(ms.meters)
	for i := range wide {
		m := &wide[i]
		m.Paths = canonicalPatterns(m.Paths, fold)
		if slices.Contains(m.Methods, "GET") && !slices.Contains(m.Methods, "HEAD") {
			m.Methods = append(slices.Clone(m.Methods), "HEAD")
		}
		if m.Status.Has(200) {
			for _, code := range []string{"206", "304", "499"} {
				_ = m.Status.ParseStatus(code) // they are codes
			}
		}
		m.Exclude = slices.Clone(m.Exclude)
		for k := range m.Exclude {
			m.Exclude[k].Paths = canonicalPatterns(m.Exclude[k].Paths, fold)
		}
	}
	near, _ := NewMeters(wide) // patterns that become the same are no fault here
	return near
}

func canonicalPatterns(patterns []string, fold func(string) string) []string {
	var all []string
	for _, p := range patterns {
		segs := strings.Split(p, "/")
		for i, s := range segs {
			if !strings.HasPrefix(s, "{") {
				segs[i] = fold(s)
			}
		}
		p = strings.Join(segs, "/")
		if p = strings.TrimSuffix(strings.TrimSuffix(p, "{$}"), "/"); p == "" {
			p = "/"
		}
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// Look takes in a record that no meter wants, because of why.
func (n *NearMisses) Look(rec *Record, why Rule) {
	if rec.Path == nil || why > RuleStatus || !(rec.Status >= 200 && rec.Status < 400 || rec.Status == 499) {
		return
	}
	near := *rec
	path, ways := canonical(rec.Path)
	near.Path = []byte(path)
	n.near.match(&near, n.tally)
	if len(n.tally.matched) == 0 {
		ways = append(ways, "letter case")
		near.Path = []byte(strings.ToLower(path))
		n.folded.match(&near, n.tally)
	}
	for _, w := range n.tally.matched {
		n.add(w.meter, n.ways(w.meter, rec, ways), rec)
	}
}

// canonical returns a path as a forgiving server would route it, and in what
// ways it differs.
func canonical(path []byte) (string, []string) {
	var ways []string
	p := string(path)
	step := func(way, next string) {
		if next != p {
			ways, p = append(ways, way), next
		}
	}
	if plain, err := url.PathUnescape(p); err == nil {
		step("escapes", plain)
	}
	segs := strings.Split(p, "/")
	for i := range segs {
		segs[i], _, _ = strings.Cut(segs[i], ";")
	}
	step(";parameters", strings.Join(segs, "/"))
	doubled := p
	for strings.Contains(doubled, "//") {
		doubled = strings.ReplaceAll(doubled, "//", "/")
	}
	step("doubled slash", doubled)
	if len(p) > 1 {
		step("trailing slash", strings.TrimSuffix(p, "/"))
	}
	return p, ways
}

// ways says in which ways rec missed a meter.
func (n *NearMisses) ways(meter int32, rec *Record, ofPath []string) string {
	ways := slices.Clone(ofPath)
	if bytes.Equal(rec.Method, []byte("HEAD")) && len(n.near.meters[meter].Methods) > 0 {
		ways = append(ways, "method HEAD")
	}
	switch rec.Status {
	case 206:
		ways = append(ways, "status 206")
	case 304:
		ways = append(ways, "status 304")
	case 499:
		ways = append(ways, "status 499")
	}
	if len(ways) == 0 {
		ways = append(ways, "lacks a trailing slash")
	}
	return strings.Join(ways, ", ")
}

func (n *NearMisses) add(meter int32, why string, rec *Record) {
	k := missKey{meter, why}
	m := n.found[k]
	if m == nil {
		if len(n.found) == maxMissKinds {
			return
		}
		m = &miss{customers: map[string]bool{}, example: n.example(rec)}
		n.found[k] = m
	}
	m.lines++
	if len(rec.Customer) > 0 && len(m.customers) < maxMissCustomers {
		m.customers[string(rec.Customer)] = true
	}
}

func statusText(code int) string {
	var s StatusSet
	s[code/64] |= 1 << (code % 64)
	return s.String()
}

// example shows a request without its query, which may hold secrets.
func (n *NearMisses) example(rec *Record) string {
	const most = 200
	target, _, _ := bytes.Cut(rec.Target, []byte{'?'})
	shownTarget := shown(target[:min(len(target), most)])
	if n.hide {
		shownTarget = "(not shown)"
	}
	return shown(rec.Method) + " " + shownTarget + " " + statusText(rec.Status)
}

// Take returns what was gathered, the most lines first, and forgets it.
func (n *NearMisses) Take() []NearMiss {
	var all []NearMiss
	for k, m := range n.found {
		all = append(all, NearMiss{n.near.names[k.meter], k.why, m.lines, len(m.customers), m.example})
	}
	slices.SortFunc(all, func(a, b NearMiss) int {
		return cmp.Or(cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.Meter, b.Meter), cmp.Compare(a.Why, b.Why))
	})
	clear(n.found)
	return all
}

const (
	// looksPerCommit bounds the time that near misses may take of a flood of
	// calls that nobody wants: about a thousand are looked at in a second.
	looksPerCommit = 1000
	nearEvery      = time.Hour
	// nearTold is how many kinds one report tells.
	nearTold = 10
)

// nearWatch looks for near misses while a feed is counted, and reports them
// every hour.
type nearWatch struct {
	misses      *NearMisses // nil: none are looked for
	looks, most int         // since the last commit, and how many there may be
	since       time.Time
	never       bool // to be reported: the caller takes them
}

func (w *nearWatch) look(rec *Record, why Rule, secret bool) {
	if w.misses == nil || w.looks >= w.most {
		return
	}
	w.looks++
	w.misses.hide = secret
	w.misses.Look(rec, why)
}

func (w *nearWatch) report(now time.Time, log *slog.Logger) {
	if w.never || w.misses == nil || now.Sub(w.since) < nearEvery {
		return
	}
	w.since = now
	for i, m := range w.misses.Take() {
		if i == nearTold {
			return
		}
		log.Warn("calls that succeeded aren't billed, although they are nearly those of a meter",
			"meter", m.Meter, "difference", m.Why, "calls", m.Lines, "customers", m.Customers, "example", m.Example,
			"hint", "if they are to be billed, widen the meter's match; logmeter backtest --near-misses shows all in a log")
	}
}
