package source

import (
	"bufio"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
)

// nginxCase is a way in which a real logrotate rotates the log of a real nginx.
type nginxCase struct {
	name string
	// rotation is what stands in logrotate's configuration; DIR is the log's
	// directory.
	rotation string
	clients  int // at once, each as fast as it can
	between  int // requests at least between two rotations
	kills    bool
	// lossy says that the tool loses lines by itself: then every line that is
	// in a file in the end must be counted, and no other may be missed.
	lossy bool
}

const usr1 = "\npostrotate\nkill -USR1 $(cat DIR/pid)\nendscript"

var nginxCases = []nginxCase{
	{name: "USR1 at once", rotation: "create\ncompress\ndelaycompress" + usr1, clients: 4, between: 700, kills: true},
	{
		name: "USR1 300 ms late", clients: 4, between: 700, kills: true,
		rotation: "create\ncompress\ndelaycompress\npostrotate\nsleep 0.3; kill -USR1 $(cat DIR/pid)\nendscript",
	},
	{name: "nocreate", rotation: "nocreate" + usr1, clients: 4, between: 700, kills: true},
	{name: "under load", rotation: "create\ncompress\ndelaycompress" + usr1, clients: 32, between: 5000, kills: true},
	// gzip misses what nginx writes meanwhile, and then deletes the only file
	// that has it. A follower gets it all the same from the file that it opened
	// within a tenth of a second after nginx did,
	{name: "compress without delaycompress", rotation: "create\ncompress" + usr1, clients: 4, between: 700},
	// but one that is killed loses its hold on what has no name any more.
	{name: "compress without delaycompress, killed", rotation: "create\ncompress" + usr1, clients: 4, between: 700, kills: true, lossy: true},
	{name: "copytruncate", rotation: "copytruncate", clients: 4, between: 700, kills: true, lossy: true},
	{name: "copytruncate under load", rotation: "copytruncate", clients: 32, between: 5000, lossy: true},
}

