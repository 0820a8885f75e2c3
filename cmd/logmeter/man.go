package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newMan returns the command that packagers use to write the manual pages.
func newMan(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the manual pages into a folder",
		Args:   cobra.ExactArgs(1),
		Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return failed(err)
			}
			v, _ := versions()
			date := time.Unix(0, 0).UTC() // the same input gives the same bytes
			root.DisableAutoGenTag = true
			return failed(doc.GenManTree(root, &doc.GenManHeader{Title: "LOGMETER", Section: "1", Source: "logmeter " + v, Date: &date}, args[0]))
		},
	}
}
