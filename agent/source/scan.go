package source

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/logmeter/logmeter/agent"
)

const (
	// deletedFor is how long a deleted log that was read to its end is kept
	// open without growth: nginx may still write to it.
	deletedFor = time.Minute
	// renamedFor is how long a rotated log is kept open without growth. It is
	// opened again if it grows later.
	renamedFor = 10 * time.Minute
	// movedFor is how long a log is kept open whose name nobody knows: it was
	// moved out of the directory.
	movedFor = time.Hour
	// stillGrows is how long after a rename nginx may still write to a log
	// before that is worth a word. Normally it stops within a second.
	stillGrows = time.Minute
)

// entry is a file of a family, found on disk.
type entry struct {
	path   string
	family family
	kind   kind
	stat   stat
}

func (e *entry) compressed() bool { return compressed(e.path) }

// order is the order in which unknown files are looked at. A copy must never
// be taken before its original: files whose inode is known come before all of
// these.
func (e *entry) order() int {
	switch {
	case e.compressed():
		return 2
	case e.kind == live:
		return 0
	}
	return 1
}

// scan looks at every file that may belong to the source, and decides what
// each of them is.
func (f *Follower) scan(ctx context.Context, now time.Time) {
	f.scans++
	f.scanned, f.hold = f.now(), false
	for _, r := range f.files {
		r.behind = true
	}
	entries, complete := f.look()
	unknown := f.recognise(ctx, entries, now)
	if len(unknown) > 0 {
		f.verify(now)
	}
	slices.SortStableFunc(unknown, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.order(), b.order()), cmp.Compare(a.stat.mtime, b.stat.mtime))
	})
	for _, e := range unknown {
		if ctx.Err() != nil {
			f.hold = true
			break
		}
		if f.first && !f.knows(e.family) {
			f.baseline(e, now)
			continue
		}
		f.identify(ctx, e, now)
	}
	if f.first && complete && ctx.Err() == nil {
		f.first = false
		f.marker.pos.Path, f.marker.pos.Done = f.pattern, true
		if f.marker.pos.ID == 0 {
			f.marker.pos.ID = f.newID()
		}
		f.marker.changed = true
	}
	f.retire(now)
	for _, r := range f.files {
		if r.archive == nil {
			f.lookAt(r, now)
		}
		if r.stuck {
			r.due = true
		}
		r.behind = r.due
	}
	slices.SortStableFunc(f.files, func(a, b *file) int {
		return cmp.Or(cmp.Compare(b.kind, a.kind), cmp.Compare(a.st.mtime, b.st.mtime))
	})
	f.gauge()
	took := f.clock().Sub(now)
	f.nextScan = now.Add(took + min(max(scanEvery, 100*took), scanLatest))
	f.pace(now)
}

// verify makes sure that every open file still holds what was read from it.
// Only then can another file be told to be a copy or not: what was copied
// before the files were listed is still there, or its stream is detached now.
func (f *Follower) verify(now time.Time) {
	for _, r := range f.files {
		if r.archive != nil {
			continue
		}
		ok, err := r.intact()
		if err == nil && !ok {
			err = f.replaced(r, now)
		}
		if err != nil {
			f.stuck(r, err)
			f.hold = true
		}
	}
}

// gauge notes what is open.
func (f *Follower) gauge() {
	var deleted, behind int64
	for _, r := range f.files {
		deleted += int64(count(r.st.links == 0))
		if r.archive == nil {
			behind += max(0, r.st.size-r.stream.pos.Offset)
		}
	}
	f.events.open.Store(int64(len(f.files)))
	f.events.deleted.Store(deleted)
	f.events.behind.Store(behind)
}

// look lists the families' files, each inode once. complete says that nothing
// was hidden.
func (f *Follower) look() (entries []*entry, complete bool) {
	complete = true
	byInode := map[fileKey]*entry{}
	for _, fam := range f.families() {
		names, err := readNames(fam.dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			// A directory that can't be listed may still be passed through:
			// the log can be read then, but nothing that was rotated is found.
			f.events.unreadableFile(fam.dir, err)
			complete = false
			names = []string{fam.base}
		}
		for _, name := range names {
			k := kindOf(name, fam.base)
			if k == stranger {
				continue
			}
			e := &entry{path: filepath.Join(fam.dir, name), family: fam, kind: k}
			if !fam.live {
				e.kind = sibling
			}
			e.stat, err = statPath(e.path)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				continue
			case err != nil:
				f.unreadable(e, err)
				complete = false
				continue
			case !e.stat.regular():
				if e.kind == live {
					f.unreadable(e, errNotRegular)
				}
				continue
			}
			key := keyOf(e.stat)
			if other := byInode[key]; other != nil {
				// A hard link, or two patterns that overlap.
				if e.kind < other.kind {
					*other = *e
				}
				continue
			}
			byInode[key] = e
			entries = append(entries, e)
		}
	}
	maps.DeleteFunc(f.seen, func(k fileKey, _ sighting) bool { return byInode[k] == nil })
	return entries, complete
}