// TestNginx puts a follower behind a real nginx under load that a real
// logrotate rotates, and kills it now and then. The truth is a second log of
// the same requests that is never rotated. LOGMETER_NGINX=1 runs it.
func TestNginx(t *testing.T) {
	if os.Getenv("LOGMETER_NGINX") == "" {
		t.Skip("set LOGMETER_NGINX=1; it needs nginx and logrotate, and takes half a minute")
	}
	for _, program := range []string{"nginx", "logrotate"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	for _, tt := range nginxCases {
		t.Run(tt.name, func(t *testing.T) { tt.run(t) })
	}
}

// nginxRotations is how often each case rotates.
const nginxRotations = 8

func (tt *nginxCase) run(t *testing.T) {
	r := newRig(t)
	r.scan()
	r.kill() // its next scan is due by the clock of before
	r.skew = 0
	r.start()
	address := freeAddress(t)
	stop := r.nginx(address)
	defer stop()
	r.put("rotate.conf", []byte(r.path("access.log")+" {\nsu root root\nrotate 50\n"+strings.ReplaceAll(tt.rotation, "DIR", r.dir)+"\n}\n"))

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var others sync.WaitGroup
	var requests atomic.Int64
	for range tt.clients {
		others.Go(func() { load(ctx, "http://"+address+"/v1/things", &requests) })
	}
	rotations := 0
	others.Go(func() {
		defer cancel()
		for rotations < nginxRotations && ctx.Err() == nil {
			for seen := requests.Load(); requests.Load() < seen+int64(tt.between) && ctx.Err() == nil; {
				time.Sleep(5 * time.Millisecond)
			}
			if out, err := exec.Command("logrotate", "-f", "-s", r.path("state"), r.path("rotate.conf")).CombinedOutput(); err != nil {
				t.Errorf("logrotate: %v\n%s", err, out)
			}
			rotations++
			time.Sleep(2 * pollEvery)
		}
	})
	kills := r.live(ctx, tt.kills)
	others.Wait()
	stop()
	for range 36 { // deleted files become final, archives are looked into
		r.scan()
	}
	for line := range strings.Lines(string(r.read("truth"))) {
		r.want = append(r.want, strings.TrimSuffix(line, "\n"))
	}
	if rotations < nginxRotations {
		t.Errorf("%d rotations in a minute; want %d", rotations, nginxRotations)
	}
	if !tt.lossy {
		r.check()
		t.Logf("%d lines, %d rotations, %d kills: every line once", len(r.want), rotations, kills)
		return
	}
	lost := r.notOnDisk()
	t.Logf("%d lines, %d rotations, %d kills: every line that is in a file once; %d are in none", len(r.want), rotations, kills, lost)
}

// live follows the log in real time until ctx ends, and returns how often it
// was killed. A kill forgets what isn't committed.
func (r *rig) live(ctx context.Context, kill bool) (kills int) {
	r.t.Helper()
	for ctx.Err() == nil {
		end := time.Now().Add(time.Duration(50+rand.IntN(400)) * time.Millisecond)
		for time.Now().Before(end) {
			b, err := r.f.Next(context.Background(), 50*time.Millisecond)
			if err != nil {
				r.t.Fatal(err)
			}
			for line := range strings.Lines(string(b.Lines)) {
				r.pending = append(r.pending, strings.TrimSuffix(line, "\n"))
			}
			if len(r.pending) > 300 {
				r.commit()
			}
		}
		if kill {
			kills++
			r.kill()
			r.start()
		}
	}
	return kills
}

// notOnDisk compares what was counted with what is in the log's files in the
// end: all of that must be counted, nothing twice, and nothing that nginx
// didn't write. It returns how many lines are neither counted nor in a file.
func (r *rig) notOnDisk() int {
	r.t.Helper()
	counted, truth := map[string]int{}, map[string]bool{}
	for _, l := range r.got {
		counted[l]++
	}
	for _, l := range r.want {
		truth[l] = true
	}
	doubled, foreign, missed := 0, 0, 0
	for l, n := range counted {
		if n > 1 {
			doubled++
		}
		if !truth[l] {
			foreign++
		}
	}
	paths, _ := filepath.Glob(r.path("access.log*"))
	for _, path := range paths {
		for _, l := range linesOf(r.t, path) {
			if truth[l] && counted[l] == 0 {
				missed++
			}
		}
	}
	if doubled+foreign+missed > 0 {
		r.t.Errorf("%d lines doubled, %d made up, %d missed that are in a file", doubled, foreign, missed)
	}
	return len(truth) - len(counted)
}

// linesOf returns the lines of a log, compressed or not.
func linesOf(t *testing.T, path string) []string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var in io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(file); err != nil {
			t.Fatal(err)
		}
	}
	var lines []string
	s := bufio.NewScanner(in)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	return lines
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// nginx starts an nginx that writes access.log and truth, and returns what
// ends it once it has answered all requests.
func (r *rig) nginx(address string) (stop func()) {
	r.t.Helper()
	r.put("nginx.conf", []byte(`daemon off; user root; worker_processes 2; pid `+r.path("pid")+`; error_log `+r.path("error")+`;
events {}
http {
	log_format f '$remote_addr - - [$time_local] "$request" $status $request_id';
	server {
		listen `+address+`;
		access_log `+r.path("access.log")+` f;
		access_log `+r.path("truth")+` f;
		location / { return 204; }
	}
}`))
	nginx := exec.Command("nginx", "-c", r.path("nginx.conf"), "-p", r.dir)
	if err := nginx.Start(); err != nil {
		r.t.Fatal(err)
	}
	return sync.OnceFunc(func() {
		nginx.Process.Signal(os.Interrupt)
		nginx.Wait()
	})
}

// load sends requests, one after the other, until ctx ends.
func load(ctx context.Context, url string, requests *atomic.Int64) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for ctx.Err() == nil {
		res, err := client.Get(url)
		if err != nil {
			time.Sleep(10 * time.Millisecond) // nginx isn't up yet
			continue
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		requests.Add(1)
	}
}
