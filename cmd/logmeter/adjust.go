package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/logmeter/logmeter/agent/admin"
)

func newAdjust(o *options) *cobra.Command {
	var f bookFlags
	var reason string
	c := &cobra.Command{
		Use:   "adjust CUSTOMER METER HOUR +N|-N",
		Short: "Add usage to an hour, or take it back",
		Long: `Makes an entry of its own that adds N to what a customer used of a meter in an
hour, or takes N back. CUSTOMER is as the log has it. What was counted stays as it
is; no more can be taken back than was counted and added. Stripe bills a period
that comes to less than nothing as nothing, and never changes an invoice that is
final.`,
		Example: `  logmeter adjust acme credit-score "2026-11-24 12:00" -3 --reason "outage of the 24th"`,
		// -3 and -24h are arguments here and no flags.
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			args, err := numbersApart(cmd, args)
			if errors.Is(err, pflag.ErrHelp) {
				return cmd.Help()
			}
			if err != nil {
				return err
			}
			if err := f.check(); err != nil {
				return err
			}
			hour, err := parseTime(args[2], time.Now())
			if err != nil {
				return fmt.Errorf("HOUR %w", err)
			}
			delta, err := parseDelta(args[3])
			if err != nil {
				return err
			}
			return o.withBooks(cmd.Context(), f, func(b *admin.Client) error {
				e, err := b.Adjust(cmd.Context(), admin.AdjustRequest{Customer: args[0], Meter: args[1], Window: hour, Delta: delta, Reason: reason})
				if err != nil {
					return err
				}
				return o.showDecided([]admin.Entry{*e}, "is sent with the next pass", f.output)
			})
		},
	}
	f.addOne(c)
	c.Flags().StringVar(&reason, "reason", "", "why, for the audit trail")
	if err := c.MarkFlagRequired("reason"); err != nil {
		panic(err) // the flag is there: see above
	}
	return c
}

// numbersApart parses the flags of a command whose arguments may begin with -.
func numbersApart(cmd *cobra.Command, args []string) ([]string, error) {
	stands := map[string]string{} // for an argument that looks like a flag
	shown := slices.Clone(args)
	for i, a := range args {
		_, errDelta := parseDelta(a)
		_, errTime := parseTime(a, time.Now())
		if errDelta == nil || errTime == nil {
			shown[i] = fmt.Sprintf("argument %d", i)
			stands[shown[i]] = a
		}
	}
	cmd.DisableFlagParsing = false
	if err := cmd.ParseFlags(shown); err != nil {
		return nil, err
	}
	if help, _ := cmd.Flags().GetBool("help"); help {
		return nil, pflag.ErrHelp
	}
	rest := slices.Clone(cmd.Flags().Args())
	for i, a := range rest {
		if is, ok := stands[a]; ok {
			rest[i] = is
		}
	}
	if err := cobra.ExactArgs(4)(cmd, rest); err != nil {
		return nil, fmt.Errorf("%w; want CUSTOMER METER HOUR and a number with its sign", err)
	}
	return rest, cmd.ValidateRequiredFlags()
}

// parseDelta reads a number with its sign, so that nobody sets a total by
// mistake.
func parseDelta(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n == 0 || !strings.HasPrefix(s, "+") && !strings.HasPrefix(s, "-") {
		return 0, fmt.Errorf("%q isn't an adjustment; want what to add, with its sign: +3, or -3 to take back", s)
	}
	return n, nil
}
