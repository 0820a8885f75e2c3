package stripe

import (
	"sync"
	"time"
)

const (
	// After downAfter failures in a row to get a connection, calls fail at
	// once for downFor, so that a pass over thousands of entries doesn't wait
	// for a dial's time-out for each of them.
	downAfter = 3
	downFor   = 5 * time.Second
)

// reach remembers whether Stripe could be reached lately.
type reach struct {
	now func() time.Time

	mu       sync.Mutex // guards what follows
	failures int        // in a row, without a connection
	last     time.Time  // the last of them
	silent   bool       // the last call had no answer of Stripe
}

// failed notes a call without an answer of Stripe; unconnected says that not
// even a connection was had.
func (r *reach) failed(unconnected bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.silent = true
	if !unconnected {
		r.failures = 0
		return
	}
	r.failures++
	r.last = r.now()
}

func (r *reach) answered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures, r.silent = 0, false
}

// down reports that a call now would most likely find no connection.
func (r *reach) down() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failures >= downAfter && r.now().Sub(r.last) < downFor
}

// answering reports whether the last call had an answer of Stripe.
func (r *reach) answering() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.silent
}
