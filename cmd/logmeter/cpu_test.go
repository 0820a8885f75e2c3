package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestCPU measures what the daemon costs beside the proxy: CPU time as a share
// of one core, and resident memory, of a real process that follows a log under
// load, or a thousand that are idle. It prints figures and judges none: they
// are those of the machine. LOGMETER_CPU says how many seconds each case is
// measured.
func TestCPU(t *testing.T) {
	seconds, err := strconv.Atoi(os.Getenv("LOGMETER_CPU"))
	if err != nil {
		t.Skip("SKIPPED: LOGMETER_CPU=10 measures the daemon's CPU for 10 seconds a case")
	}
	bin := filepath.Join(t.TempDir(), "logmeter")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for _, tt := range []struct {
		name         string
		files        int
		linesASecond int // in the first file
	}{
		{"idle log", 1, 0},
		{"200 lines a second", 1, 200},
		{"5000 lines a second", 1, 5000},
		{"20000 lines a second", 1, 20_000},
		{"1000 idle logs", 1000, 0},
		{"1000 logs, 5000 lines a second in one", 1000, 5000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			logs := make([]*os.File, tt.files)
			for i := range logs {
				logs[i], err = os.OpenFile(filepath.Join(dir, fmt.Sprintf("vhost-%d.log", i)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
				if err != nil {
					t.Fatal(err)
				}
				defer logs[i].Close()
			}
			config := filepath.Join(dir, "agent.toml")
			if err := os.WriteFile(config, []byte(strings.ReplaceAll(cpuConfig, "DIR", dir)), 0o644); err != nil {
				t.Fatal(err)
			}
			var messages bytes.Buffer
			daemon := exec.Command(bin, "run", "-c", config)
			daemon.Stderr = &messages
			daemon.Env = append(os.Environ(), "STRIPE_API_KEY=")
			if err := daemon.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				daemon.Process.Kill()
				daemon.Wait()
				if t.Failed() {
					t.Log(messages.String())
				}
			}()
			written := writeAt(t, logs[0], tt.linesASecond, 3*time.Second) // it starts, and takes to watching
			before := processCPU(t, daemon.Process.Pid)
			start := time.Now()
			written += writeAt(t, logs[0], tt.linesASecond, time.Duration(seconds)*time.Second)
			used, passed := processCPU(t, daemon.Process.Pid)-before, time.Since(start)
			t.Logf("%.2f %% of a core, %d MB resident", 100*used.Seconds()/passed.Seconds(), residentMB(t, daemon.Process.Pid))
			if read := processRead(t, daemon.Process.Pid); read < written*9/10 {
				t.Errorf("the daemon has read %d of %d bytes; the figure isn't that of following", read, written)
			}
		})
	}
}

const cpuConfig = `
instance = "cpu"
state_dir = "DIR/state"
[source.edge]
path = "DIR/*.log"
format = "api"
start = "beginning"
[format.api]
nginx = '''$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_customer_id"'''
customer = "$http_x_customer_id"
customer_verified = true
[meter.score]
match = { path = "/v1/accounts/{id}/score", status = "200" }
`

// writeAt writes lines of 250 bytes for d, one system call each, and returns
// the number of bytes.
func writeAt(t *testing.T, log *os.File, linesASecond int, d time.Duration) (written int) {
	t.Helper()
	end := time.Now().Add(d)
	if linesASecond == 0 {
		time.Sleep(d)
		return 0
	}
	start, n := time.Now(), 0
	for now := start; now.Before(end); now = time.Now() {
		for due := int(now.Sub(start).Seconds() * float64(linesASecond)); n < due; n++ {
			line := fmt.Sprintf(`10.0.%3d.%3d - - [%s] "GET /v1/accounts/%012d/score?verbose=1&locale=en-GB HTTP/1.1" 200 5120 "-" `+
				`"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36" "acme-%06d"`+"\n",
				n%256, n/256%256, now.UTC().Format("02/Jan/2006:15:04:05 -0700"), n, n%1000)
			if _, err := log.WriteString(line); err != nil {
				t.Fatal(err)
			}
			written += len(line)
		}
		time.Sleep(time.Millisecond)
	}
	return written
}

// processRead returns how many bytes a process has read.
func processRead(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		t.Skip(err)
	}
	n := 0
	if _, err := fmt.Sscanf(string(b), "rchar: %d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// processCPU returns the CPU time that a process has used. The kernel counts
// it in hundredths of a second.
func processCPU(t *testing.T, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Skip(err)
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		t.Fatalf("%q isn't understood", b)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// residentMB returns how much memory a process has.
func residentMB(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Skip(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize() >> 20
}
