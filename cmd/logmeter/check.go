package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logmeter/logmeter/agent/config"
)

type checkFlags struct {
	logFile, source, output string
}

func newCheck(o *options) *cobra.Command {
	var f checkFlags
	c := &cobra.Command{
		Use:   "check",
		Short: "Say what the configuration means and whether it works",
		Long: `Validates the configuration, opens the logs, shows how their last lines parse
and which meters they feed, and asks Stripe about the key, the account and the
meters. It changes nothing. Exit code 0: all is well or only warned of; 1: not.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(f.output); err != nil {
				return err
			}
			return o.check(cmd.Context(), f)
		},
	}
	c.Flags().StringVar(&f.logFile, "log", "", "look at the last lines of this `file` instead of the configured logs")
	c.Flags().StringVar(&f.source, "source", "", "with --log: the `name` of the source whose format the lines have")
	addOutput(c, &f.output)
	return c
}

// addOutput gives a command that prints findings the flag for their form.
func addOutput(c *cobra.Command, output *string) {
	c.Flags().StringVarP(output, "output", "o", "text", "how to print the findings: text or json")
}

func checkOutput(output string) error {
	if !slices.Contains(findingOutputs, output) {
		return fmt.Errorf("--output %q isn't known; want %s", output, strings.Join(findingOutputs, " or "))
	}
	return nil
}

// newChecker returns a checker that writes in the given form.
func (o *options) newChecker(output string) *checker {
	if output == "json" {
		return &checker{}
	}
	return &checker{out: o.out}
}

func (o *options) check(ctx context.Context, f checkFlags) error {
	c, err := o.load()
	if err != nil {
		return &failure{exitFailed, err}
	}
	ch := o.newChecker(f.output)
	sources := c.Sources()
	if f.logFile != "" {
		s, err := pickSource(c, f.source)
		if err != nil {
			return err
		}
		if _, err := os.Stat(f.logFile); err != nil {
			return failed(err)
		}
		s.Path = f.logFile
		sources = []config.Source{s}
	}
	if err := o.checkConfig(ctx, ch, c, sources); err != nil {
		return err
	}
	return ch.end(o.out, "")
}

// checkConfig looks at all that the configuration says, with the given sources.
func (o *options) checkConfig(ctx context.Context, ch *checker, c *config.Config, sources []config.Source) error {
	ch.topic = "configuration"
	if err := c.CheckRun(); err != nil {
		ch.problem("%v", err)
	}
	for _, w := range c.Warnings() {
		ch.warn("%s", w)
	}
	ch.ok("%s: instance %s, state in %s", c.File, c.Instance, c.StateDir)
	meters, err := compileMeters(c)
	if err != nil {
		return &failure{exitFailed, err}
	}
	for _, s := range sources {
		ch.topic = "source " + s.Name
		o.checkSource(ch, c, s, meters)
	}
	ch.topic = "stripe"
	o.checkStripe(ctx, ch, c)
	return nil
}
