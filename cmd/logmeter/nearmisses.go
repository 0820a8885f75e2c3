package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/logmeter/logmeter/agent"
)

// nearMiss is what backtest --near-misses prints as JSON. Its form is a promise
// to whoever pipes it.
type nearMiss struct {
	Meter      string `json:"meter"`
	Difference string `json:"difference"`
	Calls      uint64 `json:"calls"`
	Customers  int    `json:"customers"`
	Example    string `json:"example"`
}

func writeNearMisses(out io.Writer, output string, misses []agent.NearMiss) error {
	switch output {
	case "json":
		rows := make([]nearMiss, len(misses))
		for i, m := range misses {
			rows[i] = nearMiss{m.Meter, m.Why, m.Lines, m.Customers, m.Example}
		}
		return newJSON(out).Encode(rows)
	case "csv":
		w := csv.NewWriter(out)
		_ = w.Write([]string{"meter", "difference", "calls", "customers", "example"})
		for _, m := range misses {
			_ = w.Write([]string{m.Meter, m.Why, strconv.FormatUint(m.Lines, 10), strconv.Itoa(m.Customers), m.Example})
		}
		w.Flush()
		return w.Error()
	}
	if len(misses) == 0 {
		_, err := fmt.Fprintln(out, "no near misses: no successful call is nearly a billed one")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "METER\tDIFFERENCE\tCALLS\tCUSTOMERS\tEXAMPLE")
	for _, m := range misses {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\n", m.Meter, m.Why, m.Lines, m.Customers, m.Example)
	}
	return w.Flush()
}
