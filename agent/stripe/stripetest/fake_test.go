package stripetest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

// start is the virtual clock's time in these tests; it stands still.
var start = time.Date(2026, 11, 24, 12, 30, 0, 0, time.UTC)

func newServer(t *testing.T, cfg stripetest.Config) *stripetest.Server {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return start }
	}
	return stripetest.NewServer(t, cfg, "calls")
}

// post sends an event; a blank key sends no Idempotency-Key. It returns the
// status, the error's message, and the answer's headers. Status 0: no answer.
func post(t *testing.T, s *stripetest.Server, key string, params ...string) (int, string, http.Header) {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/v1/billing/meter_events", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.Key)
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (int, string, http.Header) {
	t.Helper()
	req.GetBody = nil // or net/http sends it again
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error(), nil
	}
	var a struct {
		Error struct{ Type, Code, Message string }
	}
	if json.Unmarshal(body, &a) != nil {
		return resp.StatusCode, string(body), resp.Header
	}
	return resp.StatusCode, strings.TrimSpace(a.Error.Code + " " + a.Error.Message), resp.Header
}

// call is an event of cus_1 with a value.
func call(id string, value, ts any) []string {
	return []string{
		"event_name", "calls", "identifier", id, "payload[stripe_customer_id]", "cus_1",
		"payload[value]", fmt.Sprint(value), "timestamp", fmt.Sprint(ts),
	}
}

func want(t *testing.T, status int, message string, wantStatus int, wantMessage string) {
	t.Helper()
	if status != wantStatus || !strings.Contains(message, wantMessage) {
		t.Errorf("got %d %q, want %d with %q", status, message, wantStatus, wantMessage)
	}
}

func TestIdentifiersAreKeptForADay(t *testing.T) {
	t.Parallel()
	s := newServer(t, stripetest.Config{})
	ts := start.Unix() - 60
	for i, step := range []struct {
		after  time.Duration
		status int
	}{{0, 200}, {time.Hour, 400}, {23*time.Hour - time.Second, 400}, {time.Second, 200}} {
		s.Advance(step.after)
		status, msg, _ := post(t, s, fmt.Sprint("key", i), call("id-1", 5, ts)...)
		text := ""
		if step.status == 400 {
			text = "An event already exists with identifier id-1."
		}
		want(t, status, msg, step.status, text)
	}
	s.WantUsage("cus_1", "calls", 10) // Stripe forgot: it took it twice
	if st := s.Stats(); st.Accepted != 2 || st.Duplicates != 2 || st.Events != 4 {
		t.Errorf("got %+v", st)
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := newServer(t, stripetest.Config{})
	ts := start.Unix()
	status, msg, h := post(t, s, "k1", call("id-1", 5, ts)...)
	want(t, status, msg, 200, "")
	if h.Get("Idempotent-Replayed") != "" {
		t.Error("the first answer is a replay")
	}
	status, msg, h = post(t, s, "k1", call("id-1", 5, ts)...)
	want(t, status, msg, 200, "")
	if h.Get("Idempotent-Replayed") != "true" {
		t.Error("the second answer isn't a replay")
	}
	status, msg, _ = post(t, s, "k1", call("id-1", 6, ts)...)
	want(t, status, msg, 400, "same parameters")

	// A server error is kept too; another key meets the identifier.
	s.Fail(stripetest.Error500Applied)
	for range 2 {
		status, msg, h = post(t, s, "k2", call("id-2", 7, ts)...)
		want(t, status, msg, 500, "")
	}
	if h.Get("Idempotent-Replayed") != "true" {
		t.Error("the repeated 500 isn't a replay")
	}
	status, msg, _ = post(t, s, "k3", call("id-2", 7, ts)...)
	want(t, status, msg, 400, "already exists")

	// What is refused before it executes isn't kept.
	status, msg, _ = post(t, s, "k4", "event_name", "calls")
	want(t, status, msg, 400, "payload")
	status, msg, _ = post(t, s, "k4", call("id-4", 1, ts)...)
	want(t, status, msg, 200, "")
	s.WantUsage("cus_1", "calls", 5+7+1)

	s.Advance(24 * time.Hour)
	status, msg, _ = post(t, s, "k1", call("id-9", 1, ts)...)
	want(t, status, msg, 200, "")
}

func TestValidation(t *testing.T) {
	t.Parallel()
	now := start.Unix()
	tests := map[string]struct {
		params []string
		status int
		text   string
	}{
		"35 days":        {call("a", 1, now-35*86400), 200, ""},
		"more":           {call("b", 1, now-35*86400-1), 400, "more than 35 days in past"},
		"5 minutes":      {call("c", 1, now+300), 200, ""},
		"more ahead":     {call("d", 1, now+301), 400, "future"},
		"no integer":     {call("e", 1, "noon"), 400, "Invalid integer"},
		"15 digits":      {call("f", 999999999999999, now), 200, ""},
		"16 digits":      {call("g", 1000000000000000, now), 400, "at most 15 digits"},
		"long id":        {call(strings.Repeat("x", 101), 1, now), 400, "100 characters"},
		"unknown param":  {append(call("h", 1, now), "quantity", "1"), 400, "parameter_unknown"},
		"no event":       {[]string{"payload[value]", "1"}, 400, "event_name"},
		"no payload":     {[]string{"event_name", "calls"}, 400, "payload"},
		"no such meter":  {[]string{"event_name", "x", "payload[value]", "1"}, 400, `No active meter found for event name "x"`},
		"no identifier":  {[]string{"event_name", "calls", "payload[value]", "1", "payload[stripe_customer_id]", "cus_2"}, 200, ""},
		"dropped: value": {call("i", "1.5", now), 200, ""},
		"dropped: key":   {[]string{"event_name", "calls", "payload[n]", "1", "payload[stripe_customer_id]", "cus_2"}, 200, ""},
		"dropped: whom":  {[]string{"event_name", "calls", "payload[value]", "1"}, 200, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, stripetest.Config{})
			status, msg, _ := post(t, s, "", tt.params...)
			want(t, status, msg, tt.status, tt.text)
			billed := len(s.Totals()) == 1
			if wanted := tt.status == 200 && !strings.HasPrefix(name, "dropped"); billed != wanted {
				t.Errorf("billed is %v: %+v", billed, s.Totals())
			}
		})
	}
}

