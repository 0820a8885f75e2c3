package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/admin"
	"github.com/logmeter/logmeter/agent/config"
	"github.com/logmeter/logmeter/agent/stripe"
	"github.com/logmeter/logmeter/checkpoint"
)

// adminOptions is what an open state shows of itself.
func adminOptions(c *config.Config, dir string, store *checkpoint.Store, dryRun bool) (admin.Options, error) {
	cs, err := openCustomers(c, slog.New(slog.DiscardHandler), false)
	if err != nil {
		return admin.Options{}, err
	}
	v, _ := versions()
	o := admin.Options{
		Instance: c.Instance, Version: v, Books: store, WriteBackup: store.Backup, Now: time.Now,
		State:  func() (admin.State, error) { return stateSize(dir, store) },
		Replay: func(source string, ids []uint64) (agent.Replayed, error) { return replay(c.File, store, source, ids) },
	}
	o.Setup, err = adminSetup(c, cs, store, dryRun)
	return o, err
}

// adminSetup is what a configuration shows of itself.
func adminSetup(c *config.Config, cs *customers, store *checkpoint.Store, dryRun bool) (admin.Setup, error) {
	var s admin.Setup
	for _, src := range c.Sources() {
		s.Sources = append(s.Sources, admin.SourceName{Name: src.Name, Path: src.Path})
	}
	switch {
	case dryRun:
		s.Sending = "standard output (a dry run)"
	case c.Stripe.Live:
		s.Sending = "Stripe, live mode"
	default:
		s.Sending = "Stripe, test mode"
	}
	if !dryRun && !c.HasKey() {
		s.NotSending = "there is no Stripe key"
	}
	// Whom a logged value stands for can be told without asking Stripe.
	printer, err := stripe.NewPrinter(io.Discard, cs.options(stripeOptions(c, nil, time.Now), store))
	if err != nil {
		return s, &failure{exitConfig, err}
	}
	s.Map = printer.Build
	return s, nil
}

// newOperator returns what people work with on an open state. It has no Biller
// yet.
func newOperator(store *checkpoint.Store) *agent.Operator {
	return &agent.Operator{Store: store, Books: store, Corrections: store, Documents: store, Now: time.Now}
}

func stateSize(dir string, store *checkpoint.Store) (admin.State, error) {
	st, err := store.Stats()
	if err != nil {
		return admin.State{}, err
	}
	return admin.State{
		Dir: dir, Created: time.Unix(st.Created, 0).UTC(), Account: st.Account, Live: st.Live,
		DiskBytes: st.DiskBytes, FreeBytes: st.FreeBytes, Lost: st.Lost,
		Sealed: st.Outbox.Sealed, Held: st.Outbox.Held, Parked: st.Outbox.Parked, Oldest: st.Outbox.Oldest,
	}, nil
}

// serve lets commands talk to a running agent until stop is called; show takes
// over another configuration. That it can't serve is no reason not to count.
func serve(c *config.Config, dir string, store *checkpoint.Store, a *agent.Agent, f runFlags, log *slog.Logger) (show func(*setup), stop func()) {
	none := func() (func(*setup), func()) { return func(*setup) {}, func() {} }
	opts, err := adminOptions(c, dir, store, f.dryRun)
	if err != nil {
		log.Warn("commands can't talk to this agent", "reason", err)
		return none()
	}
	opts.Stats, opts.Started, opts.Operator = a.Stats, time.Now(), a.Operator
	server := admin.New(opts)
	l, err := admin.Listen(dir)
	if err != nil {
		log.Warn("commands can't talk to this agent", "reason", err)
		return none()
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := admin.Serve(ctx, l, server.Local(), log); err != nil {
			log.Warn("commands can't talk to this agent any more", "reason", err)
		}
	})
	if c.Admin.Listen != "" {
		wg.Go(func() { servePages(ctx, c.Admin.Listen, listenAgain, server, log) })
	}
	show = func(s *setup) {
		next, err := adminSetup(s.c, s.cs, store, f.dryRun)
		if err != nil {
			log.Warn("status and usage go on with the old configuration", "reason", err)
			return
		}
		server.Use(next)
	}
	return show, func() { cancel(); wg.Wait() }
}

// listenAgain is the time between two tries to have an address that another
// process holds, such as an agent that is about to end.
const listenAgain = 5 * time.Second

// servePages shows the status page and the metrics at an address until ctx
// ends.
func servePages(ctx context.Context, addr string, again time.Duration, server *admin.Server, log *slog.Logger) {
	for said := ""; ctx.Err() == nil; wait(ctx, again) {
		l, err := net.Listen("tcp", addr)
		if err == nil {
			at, _ := l.Addr().(*net.TCPAddr)
			log.Info("the status page and metrics are there", "address", "http://"+l.Addr().String())
			err = admin.Serve(ctx, l, server.Public(at != nil && at.IP.IsLoopback()), log)
		}
		if err != nil && err.Error() != said {
			said = err.Error()
			log.Error("the status page and metrics aren't there", "reason", err, "hint", "usage is counted all the same; mend admin.listen, or end what holds the address")
		}
	}
}
