package main

import (
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// progress shows how far long work has come, on standard error and only when
// that is a terminal. The returned function ends it.
func (o *options) progress(at func() (read, total int64)) (stop func()) {
	if !isTerminal(o.err) {
		return func() {}
	}
	_, total := at()
	bar := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(o.err),
		progressbar.OptionShowBytes(true),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionFullWidth(),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetDescription("reading"),
	)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(200 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-done:
				bar.Finish()
				return
			case <-t.C:
				read, _ := at()
				bar.Set64(read)
			}
		}
	})
	return func() { close(done); wg.Wait() }
}
