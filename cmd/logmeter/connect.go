package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/logmeter/logmeter/agent/admin"
	"github.com/logmeter/logmeter/agent/config"
	"github.com/logmeter/logmeter/checkpoint"
)

// lockPatience is how long a command waits for a state that another one has
// open, or that an agent is just opening or closing.
const lockPatience = 3 * time.Second

// bookFlags are the flags of the commands about the books.
type bookFlags struct {
	dryRun bool
	// asksStripe: the command reads from Stripe, so a state that is opened for
	// it needs the key.
	asksStripe bool
	output     string
	forms      []string // that output can have
}

// add gives a command that prints rows the flags.
func (f *bookFlags) add(c *cobra.Command) { f.addForms(c, outputs) }

// addOne gives a command that shows one thing the flags.
func (f *bookFlags) addOne(c *cobra.Command) { f.addForms(c, []string{"text", "json"}) }

func (f *bookFlags) addForms(c *cobra.Command, forms []string) {
	f.forms = forms
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "look at the state of run --dry-run")
	c.Flags().StringVarP(&f.output, "output", "o", forms[0], "how to print it: "+strings.Join(forms, ", "))
}

// check looks at the values of the flags.
func (f *bookFlags) check() error {
	if !slices.Contains(f.forms, f.output) {
		return fmt.Errorf("--output %q isn't known; want %s", f.output, strings.Join(f.forms, ", "))
	}
	return nil
}

// withBooks calls do with a client of whoever has the state open: the running
// agent, or else this process.
func (o *options) withBooks(ctx context.Context, f bookFlags, do func(*admin.Client) error) error {
	c, err := o.load()
	if err != nil {
		return err
	}
	dir, by := stateDir(c, f.dryRun), o.user()
	for deadline := time.Now().Add(lockPatience); ; {
		if err := admin.Reach(ctx, dir); err == nil {
			client := admin.Dial(dir)
			defer client.Close()
			return failed(do(client))
		} else if errors.Is(err, fs.ErrPermission) {
			return failed(fmt.Errorf("the state in %s is not open to %s\n  hint: run the command as the user that the agent runs as, or as root", dir, by))
		}
		err := o.withClosed(ctx, c, dir, f, func(h http.Handler) error { return do(admin.Direct(h, by)) })
		if !errors.Is(err, checkpoint.ErrLocked) {
			return failed(err)
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return failed(&busy{err, filepath.Join(dir, admin.SocketName)})
		}
		wait(ctx, 50*time.Millisecond)
	}
}

// withClosed opens a state that no agent runs on, and calls do with a handler
// of it. It doesn't make a state.
func (o *options) withClosed(ctx context.Context, c *config.Config, dir string, f bookFlags, do func(http.Handler) error) (err error) {
	there, err := checkpoint.Exists(dir)
	if err != nil {
		return err
	}
	if !there {
		return fmt.Errorf("there is no state in %s yet\n  hint: logmeter run makes it; state_dir in %s says where", dir, c.File)
	}
	back, err := asOwner(dir)
	if err != nil {
		return err
	}
	defer back()
	log := slog.New(slog.NewTextHandler(o.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	store, err := checkpoint.Open(checkpoint.Options{Dir: dir, Instance: c.Instance, Live: c.Stripe.Live, Log: log, MaxCustomers: c.Customers.Max})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	opts, err := adminOptions(c, dir, store, f.dryRun)
	if err != nil {
		return err
	}
	opts.Operator = newOperator(store)
	if f.asksStripe && !f.dryRun {
		cs, err := openCustomers(c, log, false)
		if err != nil {
			return err
		}
		biller, err := o.biller(ctx, c, cs, store, runFlags{}, log)
		if err != nil {
			return err
		}
		opts.Operator.Use(biller)
	}
	return do(admin.New(opts).Local())
}

// busy is a state that another process has open which takes no commands.
type busy struct {
	error
	socket string
}

func (b *busy) Unwrap() error { return b.error }

func (b *busy) Error() string {
	text, _, _ := strings.Cut(b.error.Error(), "\n")
	return text + "\n  hint: that process doesn't answer on " + b.socket + ": it is starting or stopping, or is another command; try again"
}

// asOwner makes a process of root act as the owner of a directory until back is
// called: a file that root made in a state would keep the agent from opening
// it.
func asOwner(dir string) (back func(), err error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || st.Uid == 0 {
		return func() {}, nil
	}
	group := os.Getegid()
	back = func() { _, _ = syscall.Setreuid(-1, 0), syscall.Setregid(-1, group) }
	if err := errors.Join(syscall.Setregid(-1, int(st.Gid)), syscall.Setreuid(-1, int(st.Uid))); err != nil {
		back()
		return nil, fmt.Errorf("work on %s as its owner: %w", dir, err)
	}
	return back, nil
}

// stateDir returns where the state is. That of a dry run is its own.
func stateDir(c *config.Config, dryRun bool) string {
	if dryRun {
		return filepath.Join(c.StateDir, "dry-run")
	}
	return c.StateDir
}

// user returns who calls the command, for the audit trail.
func (o *options) user() string { return admin.UserName(os.Getuid(), os.Getenv("SUDO_USER")) }

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