func TestDroppedLater(t *testing.T) {
	t.Parallel()
	s := newServer(t, stripetest.Config{AsyncMeters: true})
	s.DropNext(1, "meter_event_customer_not_found")
	now := start.Unix()
	for i := range 2 {
		status, msg, _ := post(t, s, "", call(fmt.Sprint("id-", i), 5, now)...)
		want(t, status, msg, 200, "")
	}
	s.DeleteCustomer("cus_1")
	status, msg, _ := post(t, s, "", call("id-3", 5, now)...)
	want(t, status, msg, 200, "")
	s.Archive("calls", true)
	status, msg, _ = post(t, s, "", call("id-4", 5, now)...)
	want(t, status, msg, 200, "")
	s.WantUsage("cus_1", "calls", 5)
	if n := s.Stats().Dropped; n != 3 {
		t.Errorf("%d dropped, want 3", n)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	s := newServer(t, stripetest.Config{})
	s.AddRestrictedKey("rk_test_some", "billing_meter_read")
	for _, tt := range []struct {
		path, key string
		status    int
		text      string
	}{
		{"/v1/account", stripetest.Key, 200, ""},
		{"/v1/account", "sk_test_otherKey1234", 401, "Invalid API Key provided: sk_test_********1234"},
		{"/v1/account", "", 401, "Invalid API Key"},
		{"/v1/account", "rk_test_some", 403, "Having the 'rak_account_read' permission would allow"},
		{"/v1/billing/meters", "rk_test_some", 200, ""},
		{"/v1/billing/meters/mtr_1", "rk_test_some", 200, ""},
		{"/v1/billing/meters/mtr_9", "rk_test_some", 404, "No such billing meter"},
		{"/v1/nothing", stripetest.Key, 404, "Unrecognized request URL (GET: /v1/nothing)."},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tt.key != "" {
			req.Header.Set("Authorization", "Bearer "+tt.key)
		}
		status, msg, h := do(t, req)
		want(t, status, msg, tt.status, tt.text)
		if h.Get("Date") != start.Format(http.TimeFormat) || h.Get("Request-Id") == "" {
			t.Errorf("got Date %q and Request-Id %q", h.Get("Date"), h.Get("Request-Id"))
		}
	}
}

func TestOneCallAtATime(t *testing.T) {
	t.Parallel()
	s := newServer(t, stripetest.Config{Latency: 200 * time.Millisecond})
	var mu sync.Mutex
	got := map[string]int{}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			status, msg, _ := post(t, s, "", call(fmt.Sprint("id-", i), 1, start.Unix())...)
			code, _, _ := strings.Cut(msg, " ")
			mu.Lock()
			defer mu.Unlock()
			got[fmt.Sprint(status, " ", code)]++
		})
	}
	wg.Wait()
	if got["200 "] < 1 || got["200 "]+got["429 lock_timeout"] != 4 || got["429 lock_timeout"] < 1 {
		t.Errorf("got %v, want some 200 and some 429 lock_timeout", got)
	}
	s.WantUsage("cus_1", "calls", int64(got["200 "]))
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	s := newServer(t, stripetest.Config{PerSecond: 3})
	for i := range 5 {
		status, msg, _ := post(t, s, "", call(fmt.Sprint("id-", i), 1, start.Unix())...)
		if i < 3 {
			want(t, status, msg, 200, "")
		} else {
			want(t, status, msg, 429, "rate_limit")
		}
	}
	s.Advance(time.Second)
	status, msg, _ := post(t, s, "", call("id-9", 1, start.Unix())...)
	want(t, status, msg, 200, "")
}

