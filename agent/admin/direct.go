package admin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
)

// direct is an http.RoundTripper that calls a handler in this process. The
// answer is read while the handler writes it.
type direct struct {
	handler http.Handler
	by      string
}

func (d *direct) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(withUser(req.Context(), d.by))
	in, out := io.Pipe()
	w := &pipeWriter{out: out, header: http.Header{}, started: make(chan struct{}), code: http.StatusOK}
	done := make(chan struct{})
	go func() { // body.Close waits for it
		defer close(done)
		defer w.start()
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				panic(p)
			} else if p != nil {
				out.CloseWithError(io.ErrUnexpectedEOF)
			}
			out.Close()
		}()
		inner := req.Clone(ctx)
		if inner.Body == nil {
			inner.Body = http.NoBody
		}
		d.handler.ServeHTTP(w, inner)
	}()
	<-w.started
	return &http.Response{
		StatusCode: w.code, Status: http.StatusText(w.code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: &directBody{in, cancel, done}, ContentLength: -1, Request: req,
	}, nil
}

// directBody is the body of an answer. Close ends the handler and waits for it.
type directBody struct {
	*io.PipeReader
	cancel context.CancelFunc
	done   chan struct{}
}

func (b *directBody) Close() error {
	b.cancel()
	_ = b.PipeReader.CloseWithError(errors.New("nobody reads any more"))
	<-b.done
	return nil
}

// pipeWriter is the http.ResponseWriter of a direct call.
type pipeWriter struct {
	out    *io.PipeWriter
	header http.Header
	code   int

	once    sync.Once
	started chan struct{} // closed when code and header are final
}

func (w *pipeWriter) start() { w.once.Do(func() { close(w.started) }) }

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(code int) {
	w.once.Do(func() { w.code = code; close(w.started) })
}

func (w *pipeWriter) Write(p []byte) (int, error) {
	w.start()
	return w.out.Write(p)
}

// Flush implements http.Flusher: what is written is read at once.
func (w *pipeWriter) Flush() { w.start() }
