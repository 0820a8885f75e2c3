package source

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"
)

// Stats is what a Follower has met since it was opened. All but the last three
// only ever rise.
type Stats struct {
	Bytes        int64 // returned as lines
	TooLong      int64 // lines that were longer than 1 MiB
	Torn         int64 // beginnings of lines that were never finished
	Holes        int64 // runs of NULs that were skipped
	Rotated      int64 // logs that got another name while they were open
	Truncated    int64 // logs that were emptied or overwritten in place
	LostTails    int64 // logs that lost an end that was counted already
	Rewound      int64 // logs that lost such an end and have grown again
	ShortArchive int64 // archives that lack lines that were counted
	Unreadable   int64 // times that a file couldn't be read

	Open    int64 // files open now
	Deleted int64 // of these, those that have no name any more
	Behind  int64 // bytes in the open files that weren't returned, at the last scan
}

// counters holds Stats for concurrent reading.
type counters struct {
	bytes, tooLong, torn, holes, rotated, truncated, lostTails, rewound,
	shortArchive, unreadable, open, deleted, behind atomic.Int64
}

// Stats returns the counters. It may be called from any goroutine.
func (f *Follower) Stats() Stats {
	c := &f.events.counters
	return Stats{
		Bytes: c.bytes.Load(), TooLong: c.tooLong.Load(), Torn: c.torn.Load(), Holes: c.holes.Load(),
		Rotated: c.rotated.Load(), Truncated: c.truncated.Load(), LostTails: c.lostTails.Load(),
		Rewound: c.rewound.Load(), ShortArchive: c.shortArchive.Load(), Unreadable: c.unreadable.Load(),
		Open: c.open.Load(), Deleted: c.deleted.Load(), Behind: c.behind.Load(),
	}
}

const (
	// repeatEvery is how often the same trouble with the same file is told.
	repeatEvery = 10 * time.Minute
	// maxToldApart bounds how many troubles are remembered for that.
	maxToldApart = 1000
)

// events tells people what happened to the logs.
type events struct {
	counters
	log  *slog.Logger
	now  func() time.Time
	told map[[2]string]time.Time
}

// tell logs at most one message of a kind per file and repeatEvery.
func (e *events) tell(level slog.Level, msg, path string, attrs ...any) {
	now, key := e.now(), [2]string{msg, path}
	if last, ok := e.told[key]; ok && now.Sub(last) < repeatEvery {
		return
	}
	if e.told == nil || len(e.told) >= maxToldApart {
		e.told = map[[2]string]time.Time{}
	}
	e.told[key] = now
	e.log.Log(context.Background(), level, msg, append([]any{"path", path}, attrs...)...)
}

func (e *events) report(r *file, got found) {
	e.bytes.Add(int64(len(got.lines)))
	if got.holes > 0 {
		e.holes.Add(1)
		e.tell(slog.LevelWarn, "log has a hole of zero bytes", r.path, "offset", got.offset,
			"hint", "a power cut leaves one, or copytruncate under a writer that doesn't append; nothing that was written is skipped")
	}
	if got.torn > 0 {
		e.tornLine(r.path, got.offset)
	}
	if got.tooLong > 0 {
		e.tooLong.Add(int64(got.tooLong))
		e.tell(slog.LevelWarn, "line is longer than 1 MiB and was skipped", r.path, "offset", got.offset,
			"hint", "it counts as refused; look whether something else than the proxy writes to this file")
	}
}

func (e *events) tornLine(path string, offset int64) {
	e.torn.Add(1)
	e.tell(slog.LevelWarn, "line was never finished and isn't counted", path, "offset", offset,
		"hint", "the proxy was killed while it wrote, its disk was full, or the power failed")
}

func (e *events) rotatedLog(from, to string) {
	e.rotated.Add(1)
	e.tell(slog.LevelInfo, "log rotated", from, "to", to)
}

func (e *events) stillGrows(path string) {
	e.tell(slog.LevelWarn, "rotated log still grows", path,
		"hint", "the proxy didn't reopen its log; every line is counted, but look at its error log and at the postrotate script")
}

func (e *events) truncatedLog(path string, offset, size int64) {
	e.truncated.Add(1)
	e.tell(slog.LevelWarn, "log was truncated or overwritten", path, "offset", offset, "size", size,
		"hint", "lines written between the last read and the truncation are counted only if a copy beside it has them; don't use copytruncate")
}

func (e *events) lostTail(path string, offset, size int64) {
	e.lostTails.Add(1)
	e.tell(slog.LevelWarn, "log lost its end, which is counted already", path, "offset", offset, "size", size,
		"hint", "a power cut or an edit; nothing is counted twice")
}

func (e *events) rewoundLog(path string, offset, place int64) {
	e.rewound.Add(1)
	e.tell(slog.LevelWarn, "log lost its end and has grown again", path, "offset", offset, "from", place,
		"hint", "a power cut or an edit; lines between the two offsets may be counted twice")
}

func (e *events) shortArchiveOf(path string, offset, size int64) {
	e.shortArchive.Add(1)
	e.tell(slog.LevelWarn, "archive lacks lines that are counted", path, "counted", offset, "size", size,
		"hint", "it was compressed while the proxy still wrote to it; use delaycompress")
}

func (e *events) moved(path string) {
	e.tell(slog.LevelWarn, "log was moved out of its directory and isn't watched any more", path,
		"hint", "rotated logs are found only beside the log")
}

func (e *events) compressedLog(path string) {
	e.unreadable.Add(1)
	e.tell(slog.LevelError, "log is compressed while it is written and can't be read", path,
		"hint", "remove gzip= from access_log; logrotate can compress what is rotated")
}

func (e *events) badArchive(path string, err error) {
	e.unreadable.Add(1)
	e.tell(slog.LevelWarn, "archive can't be read", path, "err", err,
		"hint", "if it holds lines that aren't counted yet, uncompress it beside the log under its name without the ending")
}

func (e *events) unreadableFile(path string, err error) {
	e.unreadable.Add(1)
	hint := "it is tried again every few seconds; nothing in it is lost while it exists"
	switch {
	case errors.Is(err, fs.ErrPermission):
		hint = "let logmeter's user read it and pass its directory, for example as a member of the group that owns " + filepath.Dir(path)
	case errors.Is(err, errNotRegular):
		hint = "the proxy must log to a file; in an nginx image access.log is a link to /dev/stdout"
	}
	e.tell(slog.LevelError, "log can't be read", path, "err", err, "hint", hint)
}
