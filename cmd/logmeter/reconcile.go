package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/admin"
)

type reconcileFlags struct {
	bookFlags
	rangeFlags
}

func newReconcile(o *options) *cobra.Command {
	var f reconcileFlags
	c := &cobra.Command{
		Use:   "reconcile",
		Short: "Compare the ledger with what Stripe has",
		Long: `Compares, customer by customer, what the ledger says was accepted in each hour
with Stripe's own summaries. Where Stripe has more ("foreign"), somebody else
writes to the meter, or an earlier state of this agent did; where it has less
("dropped"), it took usage and dropped it later, since the meter was archived or
the customer deleted. Nothing is corrected by itself.

It costs one read of Stripe for each customer and meter with usage (see
read_budget). The agent does it once a day by itself, for the two days before.`,
		Example: `  logmeter reconcile --from -7d
  logmeter reconcile --from 2026-11-01 --to 2026-11-30 -o csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			span, err := f.windows(time.Now())
			if err != nil {
				return err
			}
			span.To = min(span.To, agent.WindowOf(time.Now())+1)
			f.asksStripe = true
			return o.withBooks(cmd.Context(), f.bookFlags, func(b *admin.Client) error {
				return o.showReconciled(cmd.Context(), b, &f, span)
			})
		},
	}
	f.bookFlags.add(c)
	f.rangeFlags.add(c, "-48h")
	return c
}

var differenceColumns = []column[admin.Difference]{
	{name: "HOUR (UTC)", kind: hour, at: func(d *admin.Difference) time.Time { return d.Window }},
	{name: "EVENT_NAME", kind: word, text: func(d *admin.Difference) string { return d.EventName }},
	{name: "STRIPE CUSTOMER", kind: word, text: func(d *admin.Difference) string { return d.Account }},
	{name: "KIND", kind: word, text: func(d *admin.Difference) string { return d.Kind }},
	{name: "LEDGER", kind: number, text: func(d *admin.Difference) string { return integer(d.Ours) }},
	{name: "STRIPE", kind: number, text: func(d *admin.Difference) string { return integer(d.Theirs) }},
	{name: "PENDING", kind: number, text: func(d *admin.Difference) string { return integer(d.Pending) }},
}

func (o *options) showReconciled(ctx context.Context, b *admin.Client, f *reconcileFlags, span admin.Range) error {
	var whole *admin.Whole
	progress := func(n admin.Note) {
		if isTerminal(o.err) {
			fmt.Fprintf(o.err, "\r%d of %d customers", n.Done, n.Total)
		}
	}
	rows := differences(b.Reconcile(ctx, span, progress), &whole)
	if _, err := printRows(o.out, f.output, "differences", differenceColumns, rows); err != nil {
		return err
	}
	if whole == nil {
		return errors.New("the answer has no end; is the agent of another version?")
	}
	if whole.Partial != "" {
		return fmt.Errorf("only %d of %d customers were compared: %s", whole.Accounts, whole.Of, whole.Partial)
	}
	if whole.More > 0 {
		fmt.Fprintf(o.err, "and %d more; pick fewer hours to see them\n", whole.More)
	}
	if whole.Differ > 0 {
		return fmt.Errorf("the ledger and Stripe differ in %d hours\n  hint: logmeter usage --customer CUSTOMER shows our side; logmeter adjust sends what was dropped", whole.Differ)
	}
	if f.output == "table" {
		_, err := fmt.Fprintf(o.out, "the ledger and Stripe agree: %d customers, %d hours with usage, from %s to %s\n",
			whole.Accounts, whole.Hours, hourText(whole.From), hourText(whole.To))
		return err
	}
	return nil
}

// differences yields the differences among rows, and keeps the whole.
func differences(rows iter.Seq2[admin.ReconcileRow, error], whole **admin.Whole) iter.Seq2[admin.Difference, error] {
	return func(yield func(admin.Difference, error) bool) {
		for row, err := range rows {
			if row.Whole != nil {
				*whole = row.Whole
			}
			if err == nil && row.Difference == nil {
				continue
			}
			var d admin.Difference
			if row.Difference != nil {
				d = *row.Difference
			}
			if !yield(d, err) {
				return
			}
		}
	}
}