// A client that is killed in the middle of a request makes no event.
func TestTornRequest(t *testing.T) {
	t.Parallel()
	s := newServer(t, stripetest.Config{})
	body := url.Values{"event_name": {"calls"}, "payload[stripe_customer_id]": {"cus_1"}, "payload[value]": {"1000"}}.Encode()
	head := "POST /v1/billing/meter_events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.Key + "\r\n"
	for _, request := range []string{
		head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body[:len(body)-3]),
		head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s", len(body), body[:len(body)-3]),
		head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(body)-3, body[:len(body)-3]),
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		// The server has judged the request when it closes the connection.
		if answer, err := io.ReadAll(conn); err != nil && !errors.Is(err, io.EOF) || strings.Contains(string(answer), " 200 ") {
			t.Errorf("got %q, %v", answer, err)
		}
		conn.Close()
	}
	if st := s.Stats(); st.Torn != 3 || st.Accepted != 0 {
		t.Errorf("got %+v, want three torn requests", st)
	}
}

func TestSummaries(t *testing.T) {
	t.Parallel()
	hour := start.Truncate(time.Hour)
	at := func(minutes int) int64 { return hour.Add(time.Duration(minutes) * time.Minute).Unix() }
	s := newServer(t, stripetest.Config{Lag: time.Minute})
	meters := map[string]string{"calls": "mtr_1"}
	meters["counted"] = s.AddMeter(stripetest.Meter{EventName: "counted", Formula: "count"})
	meters["newest"] = s.AddMeter(stripetest.Meter{EventName: "newest", Formula: "last"})
	meters["hourly"] = s.AddMeter(stripetest.Meter{EventName: "hourly", Window: "hour"})
	for name := range meters {
		for i, e := range []struct {
			value  string
			minute int
		}{{"5", -61}, {"7", -60}, {"11", 0}, {"13", 29}} {
			status, msg, _ := post(t, s, "", "event_name", name, "identifier", fmt.Sprint(name, i), "timestamp", fmt.Sprint(at(e.minute)),
				"payload[stripe_customer_id]", "cus_1", "payload[value]", e.value)
			want(t, status, msg, 200, "")
		}
	}
	read := func(meter, query string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v1/billing/meters/"+meter+"/event_summaries?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.Key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var list struct {
			Data []struct {
				Value json.Number `json:"aggregated_value"`
				Start int64       `json:"start_time"`
			}
			Error *struct{ Message string }
		}
		if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
			t.Fatal(err)
		}
		if list.Error != nil {
			return list.Error.Message
		}
		out := []string{}
		for _, d := range list.Data {
			out = append(out, fmt.Sprintf("%d:%s", (d.Start-hour.Unix())/60, d.Value))
		}
		return strings.Join(out, " ")
	}
	span := func(from, to int) string {
		return fmt.Sprintf("customer=cus_1&start_time=%d&end_time=%d", at(from), at(to))
	}
	if got := read("mtr_1", span(-120, 60)); got != "" {
		t.Errorf("before the lag: got %s", got)
	}
	s.Advance(time.Minute)
	for _, tt := range []struct{ meter, query, want string }{
		{"calls", span(-120, 60), "-120:36"},
		{"calls", span(-120, 60) + "&value_grouping_window=hour", "0:24 -60:7 -120:5"},
		{"calls", span(0, 1), "0:11"},
		{"calls", span(1, 2), ""},
		{"calls", span(0, 29), "0:11"}, // the end is exclusive
		{"counted", span(-120, 60), "-120:4"},
		{"newest", span(-120, 60), "-120:13"},
		{"hourly", span(-120, 60), "-120:25"}, // 5 and 7 and, overwritten, 13
		{"calls", "customer=cus_2" + span(0, 1)[len("customer=cus_1"):], ""},
		{"calls", span(1, 1), "aligned"},
		{"calls", span(0, 30) + "&value_grouping_window=hour", "aligned"},
		{"calls", span(0, 60) + "&value_grouping_window=week", "Invalid"},
		{"calls", "start_time=0&end_time=60", "customer"},
		{"calls", "customer=cus_1", "start_time"},
		{"calls", fmt.Sprintf("customer=cus_1&start_time=%d&end_time=%d", at(0)+1, at(1)), "aligned"},
	} {
		got := read(meters[tt.meter], tt.query)
		if got != tt.want && (tt.want == "" || !strings.Contains(got, tt.want) || strings.Contains(tt.want, ":")) {
			t.Errorf("%s?%s: got %q, want %q", tt.meter, tt.query, got, tt.want)
		}
	}
	wantTotals := []stripetest.Total{
		{EventName: "calls", Customer: "cus_1", Hour: "2026-11-24T10:00:00Z", Value: 5, Events: 1},
		{EventName: "calls", Customer: "cus_1", Hour: "2026-11-24T11:00:00Z", Value: 7, Events: 1},
		{EventName: "calls", Customer: "cus_1", Hour: "2026-11-24T12:00:00Z", Value: 24, Events: 2},
	}
	if got := s.Totals()[:3]; !reflect.DeepEqual(got, wantTotals) {
		t.Errorf("got %+v, want %+v", got, wantTotals)
	}
	s.WantUsage("cus_1", "hourly", 25)
}

// Chaos is the same for the same seed, and every fault occurs.
func TestChaosRepeats(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (statuses []int, st stripetest.Stats) {
		s := newServer(t, stripetest.Config{Slow: time.Millisecond})
		s.Chaos(50, seed)
		for i := range 200 {
			status, _, _ := post(t, s, "", call(fmt.Sprint("id-", i), 1, start.Unix())...)
			statuses = append(statuses, status)
		}
		return statuses, s.Stats()
	}
	a, st := run(1)
	b, _ := run(1)
	c, _ := run(2)
	if !reflect.DeepEqual(a, b) || reflect.DeepEqual(a, c) {
		t.Error("the faults don't follow the seed")
	}
	if st.Faults < 70 || st.Faults > 130 {
		t.Errorf("%d of 200 calls failed, want about half", st.Faults)
	}
	seen := map[int]bool{}
	for _, status := range a {
		seen[status] = true
	}
	for _, status := range []int{0, 200, 409, 429, 500, 502, 503} {
		if !seen[status] {
			t.Errorf("no answer has the status %d", status)
		}
	}
}
