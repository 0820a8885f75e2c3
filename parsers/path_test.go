package parsers

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNormalizeNginx(t *testing.T) {
	for _, tt := range []struct{ target, want string }{ // want "" means that it has no path
		{"/", "/"},
		{"/v1/charges", "/v1/charges"},
		{"/v1/charges/", "/v1/charges/"},
		{"/v1/charges?limit=1", "/v1/charges"},
		{"/v1/charges??a=/../b", "/v1/charges"},
		{"/v1/charges#frag?x", "/v1/charges"},
		{"/free?x#/v1/charges", "/free"},
		{"//v1//charges//", "/v1/charges/"},
		{"/./v1/./charges", "/v1/charges"},
		{"/v1/charges/.", "/v1/charges/"},
		{"/v1/charges/..", "/v1/"},
		{"/free/../v1/charges", "/v1/charges"},
		{"/free/%2e%2e/v1/charges", "/v1/charges"},
		{"/free/%2e./v1/charges", "/v1/charges"},
		{"/a//../b", "/b"},
		{"/a/..", "/"},
		{"/.../a", "/.../a"},
		{"/..a/b..", "/..a/b.."},
		{"/v1/..%2fadmin", "/admin"},
		{"/%76%31/charges", "/v1/charges"},
		{"/%2576%2531/charges", "/%76%31/charges"},
		{"/v1%2Fcharges", "/v1/charges"},
		{"/v1%2fcharges%2F..%2Ffree", "/v1/free"},
		{"/v1/charges%3Fa=b", "/v1/charges?a=b"},
		{"/v1/charges%23frag", "/v1/charges#frag"},
		{"/v1/a+b", "/v1/a+b"},
		{"/v1/a%0ab", "/v1/a\nb"},
		{"/v1/charges;jsessionid=1", "/v1/charges;jsessionid=1"},
		{"/v1;x/..;/charges", "/v1;x/..;/charges"},
		{`/v1\charges`, `/v1\charges`},
		{"/V1/Charges", "/V1/Charges"},
		{"/v1/\xff", "/v1/\xff"},
		{"/v1/a b", "/v1/a b"}, // routed until nginx 1.21.1
		{"http://localhost/v1/charges?x=1", "/v1/charges"},
		{"HTTPS://user.example:8443/v1", "/v1"},
		{"http://[::1]:80/v1", "/v1"},
		{"http://localhost", "/"},
		{"http://localhost?x=1", "/"},
		{"?x=1", "/"},
		{"http://h#x", ""},
		{"http:///v1", ""},
		{"http://h_h/v1", ""},
		{"http://h:8x/v1", ""},
		{"1http://h/v1", ""},
		{"://h/v1", ""},
		{"/..", ""},
		{"/../../etc/passwd", ""},
		{"/a/../../b", ""},
		{"/%2e%2e/a", ""},
		{"/v1/100%", ""},
		{"/v1/100%2", ""},
		{"/v1/%zz", ""},
		{"/v1/a%00b", ""},
		{"/v1/a\x00b", ""},
		{"/v1/a\r\nb", ""},
		{"*", ""},
		{"v1/charges", ""},
		{"example.com:443", ""},
		{"", ""},
	} {
		got, ok := NormalizeNginx([]byte("kept"), []byte(tt.target))
		if want := "kept" + tt.want; string(got) != want || ok != (tt.want != "") {
			t.Errorf("%q: got %q, %v; want %q", tt.target, got, ok, want)
		}
	}
}

