package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestKillLoop is the promise, end to end: a real nginx serves traffic and is
// rotated by a real logrotate, logmeter is killed again and again, Stripe loses
// requests and answers; in the end every customer is billed for exactly what
// nginx served, by hour.
//
// LOGMETER_E2E=1 runs it, LOGMETER_KILLS says how often it kills.
func TestKillLoop(t *testing.T) {
	if os.Getenv("LOGMETER_E2E") == "" {
		t.Skip("SKIPPED: the end-to-end test needs nginx and logrotate; LOGMETER_E2E=1 runs it")
	}
	kills := 30
	if n := os.Getenv("LOGMETER_KILLS"); n != "" {
		var err error
		if kills, err = strconv.Atoi(n); err != nil {
			t.Fatalf("LOGMETER_KILLS: %v", err)
		}
	}
	h := newE2E(t)
	h.startNginx()
	h.startStripe(30)
	h.writeConfig()
	h.moreMeters()
	h.settle() // the log is seen for the first time: from here on it is followed

	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { h.traffic(stop) })
	wg.Go(func() { h.rotations(stop) })
	rng := rand.New(rand.NewPCG(1, uint64(kills)))
	for i := range kills {
		life := h.startAgent()
		time.Sleep(time.Duration(80+rng.IntN(320)) * time.Millisecond)
		if i%3 == 2 {
			// Told to stop, it drains and sends; it is killed in the midst.
			life.Process.Signal(syscall.SIGTERM)
			time.Sleep(time.Duration(rng.IntN(1200)) * time.Millisecond)
		}
		life.Process.Kill()
		life.Wait()
	}
	close(stop)
	wg.Wait()
	h.settle()
	h.compare(kills)
	h.compareMore()
}

// e2e is one nginx, one fake Stripe and one agent after another in a folder.
type e2e struct {
	t      *testing.T
	dir    string
	bin    string
	nginx  string // address
	stripe string // API base
	log    *os.File
}

func newE2E(t *testing.T) *e2e {
	h := &e2e{t: t, dir: t.TempDir()}
	if keep := os.Getenv("LOGMETER_KEEP"); keep != "" {
		h.dir = keep // to look at what a failure leaves
	}
	h.must(os.MkdirAll(filepath.Join(h.dir, "log"), 0o755))
	h.bin = filepath.Join(h.dir, "bin")
	for _, pkg := range []string{"cmd/logmeter", "agent/stripe/stripetest/stripetestd"} {
		out, err := exec.Command("go", "build", "-o", h.bin+"/", "github.com/logmeter/logmeter/"+pkg).CombinedOutput()
		if err != nil {
			t.Fatalf("build %s: %v\n%s", pkg, err, out)
		}
	}
	var err error
	h.log, err = os.Create(filepath.Join(h.dir, "agent.log"))
	h.must(err)
	t.Cleanup(func() {
		h.log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(h.log.Name())
			t.Logf("end of the agents' log:\n%s", text[max(0, len(text)-8000):])
		}
	})
	return h
}

func (h *e2e) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *e2e) write(name, text string) string {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	h.must(os.WriteFile(path, []byte(text), 0o644))
	return path
}

