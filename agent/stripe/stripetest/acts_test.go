package stripetest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

// read makes a GET with the secret key.
func read(t *testing.T, s *stripetest.Server, path string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.Key)
	return do(t, req)
}

func TestActs(t *testing.T) {
	t.Parallel()
	type answers struct {
		post, get int    // 0: no answer
		usage     int64  // applied
		says      string // the post's answer
	}
	for name, tt := range map[string]struct {
		act  stripetest.Act
		want answers
	}{
		"dead line":      {stripetest.Act{Kind: stripetest.Outage, Fault: stripetest.DropRequest}, answers{0, 0, 0, ""}},
		"gray":           {stripetest.Act{Kind: stripetest.Outage, Fault: stripetest.LoseAnswer}, answers{0, 0, 1, ""}},
		"gray, readable": {stripetest.Act{Kind: stripetest.Outage, Fault: stripetest.LoseAnswer, EventsOnly: true}, answers{0, 200, 1, ""}},
		"reset":          {stripetest.Act{Kind: stripetest.Outage, Fault: stripetest.Reset}, answers{0, 0, 0, "reset by peer"}},
		"reset, applied": {stripetest.Act{Kind: stripetest.Outage, Fault: stripetest.ResetApplied}, answers{0, 0, 1, "reset by peer"}},
		"redirect":       {stripetest.Act{Kind: stripetest.Outage, Fault: stripetest.Redirect}, answers{307, 307, 0, "moved"}},
		"bad gateway":    {stripetest.Act{Kind: stripetest.Outage, Fault: stripetest.BadGateway}, answers{502, 502, 1, "Bad Gateway"}},
		"no key":         {stripetest.Act{Kind: stripetest.NoKey}, answers{401, 401, 0, "Invalid API Key"}},
		"may not send":   {stripetest.Act{Kind: stripetest.NoPermission, Name: "billing_meter_event_write"}, answers{403, 200, 0, "rak_billing_meter_event_write"}},
		"may not read":   {stripetest.Act{Kind: stripetest.NoPermission, Name: "billing_meter_read"}, answers{200, 403, 1, ""}},
		"no calls":       {stripetest.Act{Kind: stripetest.FewCalls, N: 1}, answers{200, 429, 1, ""}},
		"archived":       {stripetest.Act{Kind: stripetest.ArchivedMeter, Name: "calls"}, answers{400, 200, 0, "No active meter"}},
		"drops":          {stripetest.Act{Kind: stripetest.Drops, Percent: 100, Name: "archived_meter"}, answers{200, 200, 0, ""}},
		"bad line":       {stripetest.Act{Kind: stripetest.BadLine, Percent: 0}, answers{200, 200, 1, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, stripetest.Config{})
			tt.act.At, tt.act.For = stripetest.Duration(time.Minute), stripetest.Duration(time.Hour)
			s.Play(1, tt.act)
			try := func(id string) (a answers) {
				t.Helper()
				before := s.Usage("cus_1", "calls")
				a.post, a.says, _ = post(t, s, "", call(id, 1, start.Unix())...)
				a.get, _, _ = read(t, s, "/v1/billing/meters/mtr_1")
				a.usage = s.Usage("cus_1", "calls") - before
				return a
			}
			calm := func(id string) {
				t.Helper()
				if a := try(id); a.post != 200 || a.get != 200 || a.usage != 1 {
					t.Errorf("%s: got %+v, want all well", id, a)
				}
			}
			calm("before")
			s.Advance(time.Minute)
			got := try("meanwhile")
			if !strings.Contains(got.says, tt.want.says) {
				t.Errorf("the answer is %q, want %q", got.says, tt.want.says)
			}
			if got.says = tt.want.says; got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			s.Advance(time.Hour)
			calm("after")
		})
	}
}

// Summaries show the events of a slow time one by one.
func TestSlowSummaries(t *testing.T) {
	t.Parallel()
	s := newServer(t, stripetest.Config{Lag: time.Minute})
	s.Play(7, stripetest.Act{Kind: stripetest.SlowSummaries, For: stripetest.Duration(time.Hour), Lag: stripetest.Duration(10 * time.Hour)})
	const events = 20
	for i := range events {
		status, msg, _ := post(t, s, "", call(fmt.Sprint("id-", i), 1, start.Unix())...)
		want(t, status, msg, 200, "")
	}
	seen := func() int {
		t.Helper()
		from := start.Truncate(time.Minute).Unix()
		return summed(t, s, from, from+60)
	}
	if n := seen(); n != 0 {
		t.Errorf("%d shown at once", n)
	}
	s.Advance(5*time.Hour + time.Minute)
	if n := seen(); n == 0 || n == events {
		t.Errorf("after half of the time %d of %d are shown", n, events)
	}
	s.Advance(5 * time.Hour)
	if n := seen(); n != events {
		t.Errorf("in the end %d of %d are shown", n, events)
	}
}

