package stripe

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

func TestSummary(t *testing.T) {
	t.Parallel()
	s := stripetest.NewServer(t, stripetest.Config{Lag: time.Minute}, event)
	b := billerOf(t, s)
	e := entry(b, t)
	minute, hourly := [2]time.Time{e.Time(), e.Time().Add(time.Minute)}, [2]time.Time{e.Window.Start(), e.Window.End()}
	want := func(span [2]time.Time, want int64) {
		t.Helper()
		if got, err := b.Summary(t.Context(), e, span[0], span[1]); err != nil || got != want {
			t.Errorf("got %d, %v; want %d", got, err, want)
		}
	}
	wantVerdict(t, b.Send(t.Context(), e), agent.VerdictAccepted)
	want(minute, 0) // Stripe's summaries lag
	s.Advance(2 * time.Minute)
	want(minute, 7)
	other := entryOf(t, b, "cus_1", 2, 30)
	other.Timestamp += 60
	wantVerdict(t, b.Send(t.Context(), other), agent.VerdictAccepted)
	s.Advance(2 * time.Minute)
	want(minute, 7)
	want(hourly, 37)
	for _, fault := range []stripetest.Fault{
		stripetest.Limited, stripetest.Error500, stripetest.Unavailable,
		stripetest.HTML, stripetest.HTMLSuccess, stripetest.Truncate, stripetest.Empty,
	} {
		s.FailReads(fault)
		if got, err := b.Summary(t.Context(), e, minute[0], minute[1]); err == nil {
			t.Errorf("%v: got %d, want an error", fault, got)
		}
	}
	for _, span := range [][2]time.Time{
		{minute[0].Add(time.Second), minute[1]}, {minute[0], minute[1].Add(time.Second)}, {minute[1], minute[0]}, {minute[0], minute[0]},
	} {
		if _, err := b.Summary(t.Context(), e, span[0], span[1]); err == nil {
			t.Errorf("%v is taken for whole minutes", span)
		}
	}
	if _, err := b.Summary(t.Context(), &agent.Entry{EventName: event}, minute[0], minute[1]); err == nil {
		t.Error("an entry that isn't frozen has a summary")
	}
}

// What Stripe may answer, and whether it is believed. TS is the start.
func TestSummaryAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		body string
		want string // the number, or a part of the error
	}{
		{`{"object":"list","data":[]}`, "0"},
		{`{"object":"list","data":[{"aggregated_value":5,"start_time":TS,"end_time":TE}]}`, "5"},
		{`{"object":"list","data":[{"aggregated_value":5.0,"start_time":TS,"end_time":TE}]}`, "5"},
		{`{"object":"list","data":[{"aggregated_value":"5.00","start_time":TS,"end_time":TE}]}`, "5"},
		{`{"object":"list","data":[{"aggregated_value":0,"start_time":TS,"end_time":TE}]}`, "0"},
		{`{"object":"list","data":[{"aggregated_value":9007199254740993,"start_time":TS,"end_time":TE}]}`, "9007199254740993"},
		{`{"object":"list","data":[{"aggregated_value":9223372036854775807,"start_time":TS,"end_time":TE}]}`, "9223372036854775807"},
		{`{"object":"list","data":[{"aggregated_value":-5,"start_time":TS,"end_time":TE}]}`, "-5"},
		{`{"object":"list","data":[{"aggregated_value":-5.0,"start_time":TS,"end_time":TE}]}`, "-5"},
		{`{"object":"list","data":[{"aggregated_value":9223372036854775808,"start_time":TS,"end_time":TE}]}`, "whole number"},
		{`{"object":"list","data":[{"aggregated_value":5.5,"start_time":TS,"end_time":TE}]}`, "whole number"},
		{`{"object":"list","data":[{"aggregated_value":1e16,"start_time":TS,"end_time":TE}]}`, "whole number"},
		{`{"object":"list","data":[{"aggregated_value":1e999999999,"start_time":TS,"end_time":TE}]}`, "whole number"},
		{`{"object":"list","data":[{"start_time":TS,"end_time":TE}]}`, "whole number"},
		{`{"object":"list","data":[{"aggregated_value":null,"start_time":TS,"end_time":TE}]}`, "whole number"},
		{`{"object":"list","data":[{"aggregated_value":"x","start_time":TS,"end_time":TE}]}`, "broken"},
		{`{"object":"list","data":[{"aggregated_value":5,"start_time":60,"end_time":TE}]}`, "another time"},
		{`{"object":"list","data":[{"aggregated_value":5,"start_time":TS,"end_time":9999999999}]}`, "another time"},
		{`{"object":"list","data":[{"aggregated_value":5,"start_time":TS,"end_time":TE,"livemode":true}]}`, "another time or mode"},
		{`{"object":"list","data":[{"aggregated_value":5,"start_time":TS,"end_time":TE},{"aggregated_value":5,"start_time":TS,"end_time":TE}]}`, "several"},
		{`{"object":"list","data":[],"has_more":true}`, "several"},
		{`{}`, "isn't a list"},
		{`[]`, "broken"},
		{`null`, "isn't a list"},
		{``, "broken"},
	}
	for _, tt := range tests {
		var e *agent.Entry
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			start := r.URL.Query().Get("start_time")
			body := strings.ReplaceAll(tt.body, "TS", start)
			_, _ = w.Write([]byte(strings.ReplaceAll(body, "TE", fmt.Sprint(e.Timestamp+60))))
		})
		b := biller(t, Options{APIBase: url})
		b.catalogue.meters, b.catalogue.read = []settings{settingsOf(meterOf(event, "sum"))}, b.now()
		e = entry(b, t)
		n, err := b.Summary(t.Context(), e, e.Time(), e.Time().Add(time.Minute))
		got := fmt.Sprint(n)
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != tt.want || err != nil && !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %s, want %s", tt.body, got, tt.want)
		}
	}
}
