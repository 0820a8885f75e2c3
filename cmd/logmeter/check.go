package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/config"
	"github.com/logmeter/logmeter/agent/host"
)

type checkFlags struct {
	logFile, source, output  string
	nginx, prefix, logrotate string
}

func newCheck(o *options) *cobra.Command {
	var f checkFlags
	c := &cobra.Command{
		Use:   "check",
		Short: "Say what the configuration means and whether it works",
		Long: `Validates the configuration, opens the logs, shows how their last lines parse
and which meters they feed, looks at how the logs are rotated, who may read them
and what they lie on, and asks Stripe about the key, the account and the meters.
It changes nothing. Exit code 0: all is well or only warned of; 1: not.

With --nginx it reads nginx's configuration too, and says which source follows
which access_log, whether the formats are the same, and which calls nginx logs
not at all or late. For an access_log that no source follows it prints the
tables to paste. Without a configuration it prints a whole one, and what it
found on standard error:

    logmeter check --nginx /etc/nginx/nginx.conf >agent.toml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(f.output); err != nil {
				return err
			}
			return o.check(cmd.Context(), f)
		},
	}
	c.Flags().StringVar(&f.logFile, "log", "", "look at the last lines of this `file` instead of the configured logs, and explain what each meter makes of them")
	c.Flags().StringVar(&f.source, "source", "", "with --log: the `name` of the source whose format the lines have")
	addHost(c, &f)
	return c
}

// addHost adds the flags of a command that looks at the host.
func addHost(c *cobra.Command, f *checkFlags) {
	c.Flags().StringVar(&f.nginx, "nginx", "", "compare with this configuration of nginx, a `file` such as /etc/nginx/nginx.conf")
	c.Flags().StringVar(&f.prefix, "nginx-prefix", "", "the `folder` in which relative paths of nginx's logs begin; default: the installed nginx's, else the configuration's")
	c.Flags().StringVar(&f.logrotate, "logrotate", host.LogrotateConf, "logrotate's configuration, a `file`")
	c.Flags().StringVarP(&f.output, "output", "o", "text", "how to print the findings: text or json")
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
	if f.nginx != "" && o.noConfig() {
		return o.startFrom(f)
	}
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
		ch.explain = true
		sources = []config.Source{s}
	}
	return o.checkAll(ctx, ch, c, sources, f)
}

// checkAll looks at the configuration with the given sources, and at what is
// around it. more are looked at too, before Stripe is asked.
func (o *options) checkAll(ctx context.Context, ch *checker, c *config.Config, sources []config.Source, f checkFlags, more ...func(*checker, *config.Config)) error {
	var n *host.Nginx
	if f.nginx != "" {
		var err error
		if n, err = host.ReadNginx(f.nginx, host.NginxOptions{Prefix: f.prefix}); err != nil {
			return failed(err)
		}
	}
	if err := o.checkConfig(ch, c, sources); err != nil {
		return err
	}
	paste := ""
	if n != nil {
		paste = checkNginx(ch, c, n)
	}
	if f.logFile == "" {
		checkHost(ch, c, sources, f.logrotate, n)
	}
	for _, look := range more {
		look(ch, c)
	}
	ch.topic = "stripe"
	o.checkStripe(ctx, ch, c)
	return ch.end(o.out, paste)
}

// noConfig reports whether there is no configuration yet. An empty file is none:
// a shell makes it before the command that is to fill it runs.
func (o *options) noConfig() bool {
	info, err := os.Stat(o.config)
	return errors.Is(err, os.ErrNotExist) || err == nil && info.Mode().IsRegular() && info.Size() == 0
}

// startFrom prints a configuration for the logs of nginx.
func (o *options) startFrom(f checkFlags) error {
	n, err := host.ReadNginx(f.nginx, host.NginxOptions{Prefix: f.prefix})
	if err != nil {
		return failed(err)
	}
	ch := o.newChecker(f.output)
	if ch.out != nil {
		ch.out = o.err // standard output is the configuration alone
	}
	ch.topic = "nginx"
	ch.add(n.Findings()...)
	text := startConfig(n, startLogs(n))
	if c := ch.proven(o.config, text); c != nil {
		ch.configProblems(c.CheckRun())
	}
	if ch.out == nil {
		return ch.end(o.out, text)
	}
	if _, err := io.WriteString(o.out, text); err != nil {
		return failed(err)
	}
	return ch.end(o.out, "")
}

// checkConfig looks at what the configuration says, and at the lines of the
// given sources.
func (o *options) checkConfig(ch *checker, c *config.Config, sources []config.Source) error {
	ch.topic = "configuration"
	ch.configProblems(c.CheckRun())
	for _, w := range c.Warnings() {
		ch.configProblem(agent.Warning, w)
	}
	if _, err := openCustomers(c, nil, false); err != nil {
		ch.problem("%v", err)
	} else if c.Customers.File != "" {
		ch.ok("customers.file: %s can be read", c.Customers.File)
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
	return nil
}
