package source

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// lookForLost is how many scans go by between two that look for files that are
// gone where they were last seen. There may be thousands of those.
const lookForLost = 60

// look lists the families' files, each inode once. complete says that nothing
// was hidden.
func (f *Follower) look() (entries []*entry, complete bool) {
	complete = true
	byInode := map[fileKey]*entry{}
	f.fams = f.families()
	for dir, fams := range f.fams {
		names, err := readNames(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			// A directory that can't be listed may still be passed through:
			// the log can be read then, but nothing that was rotated is found.
			f.events.unreadableFile(dir, err)
			complete = false
			names = slices.Collect(maps.Keys(fams))
		}
		for _, name := range names {
			fam, k := find(fams, name)
			if k == stranger {
				continue
			}
			e := &entry{path: filepath.Join(dir, name), family: fam, kind: k}
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

// families returns what the source has to look for, by directory and base: the
// logs that its path names now, then those of positions whose file wasn't seen
// by the last scan, such as a log behind a symbolic link that leads elsewhere
// now.
func (f *Follower) families() map[string]map[string]family {
	all := map[string]map[string]family{}
	add := func(fam family) {
		if all[fam.dir] == nil {
			all[fam.dir] = map[string]family{}
		}
		all[fam.dir][fam.base] = fam
	}
	real := map[string]string{}
	paths := f.livePaths()
	for _, path := range paths {
		add(f.resolve(path, real))
	}
	if len(f.targets) > len(paths) {
		maps.DeleteFunc(f.targets, func(path string, _ family) bool { return !slices.Contains(paths, path) })
	}
	for _, s := range f.streams {
		lost := s.file == nil && (s.seen < f.scans-1 || f.scans == 1)
		if !lost || s.pos.Done || s.pos.Inode == 0 || s.pos.Offset == 0 {
			continue
		}
		if s.pos.Finished != 0 && f.scans%lookForLost != 1 {
			continue
		}
		dir, name := filepath.Split(s.pos.Path)
		dir = filepath.Clean(dir)
		if _, k := find(all[dir], name); k == stranger {
			add(family{dir: dir, base: stem(name)})
		}
	}
	return all
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
	logs := map[string]map[string]family{}
	for _, m := range matches {
		dir, name := filepath.Split(m)
		if logs[dir] == nil {
			logs[dir] = map[string]family{}
		}
		logs[dir][stem(name)] = family{}
	}
	var paths []string
	for dir, names := range logs {
		for name := range names {
			if _, k := relative(names, name); k != rotated {
				paths = append(paths, dir+name)
			}
		}
	}
	return paths
}

// resolve returns the family of a path, where symbolic links lead now. While
// the log is absent they lead nowhere, and the last target stands. dirs holds
// what directories were resolved to.
func (f *Follower) resolve(path string, dirs map[string]string) family {
	dir, base := filepath.Split(path)
	st, err := os.Lstat(path)
	if err == nil && st.Mode()&fs.ModeSymlink != 0 {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			fam := family{dir: filepath.Dir(real), base: filepath.Base(real), live: true}
			f.targets[path] = fam
			return fam
		}
	}
	if err != nil || st.Mode()&fs.ModeSymlink != 0 {
		if fam, ok := f.targets[path]; ok {
			return fam
		}
	} else {
		delete(f.targets, path)
	}
	real, ok := dirs[dir]
	if !ok {
		if real, err = filepath.EvalSymlinks(dir); err != nil {
			real = filepath.Clean(dir)
		}
		dirs[dir] = real
	}
	return family{dir: real, base: base, live: true}
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

// readNames lists a directory, in no order.
func readNames(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}
