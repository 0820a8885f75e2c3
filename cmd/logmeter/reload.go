package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/config"
	"github.com/logmeter/logmeter/checkpoint"
)

// errReload ends the loops of one life of the agent: what was read is
// committed, nothing is drained or sent for it, and the next life goes on from
// there on the same open state.
var errReload = fmt.Errorf("%w: the configuration is read again", agent.ErrAbort)

// setup is a configuration with all that is made of it but the open logs.
type setup struct {
	c      *config.Config
	meters *agent.Meters
	cs     *customers
	biller agent.Biller
	// show tells who looks that this one is in force; nil: nobody can look.
	show func(*setup)
}

// setUp makes what a life of the agent needs.
func (o *options) setUp(ctx context.Context, c *config.Config, store *checkpoint.Store, f runFlags, log *slog.Logger) (*setup, error) {
	s := &setup{c: c}
	var err error
	if s.meters, err = compileMeters(c); err != nil {
		return nil, err
	}
	if s.cs, err = openCustomers(c, log, true); err != nil {
		return nil, err
	}
	if err = s.cs.bind(store); err != nil {
		return nil, err
	}
	s.biller, err = o.biller(ctx, c, s.cs, store, f, log)
	return s, err
}

// take gives an agent that doesn't run what it needs for its next life.
func (s *setup) take(a *agent.Agent, feeds []agent.Feed) {
	a.Feeds, a.Meters, a.Biller = feeds, s.meters, s.biller
	if a.Operator != nil {
		a.Operator.Use(s.biller)
	}
	a.Settle, a.SendOnStop = s.c.Report.Settle, s.c.Report.SendOnStop
}

// nextSetup reads the configuration again. It is an error, and the running one
// goes on, when it isn't valid or changes what is fixed for a process.
func (o *options) nextSetup(ctx context.Context, now *config.Config, store *checkpoint.Store, f runFlags, log *slog.Logger) (*setup, error) {
	c, err := o.load()
	if err != nil {
		return nil, err
	}
	if err := c.CheckRun(); err != nil {
		return nil, err
	}
	if fixed := fixedChanges(now, c); len(fixed) > 0 {
		return nil, fmt.Errorf("%s can't change while the agent runs; restart it for that", strings.Join(fixed, " and "))
	}
	for _, w := range c.Warnings() {
		log.Warn(w)
	}
	return o.setUp(ctx, c, store, f, log)
}

// fixedChanges names the keys that differ and are fixed for the life of a
// process: those that say which state it has and whose it is.
func fixedChanges(a, b *config.Config) []string {
	var changed []string
	for key, differs := range map[string]bool{
		"instance":         a.Instance != b.Instance,
		"state_dir":        a.StateDir != b.StateDir,
		"stripe.live":      a.Stripe.Live != b.Stripe.Live,
		"customers.secret": a.Customers.Secret != b.Customers.Secret,
		"customers.max":    a.Customers.Max != b.Customers.Max,
	} {
		if differs {
			changed = append(changed, key)
		}
	}
	slices.Sort(changed)
	return changed
}

// lives runs the agent until ctx ends, anew for each valid configuration that a
// signal on hup makes it read. run is one life; it returns when ctx ends, with
// what was read committed. No line is lost or doubled in between: every life
// opens its logs behind the positions that are committed with the counts.
func (o *options) lives(ctx context.Context, a *agent.Agent, s *setup, store *checkpoint.Store, f runFlags, hup <-chan os.Signal, log *slog.Logger, run func(context.Context) error) error {
	for {
		next, err := o.life(ctx, a, s, store, f, hup, log, run)
		if err != nil || next == nil {
			return err
		}
		next.show = s.show
		feeds, err := openFeeds(next.c, next.cs, store, a.Now, log)
		if err != nil {
			// The old configuration worked a moment ago.
			log.Error("the new configuration can't be used; the old one goes on", "reason", err)
			next = s
			if feeds, err = openFeeds(s.c, s.cs, store, a.Now, log); err != nil {
				return err
			}
		}
		s = next
		s.take(a, feeds)
		store.Know(s.cs.known)
		if s.show != nil {
			s.show(s)
		}
		log.Info("the configuration is in force", "sources", len(feeds), "meters", len(s.meters.Names()), "config", s.c.File)
	}
}

// life runs the agent until ctx ends, or a configuration is ready to take over,
// which it returns. The logs are closed then.
func (o *options) life(ctx context.Context, a *agent.Agent, s *setup, store *checkpoint.Store, f runFlags, hup <-chan os.Signal, log *slog.Logger, run func(context.Context) error) (*setup, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer closeFeeds(a.Feeds)
	var next *setup
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hup:
			}
			ready, err := o.nextSetup(ctx, s.c, store, f, log)
			if err == nil {
				next = ready
				stop(errReload)
				return
			}
			if ctx.Err() == nil {
				log.Error("the configuration can't be taken over; the old one goes on", "reason", err)
			}
		}
	}()
	err := run(ctx)
	stop(nil)
	<-watching
	if err != nil || !errors.Is(context.Cause(ctx), errReload) {
		return nil, err
	}
	return next, nil
}
