package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/config"
	"github.com/logmeter/logmeter/agent/source"
	"github.com/logmeter/logmeter/agent/stripe"
	"github.com/logmeter/logmeter/checkpoint"
)

// load reads the configuration; what is wrong with it is a failure with
// EX_CONFIG.
func (o *options) load() (*config.Config, error) {
	c, err := config.Load(o.config)
	if err != nil {
		return nil, &failure{exitConfig, err}
	}
	return c, nil
}

// compileMeters compiles the meters.
func compileMeters(c *config.Config) (*agent.Meters, error) {
	ms, err := agent.NewMeters(c.Meters())
	if err != nil {
		return nil, &failure{exitConfig, err}
	}
	return ms, nil
}

// pickSource returns the source with the given name, or the only one.
func pickSource(c *config.Config, name string) (config.Source, error) {
	if s, ok := c.Source[name]; ok {
		return s, nil
	}
	all := c.Sources()
	if name == "" && len(all) == 1 {
		return all[0], nil
	}
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.Name
	}
	if name == "" {
		return config.Source{}, &failure{exitUsage, fmt.Errorf("%s has %d sources; say which one's format the lines have: --source %s", c.File, len(all), strings.Join(names, " or --source "))}
	}
	return config.Source{}, &failure{exitUsage, fmt.Errorf("%s has no source %q; it has: %s", c.File, name, strings.Join(names, ", "))}
}

// loadSource reads the configuration for a command that reads lines of one
// source: the one with the given name, or the only one.
func (o *options) loadSource(name string) (*config.Config, config.Source, *agent.Meters, error) {
	c, err := o.load()
	if err != nil {
		return nil, config.Source{}, nil, err
	}
	s, err := pickSource(c, name)
	if err != nil {
		return nil, config.Source{}, nil, err
	}
	meters, err := compileMeters(c)
	return c, s, meters, err
}

// openState opens the state in a folder.
func openState(dir string, c *config.Config, log *slog.Logger) (*checkpoint.Store, error) {
	s, err := checkpoint.Open(checkpoint.Options{Dir: dir, Instance: c.Instance, Live: c.Stripe.Live, Log: log, MaxCustomers: c.Customers.Max})
	return s, failed(err)
}

// openFeeds opens every source behind its committed positions.
func openFeeds(c *config.Config, cs *customers, store agent.Store, now func() time.Time, log *slog.Logger) (feeds []agent.Feed, err error) {
	defer func() {
		if err != nil {
			closeFeeds(feeds)
		}
	}()
	for _, s := range c.Sources() {
		ps, err := store.Positions(s.Name)
		if err != nil {
			return feeds, failed(err)
		}
		src, err := source.Open(source.Options{
			Name: s.Name, Path: s.Path, FromStart: s.FromStart, Positions: ps, Now: now,
			Log: log,
		})
		if err != nil {
			return feeds, failed(fmt.Errorf("source %s: %w", s.Name, err))
		}
		feeds = append(feeds, agent.Feed{Source: src, Parser: cs.naming(s).Parser(c.Format[s.Format].Compiled.NewParser())})
	}
	return feeds, nil
}

func closeFeeds(feeds []agent.Feed) {
	for _, f := range feeds {
		f.Source.Close()
	}
}

// stripeOptions is what the configuration says of Stripe.
func stripeOptions(c *config.Config, log *slog.Logger, now func() time.Time) stripe.Options {
	v, _ := versions()
	meters := map[string]stripe.Meter{}
	for name, event := range c.EventNames() {
		meters[name] = stripe.Meter{EventName: event}
	}
	return stripe.Options{
		Key: stripe.Secret(c.Stripe.Key), Live: c.Stripe.Live, APIBase: c.Stripe.APIBase, ReadBudget: c.Stripe.ReadBudget,
		Meters: meters, Customers: stripe.Customers{Lookup: c.Customers.Lookup, Map: c.Customers.Map},
		Version: v, Log: log, Now: now,
	}
}

// boundBiller is a Biller that delivers nothing before the state is known to
// belong to the key's account. The question is asked when Stripe's time is,
// which is before every pass, so that an agent can start while Stripe is down.
type boundBiller struct {
	*stripe.Biller
	store *checkpoint.Store
	log   *slog.Logger

	mu    sync.Mutex // guards bound and kept
	bound bool
	kept  stripe.Budget // as it is in the store
}

// Now implements agent.Biller. It also keeps the count of the month's reads,
// once a pass; what is read in a pass that is killed isn't counted.
func (b *boundBiller) Now(ctx context.Context) (time.Time, error) {
	if err := b.bind(ctx); err != nil {
		return time.Time{}, err
	}
	if err := b.keepBudget(); err != nil {
		b.log.Warn("the count of reads of Stripe can't be kept", "reason", err)
	}
	return b.Biller.Now(ctx)
}

// The document that holds the month's reads.
const budgetKind, budgetName = "stripe", "reads"

// takeBudget goes on with the count of an earlier life.
func (b *boundBiller) takeBudget() error {
	value, err := b.store.Document(budgetKind, budgetName)
	if err != nil || value == nil {
		return err
	}
	if json.Unmarshal(value, &b.kept) == nil { // what can't be read counts for nothing
		b.SetBudget(b.kept)
	}
	return nil
}

func (b *boundBiller) keepBudget() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	used := b.Budget()
	if used == b.kept {
		return nil
	}
	value, err := json.Marshal(used)
	if err != nil {
		return err
	}
	if err := b.store.PutDocuments(budgetKind, []agent.Document{{Name: budgetName, Value: value}}); err != nil {
		return err
	}
	b.kept = used
	return nil
}

// bind asks Stripe whose key it is, once it answers, and ties the state to that
// account. A key that may not read its account is let through: the mode is
// checked with every event.
func (b *boundBiller) bind(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bound {
		return nil
	}
	r := b.Start(ctx)
	if err := ctx.Err(); err != nil {
		return err // stopped meanwhile: what was found means nothing
	}
	if !r.Reached || r.Account == "" && !r.AccountHidden {
		return errors.New(worstText(&r))
	}
	if r.Account != "" {
		if err := b.store.Bind(r.Account, r.Live, r.MeterIDs); err != nil {
			return err
		}
	}
	for _, f := range r.Findings {
		switch f.Severity {
		case stripe.Problem:
			b.log.Error(f.Text)
		case stripe.Warning:
			b.log.Warn(f.Text)
		}
	}
	b.bound = true
	return nil
}

func worstText(r *stripe.Report) string {
	for _, f := range r.Findings {
		if f.Severity == r.Worst() {
			return f.Text
		}
	}
	return "no answer"
}