// startNginx serves on loopback and writes two logs: the one that is billed
// and rotated, and one beside it that is the truth.
func (h *e2e) startNginx() {
	for _, program := range []string{"nginx", "logrotate"} {
		if _, err := exec.LookPath(program); err != nil {
			h.t.Fatalf("%s isn't installed: %v", program, err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	h.must(err)
	h.nginx = l.Addr().String()
	l.Close()
	user := ""
	if os.Getuid() == 0 {
		user = "user root;"
	}
	conf := h.write("nginx.conf", strings.NewReplacer("DIR", h.dir, "ADDR", h.nginx, "USER", user).Replace(`
# Workers reopen the log by themselves, in a folder that is this user's alone.
USER
daemon off;
worker_processes 2;
pid DIR/nginx.pid;
error_log DIR/error.log;
events { worker_connections 512; }
http {
	log_format api '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_customer_id"';
	log_format truth '$msec $status $uri "$http_x_customer_id" $body_bytes_sent "$http_referer"';
	access_log DIR/log/access.log api;
	access_log DIR/truth.log truth;
	client_body_temp_path DIR/body;
	server {
		listen ADDR;
		location = /RetrieveCreditScore { if ($http_x_fail) { return 503; } return 200 "742\n"; }
		location / { return 404; }
	}
}
`))
	cmd := exec.Command("nginx", "-p", h.dir, "-c", conf)
	cmd.Stdout, cmd.Stderr = h.log, h.log
	h.must(cmd.Start())
	h.t.Cleanup(func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() })
	h.eventually("nginx answers", func() bool {
		c, err := net.Dial("tcp", h.nginx)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// startStripe starts a fake Stripe of which that percentage of calls fails.
func (h *e2e) startStripe(faults int, flags ...string) {
	cmd := exec.Command(filepath.Join(h.bin, "stripetestd"), append(flags, "-faults", strconv.Itoa(faults), "-meters", "credit_score_calls,bytes_out,weighted_calls,callers", "-key", "sk_test_e2e4eC39HqLyjWDarjtT1zdp7dc")...)
	out, err := cmd.StdoutPipe()
	h.must(err)
	h.must(cmd.Start())
	h.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	h.must(err)
	h.stripe = strings.TrimSpace(line)
}

func (h *e2e) writeConfig() {
	h.write("agent.toml", strings.NewReplacer("DIR", h.dir, "STRIPE", h.stripe).Replace(`
instance = "e2e"
state_dir = "DIR/state"
[source.edge]
path = "DIR/log/access.log"
format = "api"
start = "beginning"
[format.api]
nginx = '''$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_customer_id"'''
customer = "$http_x_customer_id"
customer_verified = true
[meter.credit-score]
event_name = "credit_score_calls"
match = { path = "/RetrieveCreditScore", status = "200" }
[stripe]
api_base = "STRIPE"
[report]
settle = "0s"
on_stop = "send"
`))
}

func (h *e2e) startAgent() *exec.Cmd {
	h.t.Helper()
	cmd := h.agent("agent.toml")
	h.must(cmd.Start())
	h.t.Cleanup(func() { cmd.Process.Kill() }) // nothing if it has ended
	return cmd
}

// agent is a run of the agent, not started yet, that writes to the log.
func (h *e2e) agent(config string, flags ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(h.bin, "logmeter"), append([]string{"run", "-c", filepath.Join(h.dir, config)}, flags...)...)
	cmd.Env = append(os.Environ(), "STRIPE_API_KEY=sk_test_e2e4eC39HqLyjWDarjtT1zdp7dc")
	cmd.Stdout, cmd.Stderr = h.log, h.log
	return cmd
}

// traffic calls nginx from a few connections until stop is closed.
func (h *e2e) traffic(stop chan struct{}) {
	client := &http.Client{Timeout: 5 * time.Second}
	var wg sync.WaitGroup
	for n := range 3 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(n), 2))
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(rng.IntN(6)) * time.Millisecond):
				}
				path := "/RetrieveCreditScore"
				if rng.IntN(10) == 0 {
					path = "/elsewhere"
				}
				req, _ := http.NewRequest("GET", "http://"+h.nginx+path, nil)
				if rng.IntN(20) > 0 {
					req.Header.Set("X-Customer-ID", fmt.Sprintf("cus_E2E%02d", rng.IntN(8)))
				}
				if rng.IntN(10) == 0 {
					req.Header.Set("X-Fail", "1")
				}
				req.Header.Set("Referer", fmt.Sprintf("https://app/%d", rng.IntN(500)))
				req.Header.Set("User-Agent", `say "hi" \ [x]`)
				if resp, err := client.Do(req); err == nil {
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}
		})
	}
	wg.Wait()
}

// rotations runs logrotate every second or so until stop is closed.
func (h *e2e) rotations(stop chan struct{}) {
	conf := h.write("logrotate.conf", strings.ReplaceAll(`DIR/log/access.log {
	rotate 500
	create
	compress
	delaycompress
	sharedscripts
	postrotate
		kill -USR1 $(cat DIR/nginx.pid)
	endscript
}
`, "DIR", h.dir))
	for {
		select {
		case <-stop:
			return
		case <-time.After(1200 * time.Millisecond):
		}
		out, err := exec.Command("logrotate", "-f", "-s", filepath.Join(h.dir, "logrotate.state"), conf).CombinedOutput()
		if err != nil {
			h.t.Errorf("logrotate: %v\n%s", err, out)
			return
		}
	}
}

// settle lets agents run and stop in order until one has nothing left to send.
func (h *e2e) settle() {
	var last error
	for range 20 {
		life := h.startAgent()
		time.Sleep(500 * time.Millisecond)
		life.Process.Signal(syscall.SIGTERM)
		if last = life.Wait(); last == nil {
			return
		}
	}
	h.t.Errorf("no agent could deliver everything: %v", last)
}

