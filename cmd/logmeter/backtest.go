package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/logmeter/logmeter/agent"
)

// outputs are the forms in which usage can be written.
var outputs = []string{"table", "json", "csv"}

func newBacktest(o *options) *cobra.Command {
	var name, output string
	var near bool
	c := &cobra.Command{
		Use:   "backtest [FILE...]",
		Short: "Count finished logs with the same code, without state or key",
		Long: `Counts finished logs and prints the usage per meter, customer and hour, and
where every line went: lines = billed + not billable + no customer + refused.
It is what run would count, without state and without a Stripe key.
Files may be plain or compressed with gzip; without one, or for -, it reads
standard input.`,
		RunE: func(cmd *cobra.Command, files []string) error {
			if !slices.Contains(outputs, output) {
				return fmt.Errorf("--output %q isn't known; want %s", output, strings.Join(outputs, ", "))
			}
			return o.backtest(cmd.Context(), name, output, near, files)
		},
	}
	c.Flags().StringVar(&name, "source", "", "the `name` of the source whose format the lines have; needed when there are several")
	c.Flags().BoolVar(&near, "near-misses", false, "print the successful calls that are nearly billed ones instead of the usage")
	c.Flags().StringVarP(&output, "output", "o", "table", "how to print the usage: table, json or csv")
	return c
}

func (o *options) backtest(ctx context.Context, name, output string, near bool, files []string) error {
	c, s, meters, err := o.loadSource(name)
	if err != nil {
		return err
	}
	format := c.Format[s.Format].Compiled
	if !format.HasTime() {
		return &failure{exitConfig, fmt.Errorf("%s: format.%s logs no time, so calls can't be put in an hour; add its time, such as $msec or %%START_TIME%%", c.File, s.Format)}
	}
	cs, err := openCustomers(c, nil, false)
	if err != nil {
		return err
	}
	src, err := o.openFiles(s.Name, files)
	if err != nil {
		return err
	}
	defer src.Close()
	stop := o.progress(src.Progress)
	store := agent.NewMemory(c.Instance)
	store.MaxCustomers, store.Known = c.Customers.Max, cs.known()
	log := slog.New(slog.NewTextHandler(o.err, &slog.HandlerOptions{Level: slog.LevelError}))
	var misses *agent.NearMisses
	if near {
		misses = meters.NewNearMisses()
	}
	err = agent.CountNear(ctx, agent.Feed{Source: src, Parser: cs.naming(s).Parser(format.NewParser())}, meters, store, misses, time.Now, log)
	stop()
	if err != nil {
		return failed(err)
	}
	if near {
		return failed(writeNearMisses(o.out, output, misses.Take()))
	}
	return failed(writeUsage(o.out, o.err, output, store))
}

// writeUsage writes what a store without a disk holds.
func writeUsage(out, notes io.Writer, output string, store *agent.Memory) error {
	usage, lines, err := counted(store)
	if err != nil {
		return err
	}
	if r := lines.Remainder(); r != 0 {
		return fmt.Errorf("%d lines are unaccounted for: this is a fault of logmeter, please report it", r)
	}
	switch output {
	case "json":
		return writeUsageJSON(out, usage, lines)
	case "csv":
		if err := writeUsageCSV(out, usage); err != nil {
			return err
		}
		_, err := io.WriteString(notes, accountingText(lines))
		return err
	}
	if err := writeUsageTable(out, usage); err != nil {
		return err
	}
	_, err = io.WriteString(out, "\n"+accountingText(lines))
	return err
}

// usageRow and the object around it are what --output json prints. Their form
// is a promise to whoever pipes it.
type usageRow struct {
	Meter       string  `json:"meter"`
	Customer    *string `json:"customer"`
	CustomerB64 []byte  `json:"customer_b64,omitempty"`
	Window      string  `json:"window"`
	Value       uint64  `json:"value"`
}

