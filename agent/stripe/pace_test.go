package stripe

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestPaceAdapts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(100)
		want := func(rate float64) {
			t.Helper()
			if got := p.perSecond(); got != rate {
				t.Errorf("got %v a second, want %v", got, rate)
			}
		}
		p.passed(time.Now())
		want(100) // never above the ceiling
		for range 10 {
			p.limited(time.Now())
		}
		want(50) // many answers of one congestion halve it once
		p.passed(time.Now())
		want(50) // too early to speed up
		for range 20 {
			time.Sleep(slowDownEvery)
			p.limited(time.Now())
		}
		want(slowest)
		time.Sleep(speedUpEvery)
		p.passed(time.Now())
		p.passed(time.Now())
		want(slowest + 5)
		for range 30 {
			time.Sleep(speedUpEvery)
			p.passed(time.Now())
		}
		want(100)
	})
}

// No second of calls is one that Stripe would cut.
func TestPaceStaysWithinStripesLimits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		limit float64
		rate  float64
	}{{1000, writesPerSecond(true)}, {25, writesPerSecond(false)}, {100, readsPerSecond}} {
		if most := tt.rate + float64(burst(tt.rate)); most > tt.limit {
			t.Errorf("%v calls may go in one second, Stripe takes %v", most, tt.limit)
		}
	}
}

func TestPaceSpacesCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(20)
		start := time.Now()
		for range 20*10 + 2 { // two at once, then 20 a second
			if err := p.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took < 9900*time.Millisecond || took > 10100*time.Millisecond {
			t.Errorf("took %v, want 10s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := p.wait(ctx); err == nil {
			t.Error("the wait outlasts its context")
		}
	})
}

func TestLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lanes
		var inside, most atomic.Int32
		key := lane{"calls", "cus_1"}
		for range 20 {
			go func() {
				leave, err := l.enter(t.Context(), key)
				if err != nil {
					t.Error(err)
					return
				}
				most.Store(max(most.Load(), inside.Add(1)))
				time.Sleep(time.Second)
				inside.Add(-1)
				leave()
			}()
		}
		// Another lane is free meanwhile, and a waiter may give up.
		synctest.Wait()
		leave, err := l.enter(t.Context(), lane{"calls", "cus_2"})
		if err != nil {
			t.Fatal(err)
		}
		leave()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if _, err := l.enter(ctx, key); err == nil {
			t.Error("a waiter outlasts its context")
		}
		start := time.Now()
		time.Sleep(time.Minute)
		synctest.Wait()
		if most.Load() != 1 || inside.Load() != 0 {
			t.Errorf("%d at once, %d left inside after %v", most.Load(), inside.Load(), time.Since(start))
		}
		if len(l.busy) != 0 {
			t.Errorf("%d lanes are left behind", len(l.busy))
		}
	})
}