// truth counts what nginx served, by customer and hour.
func (h *e2e) truth() map[string]uint64 {
	text, err := os.ReadFile(filepath.Join(h.dir, "truth.log"))
	h.must(err)
	want := map[string]uint64{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		sec, err := strconv.ParseFloat(f[0], 64)
		h.must(err)
		customer := strings.Trim(f[3], `"`)
		if f[1] == "200" && f[2] == "/RetrieveCreditScore" && customer != "-" {
			want[customer+" "+time.Unix(int64(sec), 0).UTC().Format("2006-01-02T15:00:00Z")]++
		}
	}
	return want
}

// total is what the fake Stripe has of an event name, customer and hour.
type total struct {
	EventName string    `json:"event_name"`
	Customer  string    `json:"customer"`
	Hour      time.Time `json:"hour"`
	Value     int64     `json:"value"`
}

// totals asks the fake Stripe what it would bill, by customer and hour.
func (h *e2e) totals() []total {
	resp, err := http.Get(h.stripe + "/_test/totals")
	h.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	h.must(err)
	var totals []total
	h.must(json.NewDecoder(bytes.NewReader(body)).Decode(&totals))
	return totals
}

// billed is what it would bill for the meter that all tests have.
func (h *e2e) billed() map[string]uint64 {
	got := map[string]uint64{}
	for _, total := range h.totals() {
		if total.EventName != "credit_score_calls" {
			continue
		}
		got[total.Customer+" "+total.Hour.UTC().Format("2006-01-02T15:00:00Z")] += uint64(total.Value)
	}
	return got
}

func (h *e2e) compare(kills int) {
	want, got := h.truth(), h.billed()
	var sum uint64
	for _, k := range slices.Sorted(maps.Keys(want)) {
		sum += want[k]
		if got[k] != want[k] {
			h.t.Errorf("%s: nginx served %d, Stripe bills %d", k, want[k], got[k])
		}
	}
	for k, v := range got {
		if want[k] == 0 {
			h.t.Errorf("%s: Stripe bills %d, nginx served none", k, v)
		}
	}
	rotated, _ := filepath.Glob(filepath.Join(h.dir, "log", "access.log.*"))
	h.t.Logf("%d billable calls of %d customers and hours, %d kills, %d rotations: exact = %v", sum, len(want), kills, len(rotated), !h.t.Failed())
	if sum == 0 {
		h.t.Error("nginx served nothing billable: the test tested nothing")
	}
}

// moreMeters bills the same calls in every other way too: the bytes of their
// answers, three units each, and each page that a customer calls from once a
// day.
func (h *e2e) moreMeters() {
	path := filepath.Join(h.dir, "agent.toml")
	text, err := os.ReadFile(path)
	h.must(err)
	h.must(os.WriteFile(path, append(text, `
[meter.bytes]
event_name = "bytes_out"
match = { path = "/RetrieveCreditScore", status = "200" }
aggregation = "sum"
field = "$body_bytes_sent"
[meter.weighted]
event_name = "weighted_calls"
match = { path = "/RetrieveCreditScore", status = "200" }
times = 3
[meter.callers]
event_name = "callers"
match = { path = "/RetrieveCreditScore", status = "200" }
aggregation = "unique"
field = "$http_referer"
per = "day"
`...), 0o600))
}

// compareMore compares what moreMeters bill, by customer. In which hour a thing
// counts that is counted once a day is told by the order of commits.
func (h *e2e) compareMore() {
	text, err := os.ReadFile(filepath.Join(h.dir, "truth.log"))
	h.must(err)
	want, got, seen := map[string]uint64{}, map[string]uint64{}, map[string]bool{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		customer := strings.Trim(f[3], `"`)
		if f[1] != "200" || f[2] != "/RetrieveCreditScore" || customer == "-" {
			continue
		}
		size, err := strconv.ParseUint(f[4], 10, 64)
		h.must(err)
		sec, err := strconv.ParseFloat(f[0], 64)
		h.must(err)
		want["bytes_out "+customer] += size
		want["weighted_calls "+customer] += 3
		if once := customer + time.Unix(int64(sec), 0).UTC().Format(" 2006-01-02 ") + f[5]; !seen[once] {
			seen[once] = true
			want["callers "+customer]++
		}
	}
	for _, total := range h.totals() {
		if total.EventName != "credit_score_calls" {
			got[total.EventName+" "+total.Customer] += uint64(total.Value)
		}
	}
	if !maps.Equal(got, want) {
		h.t.Errorf("sums, weights and unique counts: got %v, want %v", got, want)
	}
}

func (h *e2e) eventually(what string, ok func() bool) {
	h.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			h.t.Fatalf("%s: not within 10 s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
