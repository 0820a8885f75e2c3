package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// newLog returns the daemon's log on w. When w is a stream to systemd's journal,
// each line begins with its priority, as sd-daemon(3) has it, so that
// journalctl -p err shows what it should; the time is left to the journal.
func newLog(w io.Writer, env func(string) string) *slog.Logger {
	if !isJournal(w, env("JOURNAL_STREAM")) {
		return slog.New(slog.NewTextHandler(w, nil))
	}
	line := &priorityWriter{w: w}
	return slog.New(&journalHandler{
		Handler: slog.NewTextHandler(line, &slog.HandlerOptions{ReplaceAttr: withoutTime}),
		line:    line,
	})
}

// isJournal reports whether w is the stream that $JOURNAL_STREAM names by
// device and inode. A child whose output was redirected inherits the variable
// too, so its presence says nothing.
func isJournal(w io.Writer, stream string) bool {
	f, ok := w.(*os.File)
	device, inode, found := strings.Cut(stream, ":")
	if !ok || !found {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && strconv.FormatUint(uint64(st.Dev), 10) == device && strconv.FormatUint(st.Ino, 10) == inode
}

// withoutTime drops what slog itself puts before a message.
func withoutTime(groups []string, a slog.Attr) slog.Attr {
	_, level := a.Value.Any().(slog.Level)
	if len(groups) == 0 && (a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime || a.Key == slog.LevelKey && level) {
		return slog.Attr{}
	}
	return a
}

// journalHandler puts the level of each record before its line.
type journalHandler struct {
	slog.Handler
	line *priorityWriter
}

func (h *journalHandler) Handle(ctx context.Context, r slog.Record) error {
	h.line.mu.Lock()
	defer h.line.mu.Unlock()
	h.line.priority = priority(r.Level)
	return h.Handler.Handle(ctx, r)
}

func (h *journalHandler) WithAttrs(as []slog.Attr) slog.Handler {
	return &journalHandler{h.Handler.WithAttrs(as), h.line}
}

func (h *journalHandler) WithGroup(name string) slog.Handler {
	return &journalHandler{h.Handler.WithGroup(name), h.line}
}

// priorityWriter writes lines behind a priority. TextHandler writes each
// record with one call.
type priorityWriter struct {
	mu       sync.Mutex // held for one record, from its priority to its line
	priority string
	w        io.Writer
}

func (p *priorityWriter) Write(line []byte) (int, error) {
	if _, err := p.w.Write(append([]byte(p.priority), line...)); err != nil {
		return 0, err
	}
	return len(line), nil
}

// priority returns syslog's number of a level.
func priority(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "<3>"
	case l >= slog.LevelWarn:
		return "<4>"
	case l >= slog.LevelInfo:
		return "<6>"
	default:
		return "<7>"
	}
}