// unreadable notes a file that can't be looked at. Only a log that should be
// read holds the source back.
func (f *Follower) unreadable(e *entry, err error) {
	f.events.unreadableFile(e.path, err)
	if e.kind != sibling {
		f.hold = true
	}
}

// families returns what the source has to look for: the logs that its path
// names now, then those of positions that aren't being read.
func (f *Follower) families() []family {
	var fams []family
	add := func(fam family) {
		for _, o := range fams {
			if o.dir == fam.dir && o.base == fam.base {
				return
			}
		}
		fams = append(fams, fam)
	}
	for _, path := range f.livePaths() {
		add(f.resolve(path))
	}
	for _, s := range f.streams {
		if s.file == nil && !s.pos.Done && s.pos.Inode != 0 && s.pos.Offset > 0 && !slices.ContainsFunc(fams, s.in) {
			add(family{dir: filepath.Dir(s.pos.Path), base: stem(filepath.Base(s.pos.Path))})
		}
	}
	return fams
}

// livePaths returns the logs that the configured path names now. What was
// rotated from one of them isn't one, though the pattern may match it.
func (f *Follower) livePaths() []string {
	if !strings.ContainsAny(f.pattern, `*?[\`) {
		return []string{f.pattern}
	}
	if _, err := os.Lstat(f.pattern); err == nil {
		return []string{f.pattern}
	}
	// The pattern was checked by Open; what can't be listed isn't matched.
	matches, _ := filepath.Glob(f.pattern)
	var paths []string
	for _, m := range matches {
		dir, name := filepath.Split(m)
		if s := stem(name); s != name {
			name = s
		}
		if i := slices.IndexFunc(matches, func(o string) bool {
			d, n := filepath.Split(o)
			return d == dir && n != name && kindOf(name, n) == rotated
		}); i >= 0 {
			continue
		}
		if path := dir + name; !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// resolve returns the family of a path, where symbolic links lead now. While
// the log is absent they lead nowhere, and the last target stands.
func (f *Follower) resolve(path string) family {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		fam := family{dir: filepath.Dir(real), base: filepath.Base(real), live: true}
		f.targets[path] = fam
		return fam
	}
	if fam, ok := f.targets[path]; ok {
		return fam
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		dir = filepath.Dir(path)
	}
	return family{dir: dir, base: filepath.Base(path), live: true}
}

// in reports whether the stream was last seen under a name of the family.
func (s *stream) in(fam family) bool {
	dir, name := filepath.Split(s.pos.Path)
	return filepath.Clean(dir) == fam.dir && kindOf(name, fam.base) != stranger
}

// knows reports whether the source has a position in the family.
func (f *Follower) knows(fam family) bool {
	return slices.ContainsFunc(f.streams, func(s *stream) bool { return s.worth() && s.born < f.scans && s.in(fam) })
}

// recognise goes on with the streams whose files are known by their inode, and
// returns the files that aren't.
func (f *Follower) recognise(ctx context.Context, entries []*entry, now time.Time) []*entry {
	var unknown []*entry
	for _, e := range entries {
		if s := f.reading(e.stat); s != nil {
			f.renamed(s, e, now)
			continue
		}
		s := f.known(e.stat)
		if s == nil {
			unknown = append(unknown, e)
			continue
		}
		if s.resting == e.stat || s.pos.Done && s.pos.Birth != 0 {
			s.seen = f.scans
			s.lives(e.path, e.stat)
			continue
		}
		if f.resume(ctx, s, e, now) {
			s.seen = f.scans
			continue
		}
		s.detach()
		unknown = append(unknown, e)
	}
	return unknown
}

// reading returns the stream that is being read from this very file.
func (f *Follower) reading(st stat) *stream {
	for _, r := range f.files {
		if r.st.same(st) {
			return r.stream
		}
	}
	return nil
}

// known returns the stream that isn't being read and was last seen in this
// file, by what the file system says.
func (f *Follower) known(st stat) *stream {
	var found *stream
	for _, s := range f.streams {
		if s.file == nil && st.is(&s.pos) && (found == nil || found.pos.Device != st.dev) {
			found = s
		}
	}
	return found
}

// renamed notes the present name of a file that is open.
func (f *Follower) renamed(s *stream, e *entry, now time.Time) {
	r := s.file
	s.seen = f.scans
	s.lives(e.path, e.stat)
	if e.kind != live && r.kind == live {
		r.renamed = now
		f.events.rotatedLog(r.path, e.path)
	}
	r.path, r.kind, r.lost = e.path, e.kind, time.Time{}
}

// retire closes files that nothing is expected from any more, and looks after
// those that have lost their name.
func (f *Follower) retire(now time.Time) {
	for _, r := range slices.Clone(f.files) {
		s := r.stream
		quiet := now.Sub(r.grew)
		drained := !r.due && !r.stuck && r.end == r.st.size
		if r.archive != nil {
			if s.pos.Done {
				s.resting = r.st
				f.drop(r)
			} else if r.stuck {
				f.drop(r) // opened anew by the next scan
			}
			continue
		}
		if s.seen == f.scans {
			if r.kind != live && drained && quiet >= renamedFor {
				s.resting = r.st
				f.drop(r)
			}
			continue
		}
		st, err := statFd(r.fd)
		if err != nil {
			continue
		}
		if r.lost.IsZero() {
			r.lost = now
		}
		if r.kind == live {
			r.kind, r.renamed = rotated, now
		}
		quiet = min(quiet, now.Sub(r.lost))
		switch {
		case !drained || st.size != r.end:
		case st.links == 0 && quiet >= deletedFor:
			if r.end > s.pos.Offset {
				f.events.tornLine(r.path, s.pos.Offset)
			}
			f.drop(r)
			s.detach() // an archive or a copy may still turn up
		case st.links > 0 && quiet >= movedFor:
			f.events.moved(r.path)
			f.drop(r)
		}
	}
}

// drop closes a file; its stream stays.
func (f *Follower) drop(r *file) {
	f.epoch++
	r.close()
	r.stream.file = nil
	f.files = slices.DeleteFunc(f.files, func(o *file) bool { return o == r })
}

// attach makes the stream read from an open file.
func (f *Follower) attach(s *stream, e *entry, fd int, st stat, now time.Time) *file {
	r := &file{stream: s, fd: fd, st: st, path: e.path, kind: e.kind, due: true, behind: true, end: s.pos.Offset}
	// A file that wasn't touched for long isn't expected to grow.
	r.grew = now.Add(-max(0, f.clock().Sub(time.Unix(0, st.mtime))))
	if e.kind != live {
		r.renamed = now
	}
	s.file, s.seen = r, f.scans
	s.lives(e.path, st)
	f.epoch++
	f.files = append(f.files, r)
	return r
}

// maxForgotten is how many streams may be kept whose content is nowhere any
// more. They only matter if such a file comes back.
const maxForgotten = 512

// newStream returns a stream that holds nothing yet.
func (f *Follower) newStream() *stream {
	s := &stream{born: f.scans}
	s.pos = agent.Position{ID: f.newID()}
	f.streams = append(f.streams, s)
	return s
}

// newID returns an ID that no position has. It takes that of the oldest stream
// whose content is gone when there are too many of those, so that the state
// doesn't grow for ever.
func (f *Follower) newID() uint64 {
	id := f.marker.pos.ID
	gone, oldest := 0, -1
	for i, s := range f.streams {
		id = max(id, s.pos.ID)
		if s.file == nil && s.seen != f.scans && (s.pos.Done || s.pos.Inode == 0) {
			if gone++; oldest < 0 || s.pos.Birth < f.streams[oldest].pos.Birth {
				oldest = i
			}
		}
	}
	if gone > maxForgotten && f.scans > 1 {
		id = f.streams[oldest].pos.ID
		f.streams = slices.Delete(f.streams, oldest, oldest+1)
		return id
	}
	return id + 1
}

// readNames lists a directory, in no order.
func readNames(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}