// FuzzNormalizeNginx: the short way of a path that needs no change agrees with
// the long one, and a path stays as it is when it is normalised again.
func FuzzNormalizeNginx(f *testing.F) {
	f.Add([]byte("/free/%2e%2e//v1/./charges?x#y"))
	f.Add([]byte("http://h:1/a/../b"))
	f.Fuzz(func(t *testing.T, target []byte) {
		got, ok := NormalizeNginx(nil, target)
		if n := plainPath(target); n >= 0 && (!ok || !bytes.Equal(got, target[:n])) {
			t.Errorf("%q: got %q, %v; the short way got %q", target, got, ok, target[:n])
		}
		if !ok {
			return
		}
		if got[0] != '/' || bytes.Contains(got, []byte("//")) || bytes.Contains(got, []byte("/../")) || bytes.Contains(got, []byte("/./")) {
			t.Errorf("%q: %q isn't normal", target, got)
		}
		if !bytes.ContainsAny(got, "%?#\r\n") {
			if again, ok := NormalizeNginx(nil, got); !ok || !bytes.Equal(again, got) {
				t.Errorf("%q: %q became %q", target, got, again)
			}
		}
	})
}

// TestNormalizesAsNginxRoutes asks a running nginx for random targets and
// compares its $uri. LOGMETER_TARGETS says for how many, LOGMETER_SEED for which.
func TestNormalizesAsNginxRoutes(t *testing.T) {
	socket := startNginx(t)
	pieces := []string{
		"/", "/", "/", ".", "..", "a", "v1", "%2e", "%2F", "%2f", "%41", "%25", "%3F", "%23", "%00", "%zz", "%", "?", "#", ";", "+",
		"\\", "\xff", "%c3%bc", ":", "@", "//", "/../", "/./", "http://h", "http://h:80", "?a=b", "*", "~", "&", "=", "\"", "%0a",
	}
	n, seed := 1500, uint64(1)
	if testing.Short() {
		n = 200
	}
	for name, to := range map[string]any{"LOGMETER_TARGETS": &n, "LOGMETER_SEED": &seed} {
		if text := os.Getenv(name); text != "" {
			if _, err := fmt.Sscan(text, to); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	rng := rand.New(rand.NewPCG(seed, 2))
	for range n {
		var sb strings.Builder
		if rng.IntN(10) > 0 {
			sb.WriteByte('/')
		}
		for range 1 + rng.IntN(8) {
			if rng.IntN(6) > 0 {
				sb.WriteString(pieces[rng.IntN(len(pieces))])
				continue
			}
			// Any byte escaped, or as it is but for control characters: nginx
			// refuses these since 1.21.1 and routed them before, so that they
			// must not hide a path.
			if c := byte(rng.IntN(256)); rng.IntN(2) == 0 {
				fmt.Fprintf(&sb, "%%%02x", c)
			} else if c > ' ' && c != 0x7f {
				sb.WriteByte(c)
			}
		}
		if sb.Len() == 0 {
			continue
		}
		target := sb.String()
		if target[0] == '?' {
			continue // only $request_uri has this, for a target in absolute form
		}
		status, uri := ask(t, socket, target)
		got, ok := NormalizeNginx(nil, []byte(target))
		if routed := status == "200"; ok != routed || ok && string(got) != uri {
			t.Errorf("%q: got %q, %v; nginx answers %s with %q", target, got, ok, status, uri)
		}
	}
}

// startNginx runs an nginx that answers every request with its $uri, on a
// socket whose path it returns.
func startNginx(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("SKIPPED: nginx isn't installed: the path rules are tested against the table alone")
	}
	dir, err := os.MkdirTemp("", "nginx") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	conf := fmt.Sprintf(`
daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;
events {}
http {
  access_log off;
  client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  server { listen unix:%[1]s/s; location / { default_type text/plain; return 200 $uri; } }
}`, dir)
	if err := os.WriteFile(filepath.Join(dir, "conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", filepath.Join(dir, "conf"))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-exited
	})
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		if conn, err := net.Dial("unix", socket); err == nil {
			conn.Close()
			return socket
		}
		select {
		case <-exited:
			t.Skipf("SKIPPED: nginx doesn't start here: %s", stderr.String())
		case <-tick.C:
		}
	}
}

func ask(t *testing.T, socket, target string) (status, uri string) {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", target)
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(answer), "\r\n\r\n")
	if len(head) < 12 {
		t.Fatalf("%q: nginx answers %q", target, answer)
	}
	return head[9:12], body
}
