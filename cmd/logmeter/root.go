package main

import (
	"github.com/spf13/cobra"
)

// options are the flags that every command has.
type options struct {
	*streams
	config string
}

// newRoot returns the command tree.
func newRoot(s *streams) *cobra.Command {
	o := &options{streams: s}
	root := &cobra.Command{
		Use:   "logmeter",
		Short: "Bill for your API from the access log you already write",
		Long: `logmeter tails the access log of nginx or Envoy, counts billable calls per
customer and hour, and reports the hourly usage to Stripe. It needs no change of
the API and sits in nobody's way: it only reads the log.

Start with: logmeter demo        see it work on a sample log, without a set-up
            logmeter check       what the configuration means and whether it works
            logmeter doctor      the same, and whether this machine lets it
            logmeter run         the daemon`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.PersistentFlags().StringVarP(&o.config, "config", "c", "/etc/logmeter/agent.toml", "the configuration `file`")
	root.AddCommand(
		newRun(o), newCheck(o), newDoctor(o), newParse(o), newBacktest(o), newHash(o), newDemo(o), newVersion(o), newMan(root),
		newStatus(o), newUsage(o), newOutbox(o), newAdjust(o), newReconcile(o), newRefused(o), newBackup(o), newRestore(o),
	)
	return root
}
