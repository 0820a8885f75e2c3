package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/logmeter/logmeter/agent/admin"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"logmeter": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// TestScripts runs the command as a user does: each script in testdata/script
// is a set-up, calls, and what they print.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("LOGMETER_INSTANCE", "test")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"lines":  scriptLines,
			"expand": scriptExpand,
			"await":  scriptAwait,
		},
	})
}

// scriptLines appends calls to a log: lines FILE HOURS-AGO CUSTOMER COUNT.
func scriptLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: lines file hours-ago customer count")
	}
	var ago, n int
	if _, err := fmt.Sscan(args[1]+" "+args[3], &ago, &n); err != nil {
		ts.Fatalf("lines: %v", err)
	}
	at := time.Now().UTC().Add(-time.Duration(ago) * time.Hour)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	ts.Check(err)
	defer f.Close()
	for range n {
		fmt.Fprintf(f, "10.0.0.1 - - [%s] \"GET /RetrieveCreditScore HTTP/1.1\" 200 5 \"-\" \"curl\" \"%s\"\n",
			at.Format("02/Jan/2006:15:04:05 +0000"), args[2])
	}
}

// scriptExpand puts the folder of the script in the place of $WORK in a file,
// which it makes one that only its owner may write: expand FILE.
func scriptExpand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: expand file")
	}
	path := ts.MkAbs(args[0])
	text := strings.ReplaceAll(ts.ReadFile(path), "$WORK", ts.Getenv("WORK"))
	ts.Check(os.WriteFile(path, []byte(text), 0o644))
	ts.Check(os.Chmod(path, 0o644))
}

// scriptAwait waits until an agent that was started in the background takes
// commands, and follows a source: await STATE-DIR SOURCE.
func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await state-dir source")
	}
	client := admin.Dial(ts.MkAbs(args[0]))
	defer client.Close()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		st, err := client.Status(context.Background())
		if err == nil && slices.ContainsFunc(st.Sources, func(s admin.Source) bool { return s.Name == args[1] }) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("no agent in %s follows %s: %v", args[0], args[1], err)
		}
	}
}
