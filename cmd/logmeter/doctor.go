package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/logmeter/logmeter/agent/config"
	"github.com/logmeter/logmeter/agent/host"
	"github.com/logmeter/logmeter/checkpoint"
)

// nginxConf is where nginx's configuration is on most machines.
const nginxConf = "/etc/nginx/nginx.conf"

func newDoctor(o *options) *cobra.Command {
	var f checkFlags
	var customer string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what keeps usage from being counted and sent on this machine",
		Long: `Does all that check does, reads ` + nginxConf + ` if it is there, and
looks at the machine: whether a logmeter runs on the state, whether the service
starts at boot, the clock, and the limit of open files. It changes nothing.

With --live-test it also sends one event of value 1 for a test customer to the
first meter, sends it again under the same identifier, which Stripe must refuse,
waits until the event summaries show it, and cancels it. It needs a test key.

Run it as root, or as the daemon's user: what it can't see it can't judge.
Exit code 0: all is well or only warned of; 1: not.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(f.output); err != nil {
				return err
			}
			c, err := o.load()
			if err != nil {
				return &failure{exitFailed, err}
			}
			if _, err := os.Stat(nginxConf); err == nil && f.nginx == "" && followsNginx(c) {
				f.nginx = nginxConf
			}
			more := func(ch *checker, c *config.Config) {
				checkService(ch, c)
				if customer != "" {
					o.liveTest(cmd.Context(), ch, c, customer)
				}
			}
			return o.checkAll(cmd.Context(), o.newChecker(f.output), c, c.Sources(), f, more)
		},
	}
	addHost(c, &f)
	c.Flags().StringVar(&customer, "live-test", "", "prove with this test `customer`, cus_…, that Stripe takes an event once")
	return c
}

// followsNginx reports whether a source is a log that nginx writes itself.
func followsNginx(c *config.Config) bool {
	for _, s := range c.Sources() {
		if spec := c.Format[s.Format].Spec; spec.Nginx != "" && spec.Wrap == "" {
			return true
		}
	}
	return false
}

// checkService looks at the daemon and what it needs of the machine.
func checkService(ch *checker, c *config.Config) {
	ch.topic = "service"
	pid, err := checkpoint.Holder(c.StateDir)
	switch {
	case err != nil:
		ch.warn("%v\nhint: run doctor as root, or as the daemon's user", err)
	case pid == 0:
		ch.warn("no logmeter runs on %s: nothing is counted now\nhint: systemctl start logmeter, or logmeter run; what nginx logs meanwhile is counted then, as long as it isn't removed", c.StateDir)
	default:
		ch.ok("logmeter runs, as process %d", pid)
	}
	ch.add(host.Service(serviceAccount)...)
	logs := 0
	for _, s := range c.Sources() {
		found, _ := filepath.Glob(s.Path)
		logs += max(1, len(found))
	}
	ch.add(host.OpenFiles(pid, logs)...)
	ch.add(host.Clock()...)
}
