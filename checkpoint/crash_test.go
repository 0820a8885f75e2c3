package checkpoint

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// The child of TestKill counts a log that exists only as a rule: line i is of
// customer and window lineOf(i). Its position's offset is the number of lines
// counted, so after any crash the totals must be those of the first Offset
// lines, exactly.
const crashDirEnv = "LOGMETER_TEST_CRASH_DIR"

func lineOf(i int64) (customer string, w agent.Window, meter int) {
	h := uint64(i) * 0x9e3779b97f4a7c15
	h ^= h >> 29
	n := h % 3000
	if h>>40%2 == 0 {
		n %= 20 // some are seen all the time
	}
	return fmt.Sprint("customer-", n), hour0 + agent.Window(i/40_000) - agent.Window(h>>50%50/49), int(h >> 20 % 2)
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDirEnv); dir != "" {
		if err := crashChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// crashChild counts, seals and delivers until it is killed. It says "open" when
// it starts to count.
func crashChild(dir string) error {
	s, err := Open(testOptions(dir))
	if err != nil {
		return err
	}
	positions, err := s.Positions("edge")
	if err != nil {
		return err
	}
	at := int64(0)
	if len(positions) > 0 {
		at = positions[0].Offset
	}
	fmt.Println("open")
	ms, err := agent.NewMeters([]agent.Meter{{Name: "m0", Match: agent.Match{Paths: []string{"/m0"}}}, {Name: "m1", Match: agent.Match{Paths: []string{"/m1"}}}})
	if err != nil {
		return err
	}
	tally := ms.NewTally()
	for step := 0; ; step++ {
		for range 500 {
			customer, w, meter := lineOf(at)
			countLine(ms, tally, w, int(at%60), meter, customer)
			at++
		}
		if err := s.Commit("edge", []agent.Position{{ID: 1, Offset: at, Head: make([]byte, 1024), Mark: make([]byte, 1024)}}, tally); err != nil {
			return err
		}
		tally.Reset()
		if step%20 != 19 {
			continue
		}
		_, now, _ := lineOf(at)
		if _, err := s.Seal(now.Start()); err != nil {
			return err
		}
		page, err := s.Pending(nil, 200)
		if err != nil {
			return err
		}
		for i := range page {
			page[i].EventName, page[i].Account = "calls", "cus_"+page[i].Customer
		}
		if err := s.Attempt(page); err != nil {
			return err
		}
		for i := range page {
			page[i].State, page[i].Settled = agent.Accepted, 1
		}
		if err := s.Settle(page); err != nil {
			return err
		}
		if err := s.Maintain(now.Start()); err != nil {
			return err
		}
	}
}

// verifyCrash compares the state with the rule that its lines came from.
func verifyCrash(t *testing.T, dir string) (lines int64) {
	t.Helper()
	s, err := Open(testOptions(dir))
	must(t, err)
	defer s.Close()
	positions, err := s.Positions("edge")
	must(t, err)
	if len(positions) == 0 {
		return 0
	}
	lines = positions[0].Offset
	want := map[string]uint64{}
	rowOf := func(w agent.Window, meter, customer string) string { return w.String() + " " + meter + " " + customer }
	for i := range lines {
		customer, w, meter := lineOf(i)
		want[rowOf(w, fmt.Sprint("m", meter), customer)]++
	}
	sealed := map[string]uint64{}
	seqs := map[string]bool{}
	for _, list := range [][]agent.Entry{collect(t, s.Outbox()), collect(t, s.Ledger(firstWindow, lastWindow))} {
		for _, e := range list {
			sealed[rowOf(e.Window, e.Meter, e.Customer)] += uint64(e.Value)
			if seqs[e.Identifier] {
				t.Errorf("entry %s is there twice", e.Identifier)
			}
			seqs[e.Identifier] = true
		}
	}
	for _, u := range collect(t, s.Usage(firstWindow, lastWindow)) {
		key := rowOf(u.Window, u.Meter, u.Customer)
		if u.Total != want[key] || u.Reported != sealed[key] {
			t.Fatalf("after %d lines %s: total %d, want %d; reported %d, entries say %d", lines, key, u.Total, want[key], u.Reported, sealed[key])
		}
		delete(want, key)
		delete(sealed, key)
	}
	if len(want) > 0 || len(sealed) > 0 {
		t.Fatalf("after %d lines rows are missing: %d counted, %d sealed", lines, len(want), len(sealed))
	}
	var sum agent.Accounting
	for _, l := range collect(t, s.Accounting(firstWindow, lastWindow)) {
		sum.Add(l.Accounting)
	}
	if sum.Lines != uint64(lines) || sum.Billed != uint64(lines) {
		t.Fatalf("after %d lines the accounting is %+v", lines, sum)
	}
	return lines
}

// TestKill kills a counting process with SIGKILL at random moments, starts it
// again on the same state, and compares every row. LOGMETER_KILLS sets how
// often.
func TestKill(t *testing.T) {
	kills := 8
	if n, err := strconv.Atoi(os.Getenv("LOGMETER_KILLS")); err == nil {
		kills = n
	} else if testing.Short() {
		t.Skip("kills a process again and again")
	}
	// Not in parallel: between fork and exec a child holds the locks of all
	// that other tests have open.
	exe, err := os.Executable()
	must(t, err)
	dir := filepath.Join(t.TempDir(), "state")
	rnd := rand.New(rand.NewPCG(1, uint64(kills)))
	opened := 0
	for kill := range kills {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), crashDirEnv+"="+dir)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		// One in four is killed while it recovers. The pause isn't waited for
		// anything; it only moves the moment of the kill about.
		if rnd.IntN(4) > 0 {
			line, err := bufio.NewReader(out).ReadString('\n')
			if line != "open\n" {
				cmd.Wait()
				t.Fatalf("kill %d: the process didn't start: %v, %s", kill, err, stderr.String())
			}
			opened++
			time.Sleep(time.Duration(rnd.IntN(150)) * time.Millisecond)
		} else {
			time.Sleep(time.Duration(rnd.IntN(30)) * time.Millisecond)
		}
		must(t, cmd.Process.Kill())
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != -1 {
			t.Fatalf("kill %d: the process ended by itself: %v, %s", kill, err, stderr.String())
		}
		if kill%50 == 49 {
			verifyCrash(t, dir)
		}
	}
	lines := verifyCrash(t, dir)
	t.Logf("%d kills, %d of them while counting; %d lines, all exact", kills, opened, lines)
	if lines == 0 {
		t.Error("nothing was counted")
	}
}
