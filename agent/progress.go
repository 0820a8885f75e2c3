package agent

import "sync/atomic"

// Progress says how far a loop of a running agent has come.
type Progress struct {
	// Loop is "ingest NAME" for a source, or "report".
	Loop string
	// Steps grows at least once a second while the loop is idle, and with
	// every block, call to Stripe or try to commit while it has work. A loop
	// whose Steps stay the same for minutes hangs.
	Steps uint64
}

// pulse counts the steps of a loop for others to read.
type pulse struct{ steps atomic.Uint64 }

func (p *pulse) beat() { p.steps.Add(1) }

// Progress returns the progress of every loop, or nothing before Run. It may be
// called at any time from any goroutine. Steps are counts and no times, so that
// a clock that jumps makes no loop look hung.
func (a *Agent) Progress() []Progress {
	l := a.running.Load()
	if l == nil {
		return nil
	}
	all := make([]Progress, 0, len(l.feeds)+1)
	for _, in := range l.feeds {
		all = append(all, Progress{"ingest " + in.feed.Source.Name(), in.pulse.steps.Load()})
	}
	return append(all, Progress{"report", l.rep.pulse.steps.Load()})
}

// loops are the loops of an agent that runs.
type loops struct {
	feeds []*ingester
	rep   *reporter
	audit *auditor // nil: there is none
}
