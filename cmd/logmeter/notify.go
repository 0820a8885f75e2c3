package main

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// supervisor is the systemd that started this process, by its protocol of
// datagrams on $NOTIFY_SOCKET (sd_notify(3)). Without one nothing is sent.
// Nothing that goes wrong with it is an error: it watches us, we don't need it.
type supervisor struct {
	conn net.Conn // nil: nobody listens
	// every is the time between two signs of life; 0: none are wanted.
	every time.Duration
}

// newSupervisor finds the supervisor in the environment. The unit may ask for
// signs of life with WatchdogSec=; they come three times as often.
func newSupervisor(env func(string) string) *supervisor {
	s := &supervisor{}
	path := env("NOTIFY_SOCKET")
	if path == "" {
		return s
	}
	conn, err := net.Dial("unixgram", path) // a path that begins with @ is abstract, also for Dial
	if err != nil {
		return s
	}
	s.conn = conn
	pid := env("WATCHDOG_PID")
	if us, err := strconv.ParseInt(env("WATCHDOG_USEC"), 10, 64); err == nil && us > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		s.every = time.Duration(us) * time.Microsecond / 3
	}
	return s
}

// tell sends assignments such as READY=1 and STATUS=text.
func (s *supervisor) tell(assignments ...string) {
	if s.conn != nil {
		_, _ = s.conn.Write([]byte(strings.Join(assignments, "\n")))
	}
}

// tellAtEnd sends assignments when ctx ends. The returned function calls that
// off, or waits until all is sent.
func (s *supervisor) tellAtEnd(ctx context.Context, assignments ...string) (release func()) {
	told := make(chan struct{})
	callOff := context.AfterFunc(ctx, func() {
		defer close(told)
		s.tell(assignments...)
	})
	return func() {
		if !callOff() {
			<-told
		}
	}
}

// watch gives a sign of life whenever every loop has made a step since the
// last one, until ctx ends. A loop that hangs ends the signs, and systemd the
// process, with the stack of every goroutine in the journal. That costs
// nothing but time: the next life goes on from what is committed.
func (s *supervisor) watch(ctx context.Context, progress func() []agent.Progress) {
	if s.conn == nil || s.every <= 0 {
		return
	}
	t := time.NewTicker(s.every)
	defer t.Stop()
	seen := map[string]uint64{}
	for {
		if moved(seen, progress()) {
			s.tell("WATCHDOG=1")
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// moved reports whether every loop is beyond what was seen, and if so notes
// where they are now. A loop that is new has moved.
func moved(seen map[string]uint64, loops []agent.Progress) bool {
	for _, p := range loops {
		if steps, ok := seen[p.Loop]; ok && steps == p.Steps {
			return false
		}
	}
	for _, p := range loops {
		seen[p.Loop] = p.Steps
	}
	return true
}

// close ends the talk. It is idempotent.
func (s *supervisor) close() {
	if s.conn != nil {
		_ = s.conn.Close()
	}
}
