package parsers

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logmeter/logmeter/agent"
)

// corpora returns the folder of captured logs, which lies beside the checkout.
func corpora(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		path := filepath.Join(dir, "shared", "corpora", name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		t.Skipf("SKIPPED: no ../shared/corpora/%s above %s: nothing is tested against real lines", name, dir)
	}
}

const customerFormat = combined + ` "$http_x_customer"`

// corpusFormats are the formats of the nginx corpus.
var corpusFormats = map[string]Spec{
	"combined": {Nginx: "combined"},
	"customer": {Nginx: customerFormat, Customer: "$http_x_customer"},
	"customer_json": {Customer: "$http_x_customer", Nginx: `log_format customer_json escape=json '{"time":"$time_iso8601","msec":$msec,"remote_addr":"$remote_addr",'
		'"method":"$request_method","uri":"$request_uri","norm_uri":"$uri","proto":"$server_protocol","status":$status,"bytes":$body_bytes_sent,"rt":$request_time,'
		'"customer":"$http_x_customer","mapped":"$billing_customer","user":"$remote_user","ua":"$http_user_agent","upstream_status":"$upstream_status"}';`},
	"customer_json_unq": {Customer: "$http_x_customer", Nginx: `escape=json
		'{"status":$status,"upstream_status":$upstream_status,"upstream_response_time":$upstream_response_time,"uri":"$request_uri","customer":"$http_x_customer"}'`},
	"customer_none": {Customer: "$http_x_customer", Escape: "none", Nginx: customerFormat},
	"json_none":     {Customer: "$http_x_customer", Escape: "none", Nginx: `{"uri":"$request_uri","status":$status,"customer":"$http_x_customer","ua":"$http_user_agent"}`},
	"json_default":  {Customer: "$http_x_customer", Nginx: `{"uri":"$request_uri","status":$status,"customer":"$http_x_customer","ua":"$http_user_agent"}`},
	"unquoted":      {Customer: "$http_x_customer", Nginx: `$remote_addr $http_x_customer $request_method $request_uri $status $upstream_status $http_user_agent`},
	"tabs":          {Customer: "$http_x_customer", Nginx: `$time_iso8601\t$status\t$request_method\t$request_uri\t$http_x_customer\t$http_user_agent`},
	"braced":        {Customer: "$http_x_customer", Nginx: `${remote_addr} c=${http_x_customer} s=${status} u=${uri}`},
	"ingress": {Nginx: combined + ` $request_length $request_time [$server_name] [$http_x_customer] ` +
		`$upstream_addr $upstream_response_length $upstream_response_time $upstream_status $request_id`},
}

// ambiguous are those in which a client can move the fields about.
var ambiguous = map[string]bool{"customer_none": true, "json_none": true, "unquoted": true, "braced": true}

// truth is what nginx itself had for one line.
type truth struct {
	Line             int
	ID               string
	Method           *string
	Request          *string `json:"request"`
	Status           int
	RequestURI       *string `json:"request_uri"`
	RequestURIBase64 string  `json:"request_uri_b64"`
	Path             *string `json:"norm_path"`
	PathBase64       string  `json:"norm_path_b64"`
	Customer         *string `json:"customer_recoverable"`
	CustomerBase64   string  `json:"customer_recoverable_b64"`
	RequestBase64    string  `json:"request_b64"`
}

