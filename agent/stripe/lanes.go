package stripe

import (
	"context"
	"sync"
)

// lanes lets one call at a time through for each customer and meter, which is
// what Stripe allows. The zero value is ready.
type lanes struct {
	mu   sync.Mutex // guards what follows
	busy map[lane]*turn
}

type lane struct{ eventName, account string }

// turn is a lane that is in use or waited for.
type turn struct {
	token chan struct{} // holds one token while the lane is free
	users int           // callers that hold it or wait for it
}

// enter waits for the lane. The returned function, which must be called once,
// leaves it.
func (l *lanes) enter(ctx context.Context, key lane) (leave func(), err error) {
	l.mu.Lock()
	t := l.busy[key]
	if t == nil {
		if l.busy == nil {
			l.busy = map[lane]*turn{}
		}
		t = &turn{token: make(chan struct{}, 1)}
		t.token <- struct{}{}
		l.busy[key] = t
	}
	t.users++
	l.mu.Unlock()

	select {
	case <-t.token:
		return func() { t.token <- struct{}{}; l.drop(key, t) }, nil
	case <-ctx.Done():
		l.drop(key, t)
		return nil, ctx.Err()
	}
}

// drop forgets the lane when nobody is left in it.
func (l *lanes) drop(key lane, t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(l.busy, key)
	}
}
