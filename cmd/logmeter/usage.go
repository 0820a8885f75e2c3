package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/logmeter/logmeter/agent/admin"
)

type usageFlags struct {
	bookFlags
	rangeFlags
	meter, customer      string
	unmapped, accounting bool
}

func newUsage(o *options) *cobra.Command {
	var f usageFlags
	c := &cobra.Command{
		Use:   "usage",
		Short: "Show what was counted and what became of it, per hour",
		Long: `Shows for each meter, customer and hour what was counted and how far it has
come: sealed (made into entries for Stripe, once the hour was over), and of the
entries what is sent (Stripe has accepted it), waits to be sent, is held (sent
once Stripe's summaries show that it isn't there) or parked (refused, or no
Stripe customer is known; see logmeter outbox). What people adjusted or wrote
off stands at the end.

    sealed + adjusted = sent + waiting + held + parked + written off

It asks the running agent, or reads the state when none runs. Times are UTC.`,
		Example: `  logmeter usage --from yesterday --to today
  logmeter usage --customer cus_NffrFeUfNV2Hib --from -7d -o csv
  logmeter usage --unmapped --from 2026-11-01    who is counted, but can't be billed
  logmeter usage --accounting                    where every line went`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			span, err := f.windows(time.Now())
			if err != nil {
				return err
			}
			if f.accounting && (f.meter != "" || f.customer != "" || f.unmapped) {
				return errors.New("--accounting is about lines: it can't be had for one meter or customer")
			}
			return o.withBooks(cmd.Context(), f.bookFlags, func(b *admin.Client) error {
				if f.accounting {
					return o.showAccounting(cmd.Context(), b, &f, span)
				}
				return o.showUsage(cmd.Context(), b, &f, span)
			})
		},
	}
	f.bookFlags.add(c)
	f.rangeFlags.add(c, "-24h")
	c.Flags().StringVar(&f.meter, "meter", "", "only the meter with this `name`")
	c.Flags().StringVar(&f.customer, "customer", "", "only this customer, as logged or as Stripe's `id`")
	c.Flags().BoolVar(&f.unmapped, "unmapped", false, "only customers that no Stripe customer stands for")
	c.Flags().BoolVar(&f.accounting, "accounting", false, "where the lines of each source and hour went")
	return c
}

func (o *options) showUsage(ctx context.Context, b *admin.Client, f *usageFlags, span admin.Range) error {
	columns := usageColumns
	if f.unmapped {
		columns = unmappedColumns
	}
	n, err := printRows(o.out, f.output, "usage", columns,
		b.Usage(ctx, admin.UsageQuery{Range: span, Meter: f.meter, Customer: f.customer, Unmapped: f.unmapped}))
	if err == nil && n == 0 && f.output == "table" {
		what := "no usage"
		if f.unmapped {
			what = "every customer with usage can be billed"
		}
		_, err = fmt.Fprintf(o.out, "%s %s\n", what, f.text())
	}
	return err
}

// text says for people which hours the flags pick.
func (f *rangeFlags) text() string {
	switch {
	case f.from != "" && f.to != "":
		return "from " + f.from + " to " + f.to
	case f.from != "":
		return "since " + f.from + "; --from looks further back"
	}
	return "before " + f.to
}

var usageColumns = []column[admin.UsageRow]{
	{name: "HOUR (UTC)", kind: hour, at: func(u *admin.UsageRow) time.Time { return u.Window }},
	{name: "METER", kind: word, text: func(u *admin.UsageRow) string { return u.Meter }},
	{name: "CUSTOMER", kind: word, text: func(u *admin.UsageRow) string { return u.Name() }},
	{name: "COUNTED", kind: number, text: func(u *admin.UsageRow) string { return strconv.FormatUint(u.Counted, 10) }},
	{name: "SEALED", kind: number, text: func(u *admin.UsageRow) string { return strconv.FormatUint(u.Sealed, 10) }},
	{name: "SENT", kind: number, text: func(u *admin.UsageRow) string { return integer(u.Sent) }},
	{name: "WAITING", kind: number, text: func(u *admin.UsageRow) string { return integer(u.Waiting) }},
	{name: "HELD", kind: number, text: func(u *admin.UsageRow) string { return integer(u.Held) }},
	{name: "PARKED", kind: number, text: func(u *admin.UsageRow) string { return integer(u.Parked) }},
	{name: "ADJUSTED", kind: number, text: func(u *admin.UsageRow) string { return integer(u.Adjusted) }},
	{name: "WRITTEN OFF", kind: number, text: func(u *admin.UsageRow) string { return integer(u.WrittenOff) }},
	{name: "STRIPE CUSTOMER", kind: word, text: func(u *admin.UsageRow) string { return u.Account }},
}

var unmappedColumns = []column[admin.UsageRow]{
	usageColumns[0], usageColumns[1], usageColumns[2], usageColumns[3],
	{name: "WHY", kind: prose, text: func(u *admin.UsageRow) string { return u.Unmapped }},
}

func integer(n int64) string { return strconv.FormatInt(n, 10) }

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (o *options) showAccounting(ctx context.Context, b *admin.Client, f *usageFlags, span admin.Range) error {
	var lost remainder
	n, err := printRows(o.out, f.output, "accounting", accountingColumns, lost.watch(b.Accounting(ctx, span)))
	if err == nil && n == 0 && f.output == "table" {
		_, err = fmt.Fprintf(o.out, "no lines %s\n", f.text())
	}
	return errors.Join(err, lost.err())
}

// remainder is the lines that rows don't account for. Those of one row never
// make up for those of another.
type remainder struct {
	lines uint64
	first admin.AccountingRow
}

// watch yields rows as they are.
func (r *remainder) watch(rows iter.Seq2[admin.AccountingRow, error]) iter.Seq2[admin.AccountingRow, error] {
	return func(yield func(admin.AccountingRow, error) bool) {
		for row, err := range rows {
			if row.Remainder != 0 {
				if r.lines == 0 {
					r.first = row
				}
				r.lines += uint64(max(row.Remainder, -row.Remainder))
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// err is nil when every line is accounted for.
func (r *remainder) err() error {
	if r.lines == 0 {
		return nil
	}
	return fmt.Errorf("%d lines are unaccounted for, first of %s in the hour of %s\n  hint: this is a fault of logmeter: please report it",
		r.lines, r.first.Source, r.first.Window.UTC().Format(time.RFC3339))
}

var accountingColumns = append([]column[admin.AccountingRow]{
	{name: "HOUR (UTC)", kind: hour, at: func(a *admin.AccountingRow) time.Time { return a.Window }},
	{name: "SOURCE", kind: word, text: func(a *admin.AccountingRow) string { return a.Source }},
}, lineColumns(func(a *admin.AccountingRow) *admin.Accounting { return &a.Accounting })...)

// lineColumns are the columns of where lines went.
func lineColumns[T any](of func(*T) *admin.Accounting) []column[T] {
	lines := func(name string, get func(*admin.Accounting) uint64) column[T] {
		return column[T]{name: name, kind: number, text: func(row *T) string { return strconv.FormatUint(get(of(row)), 10) }}
	}
	return []column[T]{
		lines("LINES", func(a *admin.Accounting) uint64 { return a.Lines }),
		lines("BILLED", func(a *admin.Accounting) uint64 { return a.Billed }),
		lines("NOT BILLABLE", func(a *admin.Accounting) uint64 { return a.NotBillable }),
		lines("NO CUSTOMER", func(a *admin.Accounting) uint64 { return a.NoCustomer }),
		lines("REFUSED", func(a *admin.Accounting) uint64 { return a.Refused }),
	}
}