func bytesOf(t testing.TB, text *string, encoded string) []byte {
	t.Helper()
	if encoded != "" {
		b, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if text == nil {
		return nil
	}
	return []byte(*text)
}

func readTruth(t testing.TB, path string) []truth {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []truth
	for dec := json.NewDecoder(bytes.NewReader(data)); dec.More(); {
		var one truth
		if err := dec.Decode(&one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// TestEveryLineRightOrRefused is the promise of the package: of a log full of
// hostile requests, no line is read wrongly.
func TestEveryLineRightOrRefused(t *testing.T) {
	dir := corpora(t, "nginx")
	for name, spec := range corpusFormats {
		for _, http := range []string{"", "h2-"} {
			t.Run(http+name, func(t *testing.T) {
				f, err := Compile(spec)
				if ambiguous[name] {
					if err == nil {
						t.Fatal("the format was taken, though a client can move its fields")
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				base := filepath.Join(dir, "nginx-1.22.1-"+http+name)
				data, err := os.ReadFile(base + ".log")
				if err != nil {
					t.Fatal(err)
				}
				lines := bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
				p := f.NewParser()
				for _, want := range readTruth(t, base+".truth.jsonl") {
					var got agent.Record
					if err := p.Parse(lines[want.Line-1], &got); err != nil {
						t.Errorf("%s: line %d is refused: %v", want.ID, want.Line, err)
						continue
					}
					compare(t, f, want, &got)
				}
			})
		}
	}
}

func compare(t *testing.T, f *Format, want truth, got *agent.Record) {
	t.Helper()
	if got.Status != want.Status {
		t.Errorf("%s: got status %d, want %d", want.ID, got.Status, want.Status)
	}
	path := bytesOf(t, want.Path, want.PathBase64)
	if f.Fields().Path == "$request" && want.Request == nil && want.RequestBase64 == "" {
		path = nil // HTTP/2: nginx refused the stream and logged no request line
	}
	if !bytes.Equal(got.Path, path) {
		t.Errorf("%s: got path %q, want %q", want.ID, got.Path, path)
	}
	if path != nil && f.Fields().Method != "" && string(got.Method) != *want.Method {
		t.Errorf("%s: got method %q, want %q", want.ID, got.Method, *want.Method)
	}
	if uri := bytesOf(t, want.RequestURI, want.RequestURIBase64); path != nil && !bytes.HasSuffix(got.Target, uri) && want.ID != "abs_nopath" {
		// A target in absolute form loses its origin in $request_uri.
		t.Errorf("%s: got target %q, want %q", want.ID, got.Target, uri)
	}
	if f.Fields().Customer == "" {
		return
	}
	customer := bytes.Trim(bytesOf(t, want.Customer, want.CustomerBase64), " \t")
	if string(customer) == "-" {
		customer = nil
	}
	if !bytes.Equal(got.Customer, customer) {
		t.Errorf("%s: got customer %q, want %q", want.ID, got.Customer, customer)
	}
}

// shopFormat is the format of the log of 100,000 real requests.
const shopFormat = combined + ` "$http_x_forwarded_for"`

func shopLines(t testing.TB) [][]byte {
	t.Helper()
	file, err := os.Open(filepath.Join(corpora(t, "zanbil"), "access_logs.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(z); err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSuffix(buf.Bytes(), []byte("\n")), []byte("\n"))
}

func TestHundredThousandRealLines(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 35 MB")
	}
	lines := shopLines(t)
	data, err := os.ReadFile(filepath.Join(corpora(t, "zanbil"), "expect.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Status, Method map[string]int
		Digest         string `json:"sha256_of_method_TAB_target_TAB_status_lines"`
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	f := compile(t, Spec{Nginx: shopFormat})
	p := f.NewParser()
	statuses, methods := map[string]int{}, map[string]int{}
	digest := sha256.New()
	var rec agent.Record
	for i, line := range lines {
		if err := p.Parse(line, &rec); err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		target := rec.Target
		if k := bytes.IndexAny(target, "?#"); k >= 0 {
			target = target[:k]
		}
		statuses[fmt.Sprintf("%03d", rec.Status)]++
		methods[string(rec.Method)]++
		fmt.Fprintf(digest, "%s\t%s\t%03d\n", rec.Method, target, rec.Status)
	}
	for status, n := range want.Status {
		if statuses[status] != n {
			t.Errorf("got %d lines with status %s, want %d", statuses[status], status, n)
		}
	}
	for method, n := range want.Method {
		if methods[method] != n {
			t.Errorf("got %d lines with method %s, want %d", methods[method], method, n)
		}
	}
	if got := hex.EncodeToString(digest.Sum(nil)); got != want.Digest {
		t.Errorf("got digest %s, want %s", got, want.Digest)
	}
}

func compile(t testing.TB, s Spec) *Format {
	t.Helper()
	f, err := Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestGluedLines cuts lines off anywhere and puts the next one behind, as a
// full disk does: the result is refused or read as the second line.
func TestGluedLines(t *testing.T) {
	dir := corpora(t, "nginx")
	for _, name := range []string{"combined", "customer", "customer_json", "customer_json_unq", "json_default"} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(dir, "nginx-1.22.1-"+name+".log"))
			if err != nil {
				t.Fatal(err)
			}
			p := compile(t, corpusFormats[name]).NewParser()
			lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
			for i := 1; i < len(lines); i++ {
				first, second := lines[i-1], lines[i]
				var want, got agent.Record
				if len(first) > 1000 || p.Parse([]byte(second), &want) != nil {
					continue
				}
				expect := render(&want)
				for n := 1; n < len(first); n++ {
					err := p.Parse([]byte(first[:n]+second), &got)
					var refused *agent.Refused
					if err != nil && !errors.As(err, &refused) {
						t.Fatal(err)
					}
					if err == nil && render(&got) != expect {
						t.Fatalf("line %d cut after %d bytes was read as %s, want a refusal or %s", i, n, render(&got), expect)
					}
				}
			}
		})
	}
}

func render(r *agent.Record) string {
	return fmt.Sprintf("%d %q %q %q %d %q", r.Time, r.Method, r.Target, r.Path, r.Status, r.Customer)
}
