package stripe

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/stripe/stripetest"
)

// An audit reads every hour exactly, over several pages, negative ones too.
func TestHours(t *testing.T) {
	t.Parallel()
	clock := &virtual{start: november}
	s := stripetest.NewServer(t, stripetest.Config{Now: clock.now}, event)
	b := biller(t, Options{APIBase: s.URL, Now: clock.now})
	b.Start(t.Context())
	last := agent.WindowOf(november)
	first := last - 30*24
	var want []agent.HourSum
	for i := range 250 {
		e := entryOf(t, b, "cus_1", uint32(i+1), int64(1+i*1_000_000_007))
		e.Window = first + agent.Window(i)
		e.Identifier = fmt.Sprint("id-", i)
		e.Timestamp = e.Window.Start().Unix() + 59*60
		if i%3 == 0 {
			e.Value = -e.Value
		}
		wantVerdict(t, b.Send(t.Context(), e), agent.VerdictAccepted)
		want = append(want, agent.HourSum{Window: e.Window, Sum: e.Value})
	}
	got, err := b.Hours(t.Context(), event, "cus_1", first, last)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %d hours %v, %v; want %d", len(got), got, err, len(want))
	}
	got, err = b.Hours(t.Context(), event, "cus_1", first+10, first+20)
	if err != nil || !reflect.DeepEqual(got, want[10:20]) {
		t.Errorf("got %v, %v; want %v", got, err, want[10:20])
	}
	got, err = b.Hours(t.Context(), event, "cus_2", first, last)
	if err != nil || len(got) != 0 {
		t.Errorf("got %v, %v of a customer without usage", got, err)
	}
	for _, span := range [][2]agent.Window{{last, last}, {last, first}, {first - 1000, last}, {agent.FirstWindow, agent.LastWindow}} {
		if _, err := b.Hours(t.Context(), event, "cus_1", span[0], span[1]); err == nil {
			t.Errorf("%v is taken", span)
		}
	}
	if _, err := b.Hours(t.Context(), "other", "cus_1", first, last); !errors.Is(err, agent.ErrNoSummaries) {
		t.Errorf("got %v of a meter that isn't there", err)
	}
	s.Play(1, stripetest.Act{Kind: stripetest.NoPermission, Name: "billing_meter_read", For: stripetest.Duration(time.Hour)})
	if _, err := b.Hours(t.Context(), event, "cus_1", first, last); !errors.Is(err, agent.ErrNoSummaries) || !strings.Contains(err.Error(), "Billing meters: Read") {
		t.Errorf("got %v without the permission", err)
	}
	p, err := NewPrinter(io.Discard, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Hours(t.Context(), event, "cus_1", first, last); !errors.Is(err, agent.ErrNoSummaries) {
		t.Errorf("a Printer reads hours: %v", err)
	}
}

// What an audit may be answered, and whether it is believed. T0 and T1 are the
// starts of the two hours asked for, T2 their end.
func TestHoursAnswers(t *testing.T) {
	t.Parallel()
	one := func(value, start, end string) string {
		return fmt.Sprintf(`{"id":"a","aggregated_value":%s,"start_time":%s,"end_time":%s}`, value, start, end)
	}
	list := func(items ...string) string { return `{"object":"list","data":[` + strings.Join(items, ",") + `]}` }
	tests := []struct{ body, want string }{
		{list(), "[]"},
		{list(one("5", "T1", "T2"), one("-7.0", "T0", "T1")), "[-7 5]"},
		{list(one("0", "T0", "T1")), "[0]"},
		{list(one("5", "T0", "T1"), one("5", "T0", "T1")), "twice"},
		{list(one("5", "T0", "T2")), "another time"},
		{list(one("5", "T2", "T2")), "another time"},
		{list(one("5", "0", "3600")), "another time"},
		{list(one("5", "99999999999999999", "99999999999999999")), "another time"},
		{list(one("5.5", "T0", "T1")), "whole number"},
		{list(one("null", "T0", "T1")), "whole number"},
		{`{"object":"list","has_more":true,"data":[{"aggregated_value":1,"start_time":T0,"end_time":T1}]}`, "doesn't end"},
		{`{"object":"list","has_more":true,"data":[` + one("5", "T0", "T1") + `]}`, "doesn't end"},
		{`{"object":"list","has_more":true,"data":[]}`, "[]"},
		{`{}`, "isn't a list"},
		{``, "broken"},
	}
	for _, tt := range tests {
		w := agent.WindowOf(november)
		body := strings.NewReplacer("T0", itoa(w.Start().Unix()), "T1", itoa(w.End().Unix()), "T2", itoa((w + 1).End().Unix())).Replace(tt.body)
		url := serve(t, func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, body) })
		b := biller(t, Options{APIBase: url})
		b.catalogue.meters, b.catalogue.read = []settings{settingsOf(meterOf(event, "sum"))}, b.now()
		hours, err := b.Hours(t.Context(), event, "cus_1", w, w+2)
		sums := []int64{}
		for _, h := range hours {
			sums = append(sums, h.Sum)
		}
		got := fmt.Sprint(sums)
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != tt.want || err != nil && !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %s, want %s", tt.body, got, tt.want)
		}
	}
}
