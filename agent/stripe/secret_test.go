package stripe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

const canary = "sk_test_canaryCANARY123"

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := Secret(canary)
	for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x", "%X", "%d", "%t", "%10s"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", Options{Key: s})
		fmt.Fprintf(&out, verb+"\n", &Options{Key: s})
	}
	encoded, err := json.Marshal(map[string]any{"key": s, "options": struct{ Key Secret }{s}})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(encoded)
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "key", s, "o", struct{ Key Secret }{s})
	}
	b := biller(t, Options{Key: s})
	fmt.Fprintf(&out, "%v %+v %#v", b, b, b)
	fmt.Fprintf(&out, "%v", errorsOf(canary+" ", canary+"\"", "pk_"+canary, "x"+canary))
	wantNoCanary(t, out.String())
}

func errorsOf(keys ...string) (all []error) {
	for _, k := range keys {
		_, err := New(Options{Key: Secret(k)})
		all = append(all, err)
	}
	return all
}

func wantNoCanary(t *testing.T, s string) {
	t.Helper()
	low := strings.ToLower(s)
	for _, form := range []string{"canary", fmt.Sprintf("%x", "canary")} {
		if i := strings.Index(low, form); i >= 0 {
			t.Errorf("the key is in %q", s[max(0, i-60):min(len(s), i+40)])
		}
	}
}

// A server that throws the key back at us in every way must not get it into a
// log, a reason or a report.
func TestSecretEchoedByTheServer(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 400, 401, 403, 404, 409, 429, 500} {
		for _, form := range []string{
			`{"error":{"type":"invalid_request_error","message":"Invalid API Key provided: %s"}}`,
			`{"error":{"type":"idempotency_error","message":"key '%s' %[1]s"}}`,
			`<html>%s`,
		} {
			var logs bytes.Buffer
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
				w.Header().Set("Request-Id", key)
				w.Header()["Date"] = []string{key}
				w.WriteHeader(status)
				fmt.Fprintf(w, form, key)
			})
			b := biller(t, Options{Key: canary, APIBase: url, Log: slog.New(slog.NewTextHandler(&logs, nil))})
			e := entry(b, t)
			o := b.Send(t.Context(), e)
			_, errSum := b.Summary(t.Context(), e, e.Time(), e.Time().Add(60e9))
			b.catalogue = catalogue{} //nolint:govet // not in use
			_, errNow := b.Now(t.Context())
			wantNoCanary(t, fmt.Sprint(o, errSum, errNow, b.Check(t.Context()), logs.String()))
		}
	}
}

func TestScrub(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"plain":                              "plain",
		"key sk_test_****1234.":              "key ***.",
		"rk_live_x and whsec_y":              "*** and ***",
		"task_sk_is fine, desk_test_x too":   "task_sk_is fine, desk_test_x too",
		"a\nb\x00c\x1b[31m":                  "a b c [31m",
		"Bearer rk_live_1,sk_test_2/pk_x":    "Bearer ***,***/***",
		"bad \xff utf":                       "bad ? utf",
		strings.Repeat("a", 301):             strings.Repeat("a", 300) + "…",
		strings.Repeat("a", 299) + "sk_test": strings.Repeat("a", 299) + "s…",
		strings.Repeat("a", 299) + "…":       strings.Repeat("a", 299) + "…",
	}
	for in, want := range tests {
		if got := scrub(in); got != want {
			t.Errorf("scrub(%q): got %q, want %q", in, got, want)
		}
	}
}
