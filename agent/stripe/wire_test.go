package stripe

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/logmeter/logmeter/agent"
)

// The bytes of one event as they go to Stripe: everything but the host, the
// encoding that net/http offers, and the version of the SDK.
func TestWire(t *testing.T) {
	t.Parallel()
	var got string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var lines []string
		for k, vs := range r.Header {
			for _, v := range vs {
				lines = append(lines, k+": "+v)
			}
		}
		slices.Sort(lines)
		got = fmt.Sprintf("%s %s %s\n%s\n\n%s\n", r.Method, r.URL.RequestURI(), r.Proto, strings.Join(lines, "\n"), body)
	})
	b := biller(t, Options{APIBase: url, Key: "sk_test_wire", Version: "1.2.3", Meters: map[string]Meter{"calls": {EventName: "api calls & more"}}})
	e := &agent.Entry{Meter: "calls", Customer: "cus_NffrFeUfNV2Hib", Window: 494540, Seq: 3, Value: 41979, KeyEpoch: 2}
	e.From = uint64(e.Seq) - 1
	e.Identifier = agent.Identify("edge-1", e)
	b.catalogue.meters = []settings{settingsOf(meterOf("api calls & more", "sum"))}
	b.catalogue.read = b.now()
	if err := b.Build(e); err != nil {
		t.Fatal(err)
	}
	e.Timestamp = e.Window.Start().Unix() + 17*60
	b.Send(t.Context(), e)
	golden(t, "event.http", got)
	first := got
	b.Send(t.Context(), e)
	if got != first {
		t.Errorf("the second attempt sends other bytes:\n%s", got)
	}
}

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}
