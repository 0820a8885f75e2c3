package source

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestNginx puts a follower behind a real nginx under load that a real
// logrotate rotates, and kills it a few times. The truth is a second log of
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
	for _, tt := range []struct {
		name, rotation string
		kills          int
	}{
		{"create", "create\ncompress\ndelaycompress\npostrotate\nkill -USR1 $(cat DIR/pid)\nendscript", 3},
		{"late signal", "create\ncompress\ndelaycompress\npostrotate\nsleep 0.3; kill -USR1 $(cat DIR/pid)\nendscript", 3},
		{"nocreate", "nocreate\npostrotate\nkill -USR1 $(cat DIR/pid)\nendscript", 3},
		// What nginx still writes to a file that has no name any more is gone
		// with the process that has it open, so nobody is killed here.
		{"compress at once", "create\ncompress\npostrotate\nkill -USR1 $(cat DIR/pid)\nendscript", 0},
	} {
		t.Run(tt.name, func(t *testing.T) { testNginx(t, tt.rotation, tt.kills) })
	}
}

func testNginx(t *testing.T, rotation string, kills int) {
	r := newRig(t)
	r.scan()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
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
	r.put("rotate.conf", []byte(r.path("access.log")+" {\nsu root root\nrotate 50\n"+strings.ReplaceAll(rotation, "DIR", r.dir)+"\n}\n"))
	nginx := exec.Command("nginx", "-c", r.path("nginx.conf"), "-p", r.dir)
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			nginx.Process.Signal(os.Interrupt)
			nginx.Wait()
		}
	}
	defer stop()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var load sync.WaitGroup
	var requests atomic.Int64
	for range 4 {
		load.Go(func() {
			for ctx.Err() == nil {
				res, err := http.Get("http://" + address + "/v1/things")
				if err != nil {
					continue // nginx isn't up yet
				}
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
				requests.Add(1)
			}
		})
	}
	var rotate sync.WaitGroup
	rotations := 0
	rotate.Go(func() {
		for requests.Load() == 0 && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		for ; rotations < 8; rotations++ {
			seen := requests.Load()
			for requests.Load() < seen+500 && ctx.Err() == nil {
				time.Sleep(10 * time.Millisecond)
			}
			if out, err := exec.Command("logrotate", "-f", "-s", r.path("state"), r.path("rotate.conf")).CombinedOutput(); err != nil {
				t.Errorf("logrotate: %v\n%s", err, out)
			}
		}
		cancel()
	})
	// The follower, meanwhile, in real time. A kill forgets what isn't
	// committed.
	follow := func(d time.Duration) {
		deadline := time.Now().Add(d)
		for time.Now().Before(deadline) {
			b, err := r.f.Next(context.Background(), 50*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(b.Lines)) {
				r.pending = append(r.pending, strings.TrimSuffix(line, "\n"))
			}
			if len(r.pending) > 300 {
				r.commit()
			}
		}
	}
	r.skew = 0
	for ctx.Err() == nil {
		follow(700 * time.Millisecond)
		if kills > 0 {
			kills--
			r.kill()
			r.start()
		}
	}
	load.Wait()
	rotate.Wait()
	stop()
	r.settle()
	for range 30 {
		r.scan() // deleted files become final, archives are looked into
	}
	for line := range strings.Lines(string(r.read("truth"))) {
		r.want = append(r.want, strings.TrimSuffix(line, "\n"))
	}
	r.check()
	t.Logf("%d lines, %d rotations: every line once", len(r.want), rotations)
}