func writeUsageJSON(out io.Writer, usage []agent.Usage, lines agent.Accounting) error {
	rows := make([]usageRow, len(usage))
	for i, u := range usage {
		rows[i] = usageRow{Meter: u.Meter, Window: u.Window.String(), Value: u.Total}
		rows[i].Customer, rows[i].CustomerB64 = text([]byte(u.Customer))
	}
	return newJSON(out).Encode(struct {
		Usage      []usageRow     `json:"usage"`
		Accounting accountingJSON `json:"accounting"`
	}{rows, newAccountingJSON(&lines)})
}

// counted returns what the lines came to, sorted by meter, customer and window.
func counted(store *agent.Memory) ([]agent.Usage, agent.Accounting, error) {
	var usage []agent.Usage
	var lines agent.Accounting
	for u, err := range store.Usage(agent.FirstWindow, agent.LastWindow) {
		if err != nil {
			return nil, lines, err
		}
		usage = append(usage, u)
	}
	slices.SortFunc(usage, func(a, b agent.Usage) int {
		return cmp.Or(cmp.Compare(a.Meter, b.Meter), cmp.Compare(a.Customer, b.Customer), cmp.Compare(a.Window, b.Window))
	})
	for l, err := range store.Accounting(agent.FirstWindow, agent.LastWindow) {
		if err != nil {
			return nil, lines, err
		}
		lines.Add(l.Accounting)
	}
	return usage, lines, nil
}

// accountingJSON is where lines went, as JSON says it everywhere.
type accountingJSON struct {
	Lines       uint64            `json:"lines"`
	Billed      uint64            `json:"billed"`
	NotBillable uint64            `json:"not_billable"`
	Rules       map[string]uint64 `json:"not_billable_by,omitempty"`
	NoCustomer  uint64            `json:"no_customer"`
	Refused     uint64            `json:"refused"`
}

func newAccountingJSON(a *agent.Accounting) accountingJSON {
	j := accountingJSON{a.Lines, a.Billed, a.NotBillable(), map[string]uint64{}, a.NoCustomer, a.Refused}
	for r, n := range a.Rules {
		if n > 0 {
			j.Rules[agent.Rule(r).String()] = n
		}
	}
	return j
}

func writeUsageCSV(out io.Writer, usage []agent.Usage) error {
	w := csv.NewWriter(out)
	w.Write([]string{"meter", "customer", "window", "value"})
	for _, u := range usage {
		w.Write([]string{u.Meter, u.Customer, u.Window.String(), strconv.FormatUint(u.Total, 10)})
	}
	w.Flush()
	return w.Error()
}

// writeUsageTable writes usage for people. A customer's name is what a caller
// sent: it is quoted when it could play tricks on a terminal.
func writeUsageTable(out io.Writer, usage []agent.Usage) error {
	if len(usage) == 0 {
		_, err := fmt.Fprintln(out, "no usage: no line feeds a meter and names a customer")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "METER\tCUSTOMER\tHOUR (UTC)\tVALUE")
	for _, u := range usage {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\n", u.Meter, printable(u.Customer), u.Window.Start().Format("2006-01-02 15:04"), u.Total)
	}
	return w.Flush()
}

// ruleTexts says for people why lines aren't billable, by rule.
var ruleTexts = [agent.RuleCount]string{
	agent.RuleSkip:    "set aside by the format",
	agent.RulePath:    "have no meter's path",
	agent.RuleMethod:  "have another method",
	agent.RuleStatus:  "have another status",
	agent.RuleHost:    "have another host",
	agent.RuleField:   "have other fields, or no whole number to add up",
	agent.RuleExclude: "are excluded",
	agent.RuleZero:    "have 0 to add up",
}

func accountingText(a agent.Accounting) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d lines = %d billed + %d not billable + %d no customer + %d refused\n",
		a.Lines, a.Billed, a.NotBillable(), a.NoCustomer, a.Refused)
	for r, n := range a.Rules {
		if n > 0 {
			fmt.Fprintf(&b, "  not billable: %d %s\n", n, ruleTexts[r])
		}
	}
	return b.String()
}

// printable quotes s unless it is plain printable text.
func printable(s string) string {
	if q := strconv.Quote(s); q != `"`+s+`"` {
		return q
	}
	return s
}
