package admin

import (
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/logmeter/logmeter/agent"
)

// Refused is a line that was refused and kept.
type Refused struct {
	ID     uint64    `json:"id"`
	Source string    `json:"source"`
	Reason string    `json:"reason"`
	Path   string    `json:"path"`
	Offset int64     `json:"offset"`
	Window time.Time `json:"window"` // in which it is accounted for
	At     time.Time `json:"at"`     // when it was read
	Size   int       `json:"size"`   // of the line, in bytes
	// Line is the line; LineB64 when it isn't UTF-8. Both are absent when it
	// isn't kept. Of a very long line it is the beginning.
	Line    string `json:"line,omitempty"`
	LineB64 []byte `json:"line_b64,omitempty"`
}

// Bytes returns what is kept of the line.
func (r *Refused) Bytes() []byte {
	if r.LineB64 != nil {
		return r.LineB64
	}
	return []byte(r.Line)
}

func newRefused(r *agent.Refusal) Refused {
	j := Refused{
		ID: r.ID, Source: r.Source, Reason: r.Reason, Path: r.Path, Offset: r.Offset,
		Window: r.Window.Start(), At: unix(r.At), Size: r.Size,
	}
	if utf8.Valid(r.Line) {
		j.Line = string(r.Line)
		return j
	}
	j.LineB64 = r.Line
	return j
}

// ReplayRequest chooses refused lines of a source; no IDs mean all of them.
type ReplayRequest struct {
	Source string   `json:"source"`
	IDs    []uint64 `json:"ids,omitempty"`
}

// ReplayAnswer says what became of them.
type ReplayAnswer struct {
	Source string `json:"source"`
	// Lines can be read now; of these Billed were counted.
	Lines  uint64 `json:"lines"`
	Billed uint64 `json:"billed"`
	// Refused are still refused, and Cut weren't kept whole.
	Refused int `json:"refused"`
	Cut     int `json:"cut"`
}

func (s *Server) getRefused(w http.ResponseWriter, r *http.Request) {
	source := r.URL.Query().Get("source")
	writeRows(w, func(yield func(Refused, error) bool) {
		for x, err := range s.Books.Refusals() {
			if err == nil && source != "" && x.Source != source {
				continue
			}
			if !yield(newRefused(&x), err) || err != nil {
				return
			}
		}
	})
}

func (s *Server) replay(w http.ResponseWriter, r *http.Request) {
	var q ReplayRequest
	if !readBody(w, r, &q) {
		return
	}
	got, err := s.Replay(q.Source, q.IDs)
	if err != nil {
		writeProblem(w, http.StatusConflict, fmt.Errorf("source %s: %w", q.Source, err))
		return
	}
	writeJSON(w, ReplayAnswer{q.Source, got.Lines.Lines, got.Lines.Billed, got.Refused, got.Cut})
}
