// Command stripetestd is a fake Stripe as a process, for tests that kill their
// client: what it was sent stays with it.
//
// Beside Stripe's API it answers a test's questions, GET /_test/totals (what
// would be billed), stats, drops and now, and takes its orders: POST
// /_test/advance?d=25h moves its clock, scenario?seed=1 plays some days of
// trouble on it, and the others are listed by GET /_test/.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "stripetestd:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. It prints the API base as its first line.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("stripetestd", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address; port 0 takes a free one")
	faults := flags.Int("faults", 0, "percentage of calls that fail at random")
	seed := flags.Uint64("seed", 1, "seed of the faults")
	key := flags.String("key", stripetest.Key, "the secret key")
	meters := flags.String("meters", "", "event names of sum meters, separated by commas")
	totals := flags.String("totals", "", "file that gets the totals as JSON at the end")
	perSecond := flags.Int("rate", 0, "calls a second before 429; 0: no limit")
	lag := flags.Duration("lag", 0, "how long summaries stay without an event")
	spread := flags.Duration("lag-spread", 0, "how much longer than that, for each event differently")
	processing := flags.Duration("processing", 0, "how long after its acceptance an event may still be dropped")
	limits := flags.Bool("limits", false, "Stripe's own limits of calls a second")
	latency := flags.Duration("latency", 0, "how long an event takes to be applied")
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg := stripetest.Config{
		Key: *key, Live: strings.Contains(*key, "_live_"), PerSecond: *perSecond, Lag: *lag, LagSpread: *spread,
		Processing: *processing, Latency: *latency,
	}
	if *limits {
		cfg = cfg.Limits()
	}
	f := stripetest.NewFake(cfg)
	for name := range strings.SplitSeq(*meters, ",") {
		if name != "" {
			f.AddMeter(stripetest.Meter{EventName: name})
		}
	}
	f.Chaos(*faults, *seed)

	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "http://%s\n", l.Addr())
	// Aborted connections are what the faults are; nobody wants them told.
	srv := &http.Server{Handler: handler(f), ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err = <-served:
		return err
	case <-ctx.Done():
	}
	_ = srv.Close()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	if *totals == "" {
		return nil
	}
	out, err := json.MarshalIndent(f.Totals(), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(*totals, append(out, '\n'), 0o644)
}
