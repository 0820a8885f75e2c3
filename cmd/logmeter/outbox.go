package main

import (
	"context"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/logmeter/logmeter/agent/admin"
)

func newOutbox(o *options) *cobra.Command {
	c := &cobra.Command{
		Use:   "outbox",
		Short: "Show the entries on their way to Stripe, and decide what is stuck",
		Long: `Each hour's usage of a customer and meter goes to Stripe as an entry. It stays
in the outbox until Stripe is proven to have it, then in the ledger for 40 days.

An entry is waiting (sent when it is due), held (old, or its outcome unknown: it
is sent once Stripe's summaries show that it isn't there) or parked (refused, or
its customer isn't known to Stripe).`,
		Args: cobra.NoArgs,
	}
	c.AddCommand(newOutboxList(o), newOutboxShow(o), newVerify(o))
	for _, d := range decisions {
		c.AddCommand(newDecision(o, d))
	}
	return c
}

type outboxFlags struct {
	bookFlags
	rangeFlags
	admin.EntryQuery
}

func newOutboxList(o *options) *cobra.Command {
	var f outboxFlags
	c := &cobra.Command{
		Use:   "list",
		Short: "List entries, the oldest hour first",
		Example: `  logmeter outbox list --state parked
  logmeter outbox list --settled --from yesterday    what Stripe has taken`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if err := f.complete(time.Now()); err != nil {
				return err
			}
			return o.withBooks(cmd.Context(), f.bookFlags, func(b *admin.Client) error {
				return o.listEntries(cmd.Context(), b, &f)
			})
		},
	}
	f.bookFlags.add(c)
	f.addPicks(c)
	c.Flags().BoolVar(&f.Settled, "settled", false, "list the ledger: what was accepted or written off; of the past 7 days, or --from")
	return c
}

// addPicks gives a command the flags that pick entries.
func (f *outboxFlags) addPicks(c *cobra.Command) {
	f.rangeFlags.add(c, "")
	c.Flags().StringVar(&f.State, "state", "", "only waiting, held or parked entries; accepted or \"written off\" with --settled")
	c.Flags().StringVar(&f.Meter, "meter", "", "only the meter with this `name`")
	c.Flags().StringVar(&f.Customer, "customer", "", "only this customer, as logged or as Stripe's `id`")
}

// complete turns the flags into a query.
func (f *outboxFlags) complete(now time.Time) (err error) {
	switch f.State {
	case "", "held", "parked", "sealed", "accepted", "written off":
	case "waiting":
		f.State = "sealed"
	default:
		return fmt.Errorf("--state %q isn't known; want waiting, held, parked, accepted or \"written off\"", f.State)
	}
	if f.State == "accepted" || f.State == "written off" {
		f.Settled = true
	}
	if f.Settled && f.from == "" {
		f.from = "-7d"
	}
	f.EntryQuery.Range, err = f.windows(now)
	return err
}

func (o *options) listEntries(ctx context.Context, b *admin.Client, f *outboxFlags) error {
	columns := outboxColumns
	if f.Settled {
		columns = ledgerColumns
	}
	n, err := printRows(o.out, f.output, "entries", columns, b.Entries(ctx, f.EntryQuery))
	if err != nil || n > 0 || f.output != "table" {
		return err
	}
	switch {
	case f.Settled:
		_, err = fmt.Fprintf(o.out, "no such entry in the ledger %s\n", f.text())
	case f.State == "" && f.Meter == "" && f.Customer == "" && f.from == "" && f.to == "":
		_, err = fmt.Fprintln(o.out, "the outbox is empty: all that was sealed is settled")
	default:
		_, err = fmt.Fprintln(o.out, "no such entry in the outbox")
	}
	return err
}

var entryColumns = []column[admin.Entry]{
	{name: "HOUR (UTC)", kind: hour, at: func(e *admin.Entry) time.Time { return e.Window }},
	{name: "METER", kind: word, text: func(e *admin.Entry) string { return e.Meter }},
	{name: "CUSTOMER", kind: word, text: func(e *admin.Entry) string { return e.Name() }},
	{name: "VALUE", kind: number, text: func(e *admin.Entry) string { return integer(e.Value) }},
	{name: "STATE", kind: word, text: func(e *admin.Entry) string { return stateText(e.State) }},
}

var outboxColumns = append(entryColumns[:len(entryColumns):len(entryColumns)], []column[admin.Entry]{
	{name: "ATTEMPTS", kind: number, text: func(e *admin.Entry) string { return strconv.FormatUint(uint64(e.Attempts), 10) }},
	{name: "IDENTIFIER", kind: word, text: func(e *admin.Entry) string { return e.Identifier }},
	{name: "REASON", kind: prose, text: func(e *admin.Entry) string { return e.Reason }},
}...)

var ledgerColumns = append(entryColumns[:len(entryColumns):len(entryColumns)], []column[admin.Entry]{
	{name: "STRIPE CUSTOMER", kind: word, text: func(e *admin.Entry) string { return e.Account }},
	{name: "SETTLED", kind: moment, at: func(e *admin.Entry) time.Time { return e.Settled }},
	{name: "REQUEST", kind: word, text: func(e *admin.Entry) string { return e.RequestID }},
	{name: "IDENTIFIER", kind: word, text: func(e *admin.Entry) string { return e.Identifier }},
}...)

// stateText is a state for people: one that is sealed waits to be sent.
func stateText(state string) string {
	if state == "sealed" {
		return "waiting"
	}
	return state
}

func newOutboxShow(o *options) *cobra.Command {
	var f bookFlags
	c := &cobra.Command{
		Use:   "show IDENTIFIER",
		Short: "Show all that is known of one entry",
		Long: `Shows all that is known of one entry of the outbox or the ledger. Instead of
the whole identifier, 8 or more characters of its beginning will do when no other
entry begins so.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return o.withBooks(cmd.Context(), f, func(b *admin.Client) error {
				e, err := b.Entry(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return o.showEntry(e, f.output)
			})
		},
	}
	f.addOne(c)
	return c
}

func (o *options) showEntry(e *admin.EntryDetails, output string) error {
	if output == "json" {
		return printJSON(o.out, e)
	}
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" && value != "-" {
			fmt.Fprintf(w, "%s\t%s\n", name, plain(value))
		}
	}
	line("identifier", e.Identifier)
	line("state", stateText(e.State))
	line("reason", e.Reason)
	line("customer", printable(e.Name()))
	line("meter", e.Meter)
	line("hour (UTC)", hourText(e.Window))
	line("value", integer(e.Value))
	if e.Adjustment {
		line("adjustment", dash(e.Note))
	}
	line("stripe customer", e.Account)
	line("event_name", e.EventName)
	line("timestamp told", timeText(e.Timestamp))
	line("attempts", strconv.FormatUint(uint64(e.Attempts), 10))
	line("first attempt", timeText(e.FirstAttempt))
	line("last attempt", timeText(e.LastAttempt))
	line("next try", timeText(e.NotBefore))
	if e.Unknown {
		line("outcome", "unknown: an attempt ended without an answer that tells")
	}
	if e.Duplicate {
		line("duplicate", "Stripe refused the identifier as one that it has")
	}
	if e.Released {
		line("released", "by a person: it is sent whatever its age")
	}
	line("absent since", timeText(e.AbsentSince))
	line("settled", timeText(e.Settled))
	line("request", e.RequestID)
	line("Stripe takes it until", timeText(e.Deadline))
	for _, d := range e.Decisions {
		line(timeText(d.At), d.By+": "+d.Action+": "+d.Reason)
	}
	return w.Flush()
}