// summed reads a summary's value.
func summed(t *testing.T, s *stripetest.Server, from, to int64) (sum int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf(
		"%s/v1/billing/meters/mtr_1/event_summaries?customer=cus_1&start_time=%d&end_time=%d", s.URL, from, to), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.Key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var page struct {
		Data []struct {
			Value int `json:"aggregated_value"`
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		t.Fatal(err)
	}
	for _, d := range page.Data {
		sum += d.Value
	}
	return sum
}

// An event whose customer or meter goes away before Stripe has looked at it is
// dropped, though it was accepted.
func TestDroppedWhileProcessed(t *testing.T) {
	t.Parallel()
	s := newServer(t, stripetest.Config{Processing: time.Minute})
	send := func(id string) {
		t.Helper()
		status, msg, _ := post(t, s, "", call(id, 5, start.Unix())...)
		want(t, status, msg, 200, "")
	}
	send("early")
	s.Advance(time.Minute)
	send("late")
	s.DeleteCustomer("cus_1")
	from := start.Truncate(time.Minute).Unix()
	if n := summed(t, s, from, from+60); n != 5 {
		t.Errorf("got %d while the second event is processed, want 5", n)
	}
	s.Advance(time.Minute)
	s.WantUsage("cus_1", "calls", 5)
	if got := s.Drops(); !reflect.DeepEqual(got, []stripetest.Dropped{{Identifier: "late", Reason: "meter_event_customer_not_found"}}) {
		t.Errorf("got %+v", got)
	}
}

func TestStripesLimits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		live          bool
		events, reads int // that pass in one second
	}{{true, 1000, 100}, {false, 20, 5}} {
		s := newServer(t, stripetest.Config{Live: tt.live, Key: "sk_x"}.Limits())
		got := map[int]int{}
		for i := range tt.events + 1 {
			if !tt.live && i == tt.events {
				break // the rest is for the reads
			}
			status, _, _ := post(t, s, "", call(fmt.Sprint("id-", i), 1, start.Unix())...)
			got[status]++
		}
		passed := 0
		for range tt.reads + 1 {
			status, _, _ := read(t, s, "/v1/account")
			if status == 200 {
				passed++
			}
		}
		if got[200] != tt.events || passed != tt.reads {
			t.Errorf("live %v: %d events and %d reads pass, want %d and %d", tt.live, got[200], passed, tt.events, tt.reads)
		}
	}
}

func TestReadsAreCountedByMonth(t *testing.T) {
	t.Parallel()
	s := newServer(t, stripetest.Config{})
	read(t, s, "/v1/account")
	s.FailReads(stripetest.Error500)
	read(t, s, "/v1/billing/meters")
	s.Advance(7 * 24 * time.Hour)
	read(t, s, "/v1/account")
	post(t, s, "", call("a", 1, start.Unix())...)
	if a, b := s.ReadsIn("2026-11"), s.ReadsIn("2026-12"); a != 2 || b != 1 || s.Stats().Reads != 3 {
		t.Errorf("got %d in November and %d in December", a, b)
	}
}

func TestDateAheadOfTheClock(t *testing.T) {
	t.Parallel()
	s := newServer(t, stripetest.Config{})
	s.SkewDate(time.Hour)
	_, _, h := read(t, s, "/v1/account")
	if got, want := h.Get("Date"), start.Add(time.Hour).Format(http.TimeFormat); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Lists are cut into pages that lead on.
func TestPages(t *testing.T) {
	t.Parallel()
	s := newServer(t, stripetest.Config{})
	for i := range 24 {
		s.AddMeter(stripetest.Meter{EventName: fmt.Sprint("m", i)})
	}
	seen, after := 0, ""
	for page := 0; ; page++ {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v1/billing/meters"+after, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.Key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var l struct {
			More bool `json:"has_more"`
			Data []struct{ ID string }
		}
		err = json.NewDecoder(resp.Body).Decode(&l)
		resp.Body.Close()
		if err != nil || len(l.Data) == 0 {
			t.Fatalf("page %d: %+v, %v", page, l, err)
		}
		seen += len(l.Data)
		if !l.More {
			break
		}
		after = "?starting_after=" + l.Data[len(l.Data)-1].ID
	}
	if seen != 25 {
		t.Errorf("got %d meters, want 25", seen)
	}
	for _, query := range []string{"?limit=0", "?limit=101", "?limit=x", "?starting_after=mtr_99"} {
		if status, msg, _ := read(t, s, "/v1/billing/meters"+query); status != 400 {
			t.Errorf("%s: got %d %s", query, status, msg)
		}
	}
}

// A scenario is a function of its seed, can be written down, and ends.
func TestScenario(t *testing.T) {
	t.Parallel()
	kinds := map[stripetest.Kind]bool{}
	for seed := range uint64(200) {
		a, b := stripetest.NewScenario(seed), stripetest.NewScenario(seed)
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("seed %d tells two stories", seed)
		}
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var back stripetest.Scenario
		if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(a, back) {
			t.Fatalf("seed %d: %s reads back as %+v, %v", seed, text, back, err)
		}
		for _, act := range a.Acts {
			kinds[act.Kind] = true
			if act.At+act.For > a.Length || act.Kind == stripetest.Drops || act.Kind == stripetest.ArchivedMeter {
				t.Errorf("seed %d: %v", seed, a.String())
			}
		}
		if n := len(a.Steps); n > 0 && a.Skew(time.Duration(a.Length)) == a.Skew(-1) {
			t.Errorf("seed %d: the local clock doesn't jump: %v", seed, a.String())
		}
	}
	if len(kinds) != 6 {
		t.Errorf("got the kinds %v, want six", kinds)
	}
	for _, bad := range []string{`{"kind":"storm"}`, `{"kind":"outage","fault":"rain"}`, `{"for":"long"}`, `{"for":3}`} {
		if err := json.Unmarshal([]byte(bad), new(stripetest.Act)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
