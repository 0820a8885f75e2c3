package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/admin"
	"github.com/logmeter/logmeter/agent/config"
	"github.com/logmeter/logmeter/agent/stripe"
	"github.com/logmeter/logmeter/checkpoint"
)

// maintainEvery is the time between two looks after the database.
const maintainEvery = time.Minute

// startWithin bounds how long the start waits for Stripe. An agent that can't
// reach it counts all the same.
const startWithin = 15 * time.Second

type runFlags struct {
	dryRun, once, newState bool
}

func newRun(o *options) *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run",
		Short: "Count and report: the daemon",
		Long: `Follows every configured log, counts, and reports each hour's usage to Stripe
once the hour is over and settled. It can be killed at any time: it goes on
from what it had committed, and every line counts once.

On SIGHUP it reads its configuration again and goes on with it from where it is;
one that isn't valid is told, and the old one goes on.

With --dry-run each event is printed to standard output as a JSON line instead
of being sent. A dry run keeps its own state, in the folder dry-run of
state_dir: what it printed is still sent by a real run.

With --once it reads every log to its end, seals the hours that are over,
delivers, and exits; 0 if everything went out.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), f) },
	}
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "print each event as a JSON line instead of sending it")
	c.Flags().BoolVar(&f.once, "once", false, "read to the end of the logs, deliver what is closed, and exit")
	c.Flags().BoolVar(&f.newState, "new-state", false, "set the state aside and start afresh from the logs as they are now")
	return c
}

func (o *options) run(ctx context.Context, f runFlags) error {
	c, err := o.load()
	if err != nil {
		return err
	}
	if err := c.CheckRun(); err != nil {
		return &failure{exitConfig, err}
	}
	log := newLog(o.err, os.Getenv)
	for _, w := range c.Warnings() {
		log.Warn(w)
	}
	dir := stateDir(c, f.dryRun)
	if f.newState {
		old, err := checkpoint.SetAside(dir, time.Now())
		if err != nil {
			return failed(err)
		}
		if old != "" {
			log.Warn("the old state was set aside: its unsent usage is not sent from here any more", "folder", old)
		}
	}
	store, err := openState(dir, c, log)
	if err != nil {
		return err
	}
	err = o.runOn(ctx, c, store, f, log)
	return errors.Join(err, failed(store.Close()))
}

// runOn runs the agent on an open state.
func (o *options) runOn(ctx context.Context, c *config.Config, store *checkpoint.Store, f runFlags, log *slog.Logger) error {
	if err := warnLost(store, log); err != nil {
		return err
	}
	sv := newSupervisor(os.Getenv)
	defer sv.close()
	// Ready is before Stripe is asked: what starts after this unit needn't wait
	// for a Stripe that is away.
	sv.tell("READY=1", "STATUS="+statusText(c, f))
	defer sv.tellAtEnd(ctx, "STOPPING=1", "STATUS=stopping: committing what was read")()
	// A signal that comes while the agent starts is kept for its first life.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	first, err := o.setUp(ctx, c, store, f, log)
	if err != nil {
		return err
	}
	feeds, err := openFeeds(c, first.cs, store, time.Now, log)
	if err != nil {
		return err
	}
	a := &agent.Agent{
		Store: store, NothingSent: f.dryRun, Now: time.Now, Log: log,
		Operator: newOperator(store),
	}
	first.take(a, feeds)
	store.Know(first.cs.known)
	show, stop := serve(c, stateDir(c, f.dryRun), store, a, f, log)
	defer stop()
	first.show = show
	v, _ := versions()
	log.Info("logmeter starts", "version", v, "sources", len(feeds), "meters", len(first.meters.Names()), "config", c.File)
	if f.once {
		defer closeFeeds(feeds)
		return once(ctx, a, store, log)
	}
	err = o.lives(ctx, a, first, store, f, hup, log, func(ctx context.Context) error { return runLoops(ctx, a, store, sv) })
	if err == nil {
		log.Info("logmeter stopped; all that was read is committed")
	}
	return failed(err)
}

// warnLost says when the state is behind what it was.
func warnLost(store *checkpoint.Store, log *slog.Logger) error {
	st, err := store.Stats()
	if err != nil {
		return failed(err)
	}
	if st.Lost > 0 {
		log.Warn("the state is behind what it was: it was restored, or a power cut took its end",
			"commits", st.Lost,
			"meaning", "their lines are counted again as far as the logs still have them, and usage that was sent since goes out under the identifiers it had",
			"hint", "if logs were deleted meanwhile, compare the last hours with Stripe")
	}
	return nil
}

// biller returns what delivers, nil when there is no key.
func (o *options) biller(ctx context.Context, c *config.Config, cs *customers, store *checkpoint.Store, f runFlags, log *slog.Logger) (agent.Biller, error) {
	if f.dryRun {
		p, err := stripe.NewPrinter(o.out, cs.options(stripeOptions(c, log, time.Now), nil))
		return p, failed(err)
	}
	if !c.HasKey() {
		log.Warn("there is no Stripe key: usage is counted and kept, and sent once there is one",
			"hint", "set stripe.api_key_file in "+c.File+" or STRIPE_API_KEY")
		return nil, nil
	}
	b, err := stripe.New(cs.options(stripeOptions(c, log, time.Now), store))
	if err != nil {
		return nil, &failure{exitConfig, err}
	}
	bound := &boundBiller{Biller: b, store: store, log: log}
	if err := bound.takeBudget(); err != nil {
		return nil, failed(err)
	}
	first, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	if err := bound.bind(first); errors.Is(err, checkpoint.ErrBound) {
		return nil, failed(err)
	} else if err != nil {
		log.Warn("Stripe can't be asked now; counting starts all the same", "reason", err)
	}
	return bound, nil
}

// once makes one run over the logs and says what became of the usage.
func once(ctx context.Context, a *agent.Agent, store *checkpoint.Store, log *slog.Logger) error {
	d, err := a.RunOnce(ctx)
	log.Info("done", "delivered", d.Accepted, "waiting", d.Waiting, "held", d.Held, "parked", d.Parked)
	if err == nil && d.Parked+d.Held > 0 {
		err = stuck(store)
	}
	return failed(err)
}

// stuck says what is held and parked, and why.
func stuck(store *checkpoint.Store) error {
	outbox, err := admin.Digest(store.Outbox())
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "not all usage could be sent; it stays in the state:")
	for _, r := range outbox.Reasons {
		if r.State != agent.Sealed.String() {
			fmt.Fprintf(&b, "\n  %s", plain(r.Line()))
		}
	}
	b.WriteString("\n  hint: logmeter outbox list shows each entry, logmeter status what to do")
	return errors.New(b.String())
}

// statusText is what systemctl status shows of a running agent.
func statusText(c *config.Config, f runFlags) string {
	logs := "counting " + strconv.Itoa(len(c.Sources())) + " source"
	if len(c.Sources()) != 1 {
		logs += "s"
	}
	switch {
	case f.dryRun:
		return logs + "; a dry run: nothing is sent"
	case !c.HasKey():
		return logs + "; there is no Stripe key: usage is kept"
	case c.Stripe.Live:
		return logs + "; billing with a live key"
	default:
		return logs + "; sending with a test key"
	}
}

// runLoops runs the agent, and meanwhile looks after the database and gives
// the supervisor signs of life, also while a stop drains and sends.
func runLoops(ctx context.Context, a *agent.Agent, store *checkpoint.Store, sv *supervisor) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	alive, dead := context.WithCancel(context.WithoutCancel(ctx))
	defer dead()
	var wg sync.WaitGroup
	var merr error
	wg.Go(func() { sv.watch(alive, a.Progress) })
	wg.Go(func() {
		merr = maintain(ctx, store)
		if merr != nil {
			stop(fmt.Errorf("%w: %w", agent.ErrAbort, merr)) // the database can't be trusted with a drain
		}
	})
	err := a.Run(ctx)
	stop(nil)
	dead()
	wg.Wait()
	return errors.Join(err, merr)
}

// maintain merges tables and forgets what is long over, until ctx ends.
func maintain(ctx context.Context, store *checkpoint.Store) error {
	t := time.NewTicker(maintainEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			if err := store.Maintain(now); err != nil && !errors.Is(err, agent.ErrFull) {
				return err
			}
		}
	}
}
