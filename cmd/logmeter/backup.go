package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/logmeter/logmeter/agent/admin"
	"github.com/logmeter/logmeter/checkpoint"
)

func newBackup(o *options) *cobra.Command {
	var dryRun bool
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a backup of the state, also while the agent runs",
		Long: `Writes all of the state into a new file, or for - to standard output. The agent
goes on counting meanwhile. The file appears only when it is complete.

A state that is restored from it bills nothing twice: what was counted since is
counted again from the logs that are still there, and entries keep the
identifiers by which Stripe knows them.

With customers.secret keep a copy of customer.key in state_dir beside it: the
backup doesn't hold the key, and a state can't be gone on with without its own.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			write := func(out io.Writer) error {
				return o.withBooks(cmd.Context(), bookFlags{dryRun: dryRun}, func(b *admin.Client) error {
					return b.Backup(cmd.Context(), out)
				})
			}
			if args[0] == "-" {
				return write(o.out)
			}
			size, err := newFile(args[0], write)
			if err == nil {
				_, err = fmt.Fprintf(o.out, "%s: %s\n", args[0], sizeText(size))
			}
			return failed(err)
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "back up the state of run --dry-run")
	return c
}

// newFile makes a file of what write writes: durably, and only when it is
// complete. It takes no other file's place.
func newFile(path string, write func(io.Writer) error) (size int64, err error) {
	if _, err := os.Lstat(path); err == nil {
		return 0, fmt.Errorf("%s is there already\n  hint: give each backup a name of its own", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return 0, err
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return 0, err
	}
	if size, err = f.Seek(0, io.SeekEnd); err != nil {
		return 0, err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	return size, os.Rename(f.Name(), path)
}

func newRestore(o *options) *cobra.Command {
	var dryRun bool
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make the state from a backup",
		Long: `Makes the state in state_dir from a backup, or for - from standard input. There
must be no state yet: nothing is replaced. What was counted since the backup is
counted again from the logs, as far as they are still there; what Stripe already
has isn't billed again.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return o.restore(args[0], dryRun) },
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "make the state of run --dry-run")
	return c
}

func (o *options) restore(path string, dryRun bool) error {
	c, err := o.load()
	if err != nil {
		return err
	}
	in := o.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return failed(err)
		}
		defer f.Close()
		in = f
	}
	dir := stateDir(c, dryRun)
	if there, err := checkpoint.Exists(dir); err != nil {
		return failed(err)
	} else if there {
		return failed(fmt.Errorf("there is a state in %s already; a backup takes no state's place\n"+
			"  hint: if that one is of no use any more, move %[1]s away as a whole and keep it", dir))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return failed(err)
	}
	back, err := asOwner(dir)
	if err != nil {
		return failed(err)
	}
	defer back()
	if err := checkpoint.Restore(dir, in); err != nil {
		return failed(err)
	}
	_, err = fmt.Fprintf(o.out, "the state is in %s; logmeter status shows it, logmeter run goes on from it\n", dir)
	return failed(err)
}
