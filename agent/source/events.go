package source

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/logmeter/logmeter/agent"
)

const (
	// repeatEvery is how often the same trouble with the same file is logged.
	repeatEvery = 10 * time.Minute
	// maxToldApart bounds how many troubles are remembered for that.
	maxToldApart = 1000
)

// The kinds of events. They are what agent.SourceEvent calls them, so they
// stay as they are.
const (
	rotatedKind    = "rotated"                  // a log got another name while it was open
	stillGrowsKind = "rotated_file_still_grows" // the proxy didn't reopen its log
	truncatedKind  = "truncated"                // a log was emptied or overwritten in place
	lostTailKind   = "log_lost_tail"            // a log lost an end that was counted
	rewoundKind    = "log_rewound"              // a log lost such an end and has grown again
	shortKind      = "archive_lacks_lines"      // an archive lacks lines that were counted
	tornKind       = "torn_line"                // the beginning of a line that was never finished
	oversizeKind   = "oversize"                 // a line longer than 1 MiB
	holeKind       = "hole"                     // a run of NULs
	vanishedKind   = "log_gone"                 // a log is gone that may hold unread lines
	gaveUpKind     = "gave_up"                  // a log isn't read any more, whatever comes
	compressedKind = "log_compressed"           // the log itself is compressed
	badArchiveKind = "archive_unreadable"       // an archive can't be read
	unreadableKind = "unreadable"               // a log can't be read for now
)

// events tells people what happened to the logs: in the log, and by Stats.
type events struct {
	log  *slog.Logger
	now  func() time.Time // monotonic, for patience
	wall func() time.Time
	told map[[2]string]time.Time

	bytes uint64 // returned as lines
	// list holds the last event of each kind, the latest last. It was handed
	// out, so it is replaced and never changed.
	list []agent.SourceEvent
}

// tell counts an event. It is logged at most once per file and repeatEvery.
func (e *events) tell(kind string, level slog.Level, msg, path, hint string, attrs ...slog.Attr) {
	ev := agent.SourceEvent{Kind: kind, Level: level, Count: 1, Last: e.wall(), Path: path, Text: msg, Hint: hint}
	for i, a := range attrs {
		ev.Text += []string{": ", ", "}[min(i, 1)] + a.Key + " " + a.Value.String()
	}
	list := make([]agent.SourceEvent, 0, len(e.list)+1)
	for _, old := range e.list {
		if old.Kind == kind {
			ev.Count += old.Count
			continue
		}
		list = append(list, old)
	}
	e.list = append(list, ev)

	now, key := e.now(), [2]string{msg, path}
	if last, ok := e.told[key]; ok && now.Sub(last) < repeatEvery {
		return
	}
	if e.told == nil || len(e.told) >= maxToldApart {
		e.told = map[[2]string]time.Time{}
	}
	e.told[key] = now
	attrs = append([]slog.Attr{slog.String("path", path)}, attrs...)
	if hint != "" {
		attrs = append(attrs, slog.String("hint", hint))
	}
	e.log.LogAttrs(context.Background(), level, msg, attrs...)
}

func (e *events) report(r *file, got found) {
	e.bytes += uint64(len(got.lines))
	if got.holes > 0 {
		e.tell(holeKind, slog.LevelWarn, "log has a hole of zero bytes", r.path,
			"a power cut leaves one, or copytruncate under a writer that doesn't append; nothing that was written is skipped",
			slog.Int64("offset", got.offset))
	}
	if got.torn > 0 {
		e.tornLine(r.path, got.offset)
	}
	if got.tooLong > 0 {
		e.tell(oversizeKind, slog.LevelWarn, "line is longer than 1 MiB and was skipped", r.path,
			"it counts as refused; look whether something else than the proxy writes to this file",
			slog.Int64("offset", got.offset))
	}
}

func (e *events) tornLine(path string, offset int64) {
	e.tell(tornKind, slog.LevelWarn, "line was never finished and isn't counted", path,
		"the proxy was killed while it wrote, its disk was full, or the power failed",
		slog.Int64("offset", offset))
}

func (e *events) rotatedLog(from, to string) {
	e.tell(rotatedKind, slog.LevelInfo, "log rotated", from, "", slog.String("to", to))
}

func (e *events) stillGrows(path string) {
	e.tell(stillGrowsKind, slog.LevelWarn, "rotated log still grows", path,
		"the proxy didn't reopen its log; every line is counted, but look at its error log and at the postrotate script")
}

func (e *events) truncatedLog(path string, offset, size int64) {
	e.tell(truncatedKind, slog.LevelWarn, "log was truncated or overwritten", path,
		"lines written between the last read and the truncation are counted only if a copy beside it has them; don't use copytruncate",
		slog.Int64("offset", offset), slog.Int64("size", size))
}

func (e *events) lostTail(path string, offset, size int64) {
	e.tell(lostTailKind, slog.LevelWarn, "log lost its end, which is counted already", path,
		"a power cut or an edit; nothing is counted twice",
		slog.Int64("offset", offset), slog.Int64("size", size))
}

func (e *events) rewoundLog(path string, offset, place int64) {
	e.tell(rewoundKind, slog.LevelWarn, "log lost its end and has grown again", path,
		"a power cut or an edit; lines between the two offsets may be counted twice",
		slog.Int64("offset", offset), slog.Int64("from", place))
}

func (e *events) shortArchiveOf(path string, offset, size int64) {
	e.tell(shortKind, slog.LevelWarn, "archive lacks lines that are counted", path,
		"it was compressed while the proxy still wrote to it; use delaycompress",
		slog.Int64("counted", offset), slog.Int64("size", size))
}

func (e *events) moved(path string) {
	e.tell(gaveUpKind, slog.LevelWarn, "log was moved out of its directory and isn't watched any more", path,
		"rotated logs are found only beside the log")
}

func (e *events) vanished(path string, offset int64) {
	e.tell(vanishedKind, slog.LevelWarn, "log is gone, and what was written to it after it was last read can't be counted", path,
		"if it was moved or compressed to another place, put it back beside the log; keep more generations than the longest outage lasts",
		slog.Int64("offset", offset))
}

func (e *events) compressedLog(path string) {
	e.tell(compressedKind, slog.LevelError, "log is compressed while it is written and can't be read", path,
		"remove gzip= from access_log; logrotate can compress what is rotated")
}

func (e *events) badArchive(path string, err error) {
	e.tell(badArchiveKind, slog.LevelWarn, "archive can't be read", path,
		"if it holds lines that aren't counted yet, uncompress it beside the log under its name without the ending",
		slog.Any("err", err))
}

func (e *events) unreadableFile(path string, err error) {
	hint := "it is tried again every few seconds; nothing in it is lost while it exists"
	switch {
	case errors.Is(err, fs.ErrPermission):
		hint = "let logmeter's user read it and pass its directory, for example as a member of the group that owns " + filepath.Dir(path)
	case errors.Is(err, errNotRegular):
		hint = "the proxy must log to a file; in an nginx image access.log is a link to /dev/stdout"
	}
	e.tell(unreadableKind, slog.LevelError, "log can't be read", path, hint, slog.Any("err", err))
}
