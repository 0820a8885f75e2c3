package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/admin"
	"github.com/logmeter/logmeter/agent/config"
	"github.com/logmeter/logmeter/checkpoint"
)

func newRefused(o *options) *cobra.Command {
	c := &cobra.Command{
		Use:   "refused",
		Short: "Show the lines that couldn't be read, and count them once they can",
		Long: `A line that doesn't have its source's format isn't billed. It is accounted for
and kept, the latest 10,000 of them, with its place and the reason. Mend the
format in agent.toml, and replay them: those that can be read then are counted,
each once.`,
		Args: cobra.NoArgs,
	}
	c.AddCommand(newRefusedList(o), newRefusedShow(o), newRefusedReplay(o))
	return c
}

var refusedColumns = []column[admin.Refused]{
	{name: "ID", kind: number, text: func(r *admin.Refused) string { return strconv.FormatUint(r.ID, 10) }},
	{name: "READ (UTC)", kind: moment, at: func(r *admin.Refused) time.Time { return r.At }},
	{name: "SOURCE", kind: word, text: func(r *admin.Refused) string { return r.Source }},
	{name: "REASON", kind: word, text: func(r *admin.Refused) string { return r.Reason }},
	{name: "OFFSET", kind: number, text: func(r *admin.Refused) string { return integer(r.Offset) }},
	{name: "PATH", kind: word, text: func(r *admin.Refused) string { return r.Path }},
	{name: "LINE", kind: prose, text: func(r *admin.Refused) string { return shorten(r.Bytes()) }},
}

func newRefusedList(o *options) *cobra.Command {
	var f bookFlags
	var source string
	c := &cobra.Command{
		Use:   "list",
		Short: "List the refused lines that are kept, the oldest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return o.withBooks(cmd.Context(), f, func(b *admin.Client) error {
				n, err := printRows(o.out, f.output, "refused", refusedColumns, b.Refused(cmd.Context(), source))
				if err == nil && n == 0 && f.output == "table" {
					_, err = fmt.Fprintln(o.out, "no refused line is kept")
				}
				return err
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&source, "source", "", "only those of the source with this `name`")
	return c
}

func newRefusedShow(o *options) *cobra.Command {
	var f bookFlags
	c := &cobra.Command{
		Use:   "show ID…",
		Short: "Print refused lines as they were read",
		Long: `Prints refused lines to standard output, byte by byte as they were read, as
logmeter parse takes them:

  logmeter refused show 17 | logmeter parse --source edge`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := refusedIDs(args)
			if err != nil {
				return err
			}
			return o.withBooks(cmd.Context(), f, func(b *admin.Client) error {
				return o.showRefused(cmd.Context(), b, ids)
			})
		},
	}
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "look at the state of run --dry-run")
	return c
}

func refusedIDs(args []string) ([]uint64, error) {
	ids := make([]uint64, len(args))
	for i, a := range args {
		var err error
		if ids[i], err = strconv.ParseUint(a, 10, 64); err != nil {
			return nil, fmt.Errorf("%q is no ID of a refused line; want a number, as logmeter refused list shows it", a)
		}
	}
	return ids, nil
}

func (o *options) showRefused(ctx context.Context, b *admin.Client, ids []uint64) error {
	left := slices.Clone(ids)
	for r, err := range b.Refused(ctx, "") {
		if err != nil {
			return err
		}
		i := slices.Index(left, r.ID)
		if i < 0 {
			continue
		}
		left = slices.Delete(left, i, i+1)
		line := r.Bytes()
		if len(line) == 0 && r.Size > 0 {
			return fmt.Errorf("refused line %d isn't kept, since its source's customers are secret; it is at offset %d of %s", r.ID, r.Offset, r.Path)
		}
		if len(line) < r.Size {
			fmt.Fprintf(o.err, "line %d has %d bytes; these are its first %d\n", r.ID, r.Size, len(line))
		}
		if _, err := o.out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("refused line %d isn't kept (any more); logmeter refused list shows those that are", left[0])
	}
	return nil
}

func newRefusedReplay(o *options) *cobra.Command {
	var f bookFlags
	var source string
	c := &cobra.Command{
		Use:   "replay [ID…]",
		Short: "Read refused lines again, and count those that can be read now",
		Long: `Reads the refused lines of a source again, all of them or those with the given
IDs, by the format and the meters that agent.toml has now. A line that can be
read is counted once, in the hour of its own time, and isn't kept any more;
one that can't stays. Check the mended format before:

  logmeter refused show 17 | logmeter parse --source edge`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			ids, err := refusedIDs(args)
			if err != nil {
				return err
			}
			c, err := o.load()
			if err != nil {
				return err
			}
			s, err := pickSource(c, source)
			if err != nil {
				return err
			}
			return o.withBooks(cmd.Context(), f, func(b *admin.Client) error {
				a, err := b.Replay(cmd.Context(), admin.ReplayRequest{Source: s.Name, IDs: ids})
				if err != nil {
					return err
				}
				return showReplayed(o.out, a, f.output)
			})
		},
	}
	f.addOne(c)
	c.Flags().StringVar(&source, "source", "", "the `name` of the source that the lines are of")
	return c
}

func showReplayed(out io.Writer, a *admin.ReplayAnswer, output string) error {
	if output == "json" {
		return printJSON(out, a)
	}
	_, err := fmt.Fprintf(out, "%d lines can be read now: %d billed, %d not billable or without a customer\n%d are still refused, %d aren't kept whole\n",
		a.Lines, a.Billed, a.Lines-a.Billed, a.Refused, a.Cut)
	return err
}

// replay reads refused lines again by the configuration in a file as it is now.
func replay(file string, store *checkpoint.Store, source string, ids []uint64) (agent.Replayed, error) {
	c, err := config.Load(file)
	if err != nil {
		return agent.Replayed{}, err
	}
	s, err := pickSource(c, source)
	if err != nil {
		return agent.Replayed{}, err
	}
	meters, err := compileMeters(c)
	if err != nil {
		return agent.Replayed{}, err
	}
	cs, err := openCustomers(c, slog.New(slog.DiscardHandler), false)
	if err != nil {
		return agent.Replayed{}, err
	}
	if err := cs.bind(store); err != nil {
		return agent.Replayed{}, err
	}
	parser := cs.naming(s).Parser(c.Format[s.Format].Compiled.NewParser())
	return agent.Replay(s.Name, ids, parser, meters, store, store)
}
