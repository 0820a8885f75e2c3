package main

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logmeter/logmeter/agent"
)

func newHash(o *options) *cobra.Command {
	var source string
	c := &cobra.Command{
		Use:   "hash",
		Short: "Say under which name a secret customer is kept",
		Long: `Reads logged values from standard input, one a line, and prints the name under
which each is kept when customers.secret is true: a keyed hash. Such names can
stand in [customers.map] and in customers.file in place of the values. Values
aren't taken from the command line, where others could see them.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return o.hash(source) },
	}
	c.Flags().StringVar(&source, "source", "", "the `name` of the source that logs the values, when it has a customer_prefix")
	return c
}

func (o *options) hash(source string) error {
	c, err := o.load()
	if err != nil {
		return err
	}
	key, err := customerKey(c.StateDir, true)
	if err != nil {
		return failed(err)
	}
	n := agent.Naming{Key: key}
	if source != "" {
		s, err := pickSource(c, source)
		if err != nil {
			return err
		}
		n.Prefix = s.CustomerPrefix
	}
	in := bufio.NewScanner(o.in)
	for in.Scan() {
		if value := strings.Trim(in.Text(), " \t\r"); value != "" {
			fmt.Fprintln(o.out, n.Hash(value))
		}
	}
	return failed(in.Err())
}
