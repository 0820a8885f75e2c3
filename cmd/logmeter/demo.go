package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/config"
	"github.com/logmeter/logmeter/agent/source"
	"github.com/logmeter/logmeter/agent/stripe"
)

// The sample: a few hours of a credit-score API, with what real logs have in
// them (failed calls, health checks, calls without a customer, a user name
// with a bracket, a line cut off by a full disk).
var (
	//go:embed demo/access.log
	demoLog []byte
	//go:embed demo/agent.toml
	demoConfig []byte
)

// demoNow is when the sample is read: after its last hour was settled.
var demoNow = time.Date(2026, 11, 24, 11, 30, 0, 0, time.UTC)

func newDemo(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show the whole way from a sample log to the events, without a set-up",
		Long: `Reads a sample access log with the daemon's own code: follows it, counts, keeps
the state in a temporary folder, seals the hours, and prints the events that it
would send to Stripe. Nothing leaves the machine.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return failed(o.demo(cmd.Context()))
		},
	}
}

func (o *options) demo(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "logmeter-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for name, text := range map[string][]byte{"agent.toml": demoConfig, "access.log": demoLog} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	noEnv := func(string) string { return "" }
	c, err := config.Parse(filepath.Join(dir, "agent.toml"), demoConfig, noEnv)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.out, "The configuration:\n\n%s\n", demoConfig)
	if err := o.demoUsage(ctx, c); err != nil {
		return err
	}
	return o.demoEvents(ctx, c)
}

// demoUsage counts the sample as backtest does.
func (o *options) demoUsage(ctx context.Context, c *config.Config) error {
	meters, err := compileMeters(c)
	if err != nil {
		return err
	}
	s := c.Sources()[0]
	src, err := source.OpenFiles(s.Name, []string{s.Path}, nil)
	if err != nil {
		return err
	}
	defer src.Close()
	store := agent.NewMemory(c.Instance)
	if err := agent.Count(ctx, agent.Feed{Source: src, Parser: c.Format[s.Format].Compiled.NewParser()}, meters, store, time.Now, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	fmt.Fprintf(o.out, "The usage in the sample log:\n\n")
	return writeUsage(o.out, io.Discard, "table", store)
}

// demoEvents runs the agent once over the sample, as a dry run.
func (o *options) demoEvents(ctx context.Context, c *config.Config) error {
	log := slog.New(slog.DiscardHandler)
	begin := time.Now()
	now := func() time.Time { return demoNow.Add(time.Since(begin)) }
	store, err := openState(c.StateDir, c, log)
	if err != nil {
		return err
	}
	defer store.Close()
	meters, err := compileMeters(c)
	if err != nil {
		return err
	}
	feeds, err := openFeeds(c, &customers{}, store, now, log)
	if err != nil {
		return err
	}
	defer closeFeeds(feeds)
	printer, err := stripe.NewPrinter(o.out, stripeOptions(c, log, now))
	if err != nil {
		return err
	}
	fmt.Fprintf(o.out, "\nThe events for Stripe, one for each customer and hour:\n\n")
	a := &agent.Agent{
		Feeds: feeds, Meters: meters, Store: store, Biller: printer, NothingSent: true,
		Settle: c.Report.Settle, Now: now, Log: log,
	}
	_, err = a.RunOnce(ctx)
	return err
}
