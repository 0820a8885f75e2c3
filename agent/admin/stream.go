package admin

import (
	"bufio"
	"encoding/json"
	"iter"
	"net/http"
)

// A stream is an answer with any number of rows: one JSON object a line, each
// with one of the keys of line. The last line is {"end":true} or an error; an
// answer without either was cut short.
type line[T any] struct {
	Row   *T     `json:"row,omitempty"`
	Note  *Note  `json:"note,omitempty"`
	Error string `json:"error,omitempty"`
	End   bool   `json:"end,omitempty"`
}

// Note says how far work has come, or something about the rows.
type Note struct {
	Done  int    `json:"done,omitempty"`
	Total int    `json:"total,omitempty"`
	Text  string `json:"text,omitempty"`
}

// stream writes the lines of an answer.
type stream[T any] struct {
	w    http.ResponseWriter
	buf  *bufio.Writer
	json *json.Encoder
}

func newStream[T any](w http.ResponseWriter) *stream[T] {
	w.Header().Set("Content-Type", "application/jsonl")
	buf := bufio.NewWriterSize(w, 16<<10)
	j := json.NewEncoder(buf)
	j.SetEscapeHTML(false)
	return &stream[T]{w, buf, j}
}

// row writes a row. An error says that nobody reads any more.
func (s *stream[T]) row(row *T) error { return s.json.Encode(line[T]{Row: row}) }

// note writes a note, and sends all that was written.
func (s *stream[T]) note(n Note) error {
	if err := s.json.Encode(line[T]{Note: &n}); err != nil {
		return err
	}
	return s.flush()
}

func (s *stream[T]) flush() error {
	if err := s.buf.Flush(); err != nil {
		return err
	}
	return http.NewResponseController(s.w).Flush()
}

// end writes the last line. Nobody hears of an error here: the answer lacks
// its end then.
func (s *stream[T]) end(err error) {
	last := line[T]{End: true}
	if err != nil {
		last = line[T]{Error: err.Error()}
	}
	if s.json.Encode(last) == nil {
		_ = s.flush()
	}
}

// writeRows answers with what rows yields.
func writeRows[T any](w http.ResponseWriter, rows iter.Seq2[T, error]) {
	s := newStream[T](w)
	for row, err := range rows {
		if err != nil {
			s.end(err)
			return
		}
		if s.row(&row) != nil {
			return
		}
	}
	s.end(nil)
}

// problem is the answer to a request that can't be met.
type problem struct {
	Error string `json:"error"`
}

func writeProblem(w http.ResponseWriter, code int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(problem{err.Error()})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	j := json.NewEncoder(w)
	j.SetEscapeHTML(false)
	_ = j.Encode(v)
}
