package admin

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/logmeter/logmeter/agent"
)

// metrics is a page in Prometheus's text format 0.0.4
// (prometheus.io/docs/instrumenting/exposition_formats). Labels are sources,
// states and kinds of events: there are few of each, and never a customer.
type metrics struct{ bytes.Buffer }

// family begins a metric; its samples follow.
func (m *metrics) family(name, kind, help string) {
	fmt.Fprintf(m, "# HELP logmeter_%[1]s %[2]s\n# TYPE logmeter_%[1]s %[3]s\n", name, help, kind)
}

// sample writes a value under labels, which come in pairs. Values are integers,
// as all counts here are.
func (m *metrics) sample(name string, value int64, labels ...string) {
	m.WriteString("logmeter_" + name)
	for i := 0; i < len(labels); i += 2 {
		sep := byte(',')
		if i == 0 {
			sep = '{'
		}
		m.WriteByte(sep)
		m.WriteString(labels[i] + `="` + labelEscapes.Replace(labels[i+1]) + `"`)
	}
	if len(labels) > 0 {
		m.WriteByte('}')
	}
	m.WriteString(" " + strconv.FormatInt(value, 10) + "\n")
}

var labelEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// single writes a metric of one sample.
func (m *metrics) single(name, kind, help string, value int64) {
	m.family(name, kind, help)
	m.sample(name, value)
}

// moment writes a time in Unix seconds, unless it isn't known.
func (m *metrics) moment(name, help string, t time.Time) {
	if !t.IsZero() {
		m.single(name, "gauge", help, t.Unix())
	}
}

func (s *Server) getMetrics(w http.ResponseWriter, _ *http.Request) {
	st, err := s.State()
	if err != nil {
		writeProblem(w, http.StatusInternalServerError, err)
		return
	}
	var m metrics
	now := s.Now()
	m.family("build_info", "gauge", "Always 1; the version of logmeter is its label.")
	m.sample("build_info", 1, "version", s.Version)
	m.moment("start_time_seconds", "When the agent started, Unix time.", s.Started)
	if s.Stats != nil {
		stats := s.Stats()
		m.sources(stats.Feeds, now)
		m.delivery(&stats.Delivery, s.setup.Load().NotSending)
	}
	m.state(&st, now)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(m.Bytes())
}

func (m *metrics) sources(feeds []agent.FeedStats, now time.Time) {
	each := func(name, kind, help string, write func(*agent.FeedStats)) {
		m.family(name, kind, help)
		for i := range feeds {
			write(&feeds[i])
		}
	}
	each("lines_total", "counter", "Lines read since the start, by where they went.", func(f *agent.FeedStats) {
		m.sample("lines_total", int64(f.Lines.Billed), "source", f.Name, "fate", "billed")
		m.sample("lines_total", int64(f.Lines.NotBillable()), "source", f.Name, "fate", "not_billable")
		m.sample("lines_total", int64(f.Lines.NoCustomer), "source", f.Name, "fate", "no_customer")
		m.sample("lines_total", int64(f.Lines.Refused), "source", f.Name, "fate", "refused")
	})
	each("accounting_remainder_lines", "gauge", "Lines that nothing accounts for; not 0 is a fault of logmeter.", func(f *agent.FeedStats) {
		m.sample("accounting_remainder_lines", f.Lines.Remainder(), "source", f.Name)
	})
	each("source_bytes_total", "counter", "Bytes read as lines since the start.", func(f *agent.FeedStats) {
		m.sample("source_bytes_total", int64(f.Source.Bytes), "source", f.Name)
	})
	each("source_lag_bytes", "gauge", "Bytes of open logs that aren't counted yet.", func(f *agent.FeedStats) {
		m.sample("source_lag_bytes", f.Source.Behind, "source", f.Name)
	})
	each("source_lag_seconds", "gauge", "Time since the logs were last read to their end.", func(f *agent.FeedStats) {
		if !f.ReadTo.IsZero() {
			m.sample("source_lag_seconds", seconds(now.Sub(f.ReadTo)), "source", f.Name)
		}
	})
	each("source_blocked", "gauge", "1 while a source can't be read.", func(f *agent.FeedStats) {
		m.sample("source_blocked", flag(f.Blocked != nil), "source", f.Name)
	})
	each("source_events_total", "counter", "What happened to the files of a source, by kind.", func(f *agent.FeedStats) {
		for _, e := range f.Source.Events {
			m.sample("source_events_total", int64(e.Count), "source", f.Name, "kind", e.Kind)
		}
	})
}

func (m *metrics) delivery(d *agent.DeliveryStats, notSending string) {
	m.single("delivery_stopped", "gauge", "1 while no usage can be sent.", flag(notSending != "" || d.Trouble != ""))
	m.moment("last_accepted_timestamp_seconds", "When usage was last accepted since the start, Unix time.", d.LastAccepted)
	m.moment("last_audit_timestamp_seconds", "When the ledger was last compared with Stripe's summaries, Unix time.", d.Audit.At)
	if !d.Audit.At.IsZero() {
		m.family("audit_units", "gauge", "Units that the last audit found at Stripe beyond the ledger (foreign) or missing there (dropped).")
		m.sample("audit_units", d.Audit.ForeignUnits, "kind", "foreign")
		m.sample("audit_units", d.Audit.DroppedUnits, "kind", "dropped")
	}
}

func (m *metrics) state(st *State, now time.Time) {
	m.family("outbox_entries", "gauge", "Entries on their way to Stripe, by state.")
	m.sample("outbox_entries", int64(st.Sealed), "state", "waiting")
	m.sample("outbox_entries", int64(st.Held), "state", "held")
	m.sample("outbox_entries", int64(st.Parked), "state", "parked")
	m.single("parked_entries", "gauge", "Entries that are refused until a person acts.", int64(st.Parked))
	m.single("held_entries", "gauge", "Entries that wait for Stripe's summaries.", int64(st.Held))
	oldest := int64(0)
	if st.Entries() > 0 {
		oldest = seconds(now.Sub(st.Oldest.End()))
	}
	m.single("outbox_oldest_seconds", "gauge", "Time since the end of the oldest hour in the outbox; 0 when it is empty.", oldest)
	m.single("state_disk_bytes", "gauge", "Size of the state's tables.", st.DiskBytes)
	m.single("state_free_bytes", "gauge", "What may still be written before counting stops.", st.FreeBytes)
	m.single("state_lost_commits", "gauge", "Commits that were gone when the state was opened; they are counted again.", int64(st.Lost))
}

// seconds returns a time in whole seconds; none that is below 0, as when the
// clock was set.
func seconds(d time.Duration) int64 { return int64(max(0, d) / time.Second) }

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
