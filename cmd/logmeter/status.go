package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/logmeter/logmeter/agent/admin"
)

func newStatus(o *options) *cobra.Command {
	var f bookFlags
	c := &cobra.Command{
		Use:   "status",
		Short: "Say whether it counts, whether it sends, and what needs you",
		Long: `Says whether the agent counts, whether it sends, and what needs a person; then
how each source, the delivery and the state stand. When no agent runs it says
what the state holds. Exit code 0, also when something needs you; --output json
is for programs.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return o.withBooks(cmd.Context(), f, func(b *admin.Client) error {
				st, err := b.Status(cmd.Context())
				if err != nil {
					return err
				}
				if f.output == "json" {
					return printJSON(o.out, st)
				}
				return writeStatus(o.out, st)
			})
		},
	}
	f.addOne(c)
	return c
}

// writeStatus writes a status for people: the answers first, then the reasons.
func writeStatus(out io.Writer, st *admin.Status) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if st.Running {
		fmt.Fprintf(w, "%s runs since %s (logmeter %s)\n\n", st.Instance, timeText(st.Started), st.Version)
	} else {
		fmt.Fprintf(w, "%s doesn't run; this is what its state holds\n\n", st.Instance)
	}
	fmt.Fprintf(w, "counting\t%s\n", plain(st.Counting()))
	fmt.Fprintf(w, "sending\t%s\n", plain(st.SendingText()))
	fmt.Fprintf(w, "needs you\t%s\n", needsText(st.Needs))
	if err := w.Flush(); err != nil {
		return err
	}
	for _, n := range st.Needs {
		fmt.Fprintf(out, "\n%s: %s: %s\n", n.Severity, n.Topic, plain(n.Text))
		if n.Hint != "" {
			fmt.Fprintf(out, "  hint: %s\n", n.Hint)
		}
	}
	fmt.Fprintln(out)
	if _, err := printRows(out, "table", "", sourceColumns(st), values(st.Sources)); err != nil {
		return err
	}
	fmt.Fprintln(out)
	fmt.Fprintf(w, "outbox\t%s\n", outboxText(&st.Outbox))
	fmt.Fprintf(w, "last accepted\t%s\n", timeText(st.Delivery.LastAccepted))
	account := "not bound to a Stripe account yet"
	if st.State.Account != "" {
		account = "bound to Stripe account " + st.State.Account
	}
	fmt.Fprintf(w, "state\t%s: %s, %s free; %s\n", st.State.Dir, sizeText(st.State.DiskBytes), sizeText(st.State.FreeBytes), account)
	return w.Flush()
}

func needsText(needs []admin.Need) string {
	problems := 0
	for _, n := range needs {
		if n.Severity == admin.Problem {
			problems++
		}
	}
	switch warnings := len(needs) - problems; {
	case len(needs) == 0:
		return "nothing"
	case problems == 0:
		return numbered(warnings, "warning", "warnings")
	case warnings == 0:
		return numbered(problems, "problem", "problems")
	default:
		return numbered(problems, "problem", "problems") + ", " + numbered(warnings, "warning", "warnings")
	}
}

// outboxText is the outbox in a line.
func outboxText(b *admin.Outbox) string {
	if b.Entries() == 0 {
		return "empty"
	}
	var parts []string
	for _, p := range []struct {
		name string
		admin.Pile
	}{{"waiting", b.Sealed}, {"held", b.Held}, {"parked", b.Parked}} {
		if p.Entries > 0 {
			parts = append(parts, fmt.Sprintf("%d %s (%s)", p.Entries, p.name, numbered(int(p.Units), "unit", "units")))
		}
	}
	return strings.Join(parts, ", ") + "; the oldest is of " + hourText(b.Oldest)
}

// sourceColumns shows sources, of an agent that doesn't run without what only
// a running one knows.
func sourceColumns(st *admin.Status) []column[admin.Source] {
	columns := []column[admin.Source]{
		{name: "SOURCE", kind: word, text: func(s *admin.Source) string { return s.Name }},
		{name: "LAST HOUR (UTC)", kind: hour, at: func(s *admin.Source) time.Time { return s.LastHour }},
	}
	if st.Running {
		columns = []column[admin.Source]{
			columns[0],
			{name: "BEHIND", kind: number, text: func(s *admin.Source) string { return sizeText(s.Behind) }},
			{name: "READ TO ITS END", kind: word, text: func(s *admin.Source) string { return agoText(s.ReadTo, st.At) }},
			{name: "LAST LINE (UTC)", kind: moment, at: func(s *admin.Source) time.Time { return s.LastLine }},
		}
	}
	lines := lineColumns(func(s *admin.Source) *admin.Accounting { return &s.Day })
	lines[0].name = "LINES (24 H)"
	columns = append(columns, lines...)
	return append(columns, column[admin.Source]{name: "PATH", kind: word, text: func(s *admin.Source) string { return s.Path }})
}

// values yields the values of a list.
func values[T any](list []T) func(func(T, error) bool) {
	return func(yield func(T, error) bool) {
		for _, x := range list {
			if !yield(x, nil) {
				return
			}
		}
	}
}

// agoText says how long ago something was.
func agoText(t, now time.Time) string {
	if t.IsZero() {
		return "not yet"
	}
	switch d := now.Sub(t); {
	case d < 2*time.Second:
		return "now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	}
	return timeText(t)
}

func numbered(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// sizeText is a number of bytes for people.
func sizeText(n int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.size), u.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}
