package parsers

import (
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
)

const aLineJSON = `{"time":"2026-11-24T18:06:20+00:00","msec":1795543580.917,"remote_addr":"127.0.0.1","method":"POST","uri":"/v1/score?x=1","norm_uri":"/v1/score",` +
	`"proto":"HTTP/1.1","status":201,"bytes":2,"rt":0.000,"customer":"cus_acme","mapped":"","user":"","ua":"Mozilla/5.0","upstream_status":"200"}`

func benchmarkParser(b *testing.B, spec Spec, line string) {
	p := compile(b, spec).NewParser()
	text := []byte(line)
	var rec agent.Record
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Parse(text, &rec); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkText(b *testing.B)      { benchmarkParser(b, corpusFormats["customer"], aLine) }
func BenchmarkNginxJSON(b *testing.B) { benchmarkParser(b, corpusFormats["customer_json"], aLineJSON) }

const aLineEnvoy = `{"authority":"api.example","bytes_received":0,"bytes_sent":5183,"duration":39,"method":"GET","path":"/productpage?u=1","protocol":"HTTP/1.1",` +
	`"request_id":"a1b2c3d4-0000-1111-2222-333344445555","response_code":200,"response_flags":"-","start_time":"2026-11-24T18:00:00.000Z",` +
	`"upstream_host":"10.1.0.5:9080","user_agent":"Mozilla/5.0 (X11; Linux x86_64)","x_forwarded_for":null}`

func BenchmarkEnvoyJSON(b *testing.B) { benchmarkParser(b, Spec{EnvoyJSON: "istio-json"}, aLineEnvoy) }

// BenchmarkTextRegexp is what the compiled plan is measured against.
func BenchmarkTextRegexp(b *testing.B) {
	re := regexp.MustCompile(`^(\S+) - (.*?) \[([^\]]+)\] "([A-Z]+) (\S+) ([^"]*)" (\d{3}) (\d+) "([^"]*)" "([^"]*)" "([^"]*)"$`)
	text := []byte(aLine)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if m := re.FindSubmatchIndex(text); m == nil {
			b.Fatal("no match")
		}
		if _, err := time.Parse("02/Jan/2006:15:04:05 -0700", aLine[17:43]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNginxJSONStdlib is what the JSON plan is measured against.
func BenchmarkNginxJSONStdlib(b *testing.B) {
	text := []byte(aLineJSON)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		var rec struct {
			Msec                  float64
			Method, URI, Customer string
			Status                int
		}
		if err := json.Unmarshal(text, &rec); err != nil {
			b.Fatal(err)
		}
	}
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
