package source

import (
	"cmp"
	"path/filepath"
	"slices"
	"time"
)

const (
	// lostAfter is how long a file must not have been found before it is said
	// to be gone: renaming, copying and compressing take a moment.
	lostAfter = time.Minute
	// rememberFor is how long a stream is remembered after its file is gone,
	// or was counted to its end. Stripe takes no usage that is older than 35
	// days, so what comes back from a backup later can't be billed twice.
	rememberFor = 40 * 24 * time.Hour
	// missedFor is how long the file must have been missing without a break
	// then. A volume that isn't mounted yet is no reason to forget.
	missedFor = 24 * time.Hour
	// maxGone is how many streams are remembered whose file is gone. More than
	// that come of logs that are rotated every few minutes; the oldest are
	// forgotten first, after missedShort.
	maxGone     = 4096
	missedShort = time.Hour
)

// forget notes whose file is gone, and drops the streams that aren't needed
// any more. Every file that there is must have been looked at.
func (f *Follower) forget(now time.Time) {
	today := f.now().Unix()
	var gone []*stream
	for _, s := range f.streams {
		if s.file != nil || s.seen == f.scans {
			s.missed = time.Time{}
			if s.pos.Finished != 0 && !s.pos.Done {
				s.pos.Finished = 0
				s.changed = true
			}
			continue
		}
		if s.missed.IsZero() {
			s.missed = now
		}
		if now.Sub(s.missed) < lostAfter {
			continue
		}
		if s.pos.Finished == 0 {
			s.pos.Finished = today
			s.changed = true
			if f.isLive(s.pos.Path) && s.pos.Inode != 0 && s.pos.Offset > 0 {
				f.events.vanished(s.pos.Path, s.pos.Offset)
			}
		}
		gone = append(gone, s)
	}
	if len(gone) == 0 {
		return
	}
	// What was counted and lies on disk as a copy is still needed.
	copied := map[*stream]bool{}
	for _, seen := range f.seen {
		copied[seen.of] = true
	}
	slices.SortStableFunc(gone, func(a, b *stream) int { return cmp.Compare(a.pos.Finished, b.pos.Finished) })
	drop := map[*stream]bool{}
	for i, s := range gone {
		old := today-s.pos.Finished > int64(rememberFor/time.Second) && now.Sub(s.missed) >= missedFor
		tooMany := len(gone)-i > maxGone && now.Sub(s.missed) >= missedShort
		if (old || tooMany) && !copied[s] {
			drop[s] = true
			f.gone = append(f.gone, s.pos.ID)
		}
	}
	if len(drop) > 0 {
		f.streams = slices.DeleteFunc(f.streams, func(s *stream) bool { return drop[s] })
	}
}

// isLive reports whether path is one that the source is configured to read.
func (f *Follower) isLive(path string) bool {
	dir, name := filepath.Split(path)
	return f.fams[filepath.Clean(dir)][name].live
}
