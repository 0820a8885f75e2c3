package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/logmeter/logmeter/agent/admin"
)

// decision is a command by which a person decides about entries.
type decision struct {
	action, short, long string
	done                string // what is said of each entry
}

var decisions = []decision{
	{
		"release", "Send what is parked or held",
		`Sends entries that are parked or held. A parked one is tried again; one that is
too late for its invoice is sent all the same. A held one is sent as soon as
Stripe's summaries show nothing in its own minute. An entry whose identifier
Stripe has is never sent again.`,
		"is sent with the next pass",
	},
	{
		"confirm", "Settle what Stripe has, by your word",
		`Settles entries that were sent and of which you have seen that Stripe has them,
where its summaries can't tell: another agent bills the same customer, or the key
may not read them.`,
		"is settled",
	},
	{
		"write-off", "Give up what is never to be billed",
		`Takes entries out of the outbox for good. They stay in the ledger for 40 days,
as written off.`,
		"is written off",
	},
}

// newDecision returns the command of a decision.
func newDecision(o *options, d decision) *cobra.Command {
	var f bookFlags
	var reason string
	c := &cobra.Command{
		Use:   d.action + " IDENTIFIER…",
		Short: d.short,
		Long: d.long + `

All of the entries are changed or none. Who did it and why is kept in the audit
trail; logmeter outbox show tells it.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return o.withBooks(cmd.Context(), f, func(b *admin.Client) error {
				entries, err := b.Decide(cmd.Context(), d.action, admin.DecideRequest{Entries: args, Reason: reason})
				if err != nil {
					return err
				}
				return o.showDecided(entries, d.done, f.output)
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

func (o *options) showDecided(entries []admin.Entry, done, output string) error {
	if output == "json" {
		return printJSON(o.out, admin.DecideAnswer{Entries: entries})
	}
	for i := range entries {
		e := &entries[i]
		if _, err := fmt.Fprintf(o.out, "%s: %d of %s for %s in %s %s\n", e.Identifier, e.Value, e.Meter, printable(e.Name()), hourText(e.Window), done); err != nil {
			return err
		}
	}
	return nil
}

var verifiedColumns = []column[admin.Verified]{
	{name: "IDENTIFIER", kind: word, text: func(v *admin.Verified) string { return v.Identifier }},
	{name: "STATE", kind: word, text: func(v *admin.Verified) string { return stateText(v.State) }},
	{name: "VALUE", kind: number, text: func(v *admin.Verified) string { return integer(v.Value) }},
	{name: "STRIPE HOUR", kind: number, text: func(v *admin.Verified) string { return integer(v.Hour) }},
	{name: "STRIPE MINUTE", kind: number, text: func(v *admin.Verified) string { return integer(v.Minute) }},
	{name: "LEDGER HOUR", kind: number, text: func(v *admin.Verified) string { return integer(v.Known) }},
	{name: "REASON", kind: prose, text: func(v *admin.Verified) string { return v.Reason }},
}

func newVerify(o *options) *cobra.Command {
	var f bookFlags
	c := &cobra.Command{
		Use:   "verify IDENTIFIER…",
		Short: "Read from Stripe what it has of entries",
		Long: `Reads Stripe's summaries of the hour and of the minute of each entry now, and
shows them beside the ledger. A held entry that is there is settled; nothing is
sent.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			f.asksStripe = true
			return o.withBooks(cmd.Context(), f, func(b *admin.Client) error {
				_, err := printRows(o.out, f.output, "entries", verifiedColumns, b.Verify(cmd.Context(), args))
				return err
			})
		},
	}
	f.add(c)
	return c
}
