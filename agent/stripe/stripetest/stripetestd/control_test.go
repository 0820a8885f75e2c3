package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

// Every control takes what its own help says, and nothing less.
func TestControls(t *testing.T) {
	t.Parallel()
	f := stripetest.NewFake(stripetest.Config{})
	srv := httptest.NewServer(handler(f))
	t.Cleanup(srv.Close)
	post := func(path, body string) (int, string) {
		t.Helper()
		resp, err := http.Post(srv.URL+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	for _, c := range controls {
		params, body := c.params, ""
		switch c.name {
		case "act":
			params, body = "seed=1", `{"kind":"bad-line","at":"1h","for":"30h","percent":20}`
		case "meter":
			params, body = "", `{"EventName":"calls"}`
		}
		if status, answer := post("/_test/"+c.name+"?"+params, body); status != http.StatusOK {
			t.Errorf("%s?%s: %d %s", c.name, params, status, answer)
		}
		if status, answer := post("/_test/"+c.name, ""); status != http.StatusBadRequest || !strings.Contains(answer, "want "+c.params) {
			t.Errorf("%s without parameters: %d %s", c.name, status, answer)
		}
	}
	if status, answer := post("/_test/nothing", ""); status != http.StatusNotFound || !strings.Contains(answer, "advance, skew-date") {
		t.Errorf("got %d %s", status, answer)
	}
	if _, answer := post("/_test/outage?fault=rain&for=1h", ""); !strings.Contains(answer, `unknown fault "rain"; want one of none, drop-request`) {
		t.Errorf("got %s", answer)
	}
	if ahead := f.Now().Sub(stripetest.NewFake(stripetest.Config{}).Now()).Hours(); ahead < 24.9 || ahead > 25.1 {
		t.Errorf("the clock is %v hours ahead, want 25", ahead)
	}
}
