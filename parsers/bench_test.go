package parsers

import (
	"encoding/json"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
)

const aLineJSON = `{"time":"2026-11-24T18:06:20+00:00","msec":1795543580.917,"remote_addr":"127.0.0.1","method":"POST","uri":"/v1/score?x=1","norm_uri":"/v1/score",` +
	`"proto":"HTTP/1.1","status":201,"bytes":2,"rt":0.000,"customer":"cus_acme","mapped":"","user":"","ua":"Mozilla/5.0","upstream_status":"200"}`

const aLineEnvoy = `{"authority":"api.example","bytes_received":0,"bytes_sent":5183,"duration":39,"method":"GET","path":"/productpage?u=1","protocol":"HTTP/1.1",` +
	`"request_id":"a1b2c3d4-0000-1111-2222-333344445555","response_code":200,"response_flags":"-","start_time":"2026-11-24T18:00:00.000Z",` +
	`"upstream_host":"10.1.0.5:9080","user_agent":"Mozilla/5.0 (X11; Linux x86_64)","x_forwarded_for":null}`

const aLineEnvoyText = `[2026-11-24T18:59:59.917Z] "POST /api/v1?x=1 HTTP/1.1" 201 - 154 0 226 100 "10.0.35.28" "nsq2http" "cc21d9b0" "locations" "tcp://10.0.2.1:80"`

// against measures the parser of a format in turn with another way to read the
// same fields of the same line, and reports how many times longer that takes.
// The two share each moment of the machine, so the ratio is of use where the
// times are not.
func against(b *testing.B, spec Spec, line string, other string, read func(line []byte) bool) {
	p := compile(b, spec).NewParser()
	text := []byte(line)
	var rec agent.Record
	const ours, theirs = 64, 8
	var oursTook, theirsTook time.Duration
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		start := time.Now()
		for range ours {
			if err := p.Parse(text, &rec); err != nil {
				b.Fatal(err)
			}
		}
		middle := time.Now()
		for range theirs {
			if !read(text) {
				b.Fatal("no match")
			}
		}
		oursTook += middle.Sub(start)
		theirsTook += time.Since(middle)
		n++
	}
	perLine := float64(oursTook) / float64(n*ours)
	b.ReportMetric(perLine, "ns/line")
	b.ReportMetric(float64(theirsTook)/float64(n*theirs)/perLine, "x-"+other)
	b.ReportMetric(0, "ns/op") // of both together
}

// byRegexp reads with an anchored expression; the first group is the time, in
// layout, the one named by status the status.
func byRegexp(expr, layout string, status int) func([]byte) bool {
	re := regexp.MustCompile(expr)
	return func(line []byte) bool {
		m := re.FindSubmatchIndex(line)
		if m == nil {
			return false
		}
		_, err := time.Parse(layout, string(line[m[2]:m[3]]))
		_, wrong := strconv.Atoi(string(line[m[2*status]:m[2*status+1]]))
		return err == nil && wrong == nil
	}
}

func BenchmarkTextAgainstRegexp(b *testing.B) {
	against(b, corpusFormats["customer"], aLine, "regexp", byRegexp(
		`^\S+ - .*? \[([^\]]+)\] "([A-Z]+) (\S+) [^"]*" (\d{3}) \d+ "[^"]*" "[^"]*" "([^"]*)"$`, "02/Jan/2006:15:04:05 -0700", 4))
}

func BenchmarkEnvoyTextAgainstRegexp(b *testing.B) {
	against(b, Spec{EnvoyText: "envoy"}, aLineEnvoyText, "regexp", byRegexp(
		`^\[([^\]]+)\] "(\S+) (\S+) \S+" (\d+) \S+ \d+ \d+ (\d+) \S+ "[^"]*" "[^"]*" "[^"]*" "[^"]*" "[^"]*"$`, time.RFC3339Nano, 4))
}

func BenchmarkNginxJSONAgainstRegexp(b *testing.B) {
	against(b, corpusFormats["customer_json"], aLineJSON, "regexp", byRegexp(
		`^\{"time":"([^"]*)","msec":[0-9.]+,"remote_addr":"[^"]*","method":"((?:[^"\\]|\\.)*)","uri":"((?:[^"\\]|\\.)*)",.*?"status":(\d+),.*?"customer":"((?:[^"\\]|\\.)*)",.*\}$`,
		time.RFC3339, 4))
}

func BenchmarkNginxJSONAgainstStdlib(b *testing.B) {
	against(b, corpusFormats["customer_json"], aLineJSON, "encoding-json", func(line []byte) bool {
		var rec struct {
			Msec                  float64
			Method, URI, Customer string
			Status                int
		}
		return json.Unmarshal(line, &rec) == nil
	})
}

func BenchmarkEnvoyJSONAgainstStdlib(b *testing.B) {
	against(b, Spec{EnvoyJSON: "istio-json"}, aLineEnvoy, "encoding-json", func(line []byte) bool {
		var rec struct {
			StartTime    time.Time `json:"start_time"`
			Duration     int64
			Method, Path string
			ResponseCode int `json:"response_code"`
		}
		return json.Unmarshal(line, &rec) == nil
	})
}

func BenchmarkEnvoyJSONAgainstRegexp(b *testing.B) {
	against(b, Spec{EnvoyJSON: "istio-json"}, aLineEnvoy, "regexp", func() func([]byte) bool {
		re := regexp.MustCompile(`^\{.*?"duration":(\d+),"method":"((?:[^"\\]|\\.)*)","path":"((?:[^"\\]|\\.)*)",.*?"response_code":(\d+),.*?"start_time":"([^"]*)",.*\}$`)
		return func(line []byte) bool {
			m := re.FindSubmatchIndex(line)
			if m == nil {
				return false
			}
			_, err := time.Parse(time.RFC3339Nano, string(line[m[10]:m[11]]))
			return err == nil
		}
	}())
}

// BenchmarkRealLines reads 100,000 real lines; one operation is one line.
func BenchmarkRealLines(b *testing.B) {
	lines := shopLines(b)
	p := compile(b, Spec{Nginx: shopFormat, Customer: "$http_x_forwarded_for"}).NewParser()
	var rec agent.Record
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := p.Parse(lines[i], &rec); err != nil {
			b.Fatal(err)
		}
		if i++; i == len(lines) {
			i = 0
		}
	}
}
