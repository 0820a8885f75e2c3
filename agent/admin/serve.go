package admin

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// stopWithin is how long calls may go on when the server is to stop.
const stopWithin = 2 * time.Second

// Serve answers on l until ctx ends, and closes it. When it returns, no call is
// under way any more: the state may be closed.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	var calls sync.WaitGroup // under way
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			defer calls.Done()
			h.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return withUser(ctx, userAt(c)) },
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		if srv.Shutdown(last) != nil {
			_ = srv.Close() // ends what still goes on
		}
	})
	err := srv.Serve(l)
	if stop() {
		_ = srv.Close() // the listener failed
	} else {
		<-done
	}
	calls.Wait() // nobody is connected, so each ends with its next write
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
