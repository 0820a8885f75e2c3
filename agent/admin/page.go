package admin

import (
	"io"
	"net/http"
	"strconv"
	"time"
)

// pageFor is how long a page is shown before another is made of the books.
const pageFor = 5 * time.Second

// page is the status page as it was made.
type page struct {
	at   time.Time
	text string
}

func (s *Server) getPage(w http.ResponseWriter, _ *http.Request) {
	text, err := s.pageText()
	if err != nil {
		writeProblem(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, text)
}

// pageText returns the status page. One caller makes it, the others wait.
func (s *Server) pageText() (string, error) {
	s.paging.Lock()
	defer s.paging.Unlock()
	now := s.Now().UTC()
	if now.Sub(s.page.at).Abs() < pageFor {
		return s.page.text, nil
	}
	st, err := s.Status()
	if err != nil {
		return "", err
	}
	meters, err := s.day(now)
	if err != nil {
		return "", err
	}
	s.page = page{now, pageOf(st, meters, now)}
	return s.page.text, nil
}

// pageOf writes the page: the three answers, what needs a person, and then the
// details in the order in which usage flows.
func pageOf(st *Status, meters []*meterDay, now time.Time) string {
	var m markup
	m.f(pageHead, st.Instance)
	m.f("<header><h1>%s</h1><p>logmeter %s · %s</p></header>\n<main>\n", st.Instance, st.Version, timeOf(now)+" UTC")
	m.answers(st)
	m.needs(st.Needs)
	m.sources(st)
	for _, d := range meters {
		m.meter(d, now)
	}
	if len(meters) == 0 {
		m.f("<section><h2>Usage of the past 24 hours</h2><p class=none>Nothing was counted.</p></section>\n")
	}
	m.outbox(&st.Outbox)
	m.f("<section><h2>State</h2><dl><dt>Folder</dt><dd>%s</dd><dt>On disk</dt><dd>%s</dd><dt>May still be written</dt><dd>%s</dd><dt>Stripe account</dt><dd>%s</dd></dl></section>\n",
		st.State.Dir, sizeText(st.State.DiskBytes), sizeText(st.State.FreeBytes), orNone(st.State.Account, "not bound to one yet"))
	m.WriteString("</main></body></html>\n")
	return m.String()
}

func (m *markup) answers(st *Status) {
	m.WriteString("<section class=answers>\n")
	for _, a := range []struct{ question, answer, class string }{
		{"Is it counting?", st.Counting(), classOf(st.Needs, func(n Need) bool { return n.Topic != "sending" })},
		{"Is it sending?", st.SendingText(), classOf(st.Needs, func(n Need) bool { return n.Topic == "sending" })},
		{"What needs me?", needsLine(st.Needs), classOf(st.Needs, func(Need) bool { return true })},
	} {
		m.f("<div class=%s><h2>%s</h2><p>%s</p></div>\n", a.class, a.question, a.answer)
	}
	m.WriteString("</section>\n")
}

// classOf returns how grave the gravest of some needs is.
func classOf(needs []Need, of func(Need) bool) string {
	class := "ok"
	for _, n := range needs {
		if of(n) && class != Problem {
			class = n.Severity
		}
	}
	return class
}

func needsLine(needs []Need) string {
	problems := 0
	for _, n := range needs {
		if n.Severity == Problem {
			problems++
		}
	}
	switch {
	case len(needs) == 0:
		return "Nothing."
	case problems == 0:
		return count(len(needs), "warning", "warnings") + ", nothing urgent"
	}
	return count(problems, "problem", "problems") + ", " + count(len(needs)-problems, "warning", "warnings")
}

func (m *markup) needs(needs []Need) {
	if len(needs) == 0 {
		return
	}
	m.WriteString("<section class=needs>\n")
	for _, n := range needs {
		m.f("<article class=%s><h3>%s · %s</h3><p>%s</p>", n.Severity, n.Severity, n.Topic, n.Text)
		if n.Hint != "" {
			m.f("<p class=hint>%s</p>", n.Hint)
		}
		m.WriteString("</article>\n")
	}
	m.WriteString("</section>\n")
}

func (m *markup) sources(st *Status) {
	m.WriteString("<section><h2>Sources</h2><div class=wide><table><thead><tr><th>Source<th>Log<th class=n>Behind<th>Last line (UTC)<th class=n>Lines, 24 h<th class=n>Billed<th class=n>Not billable<th class=n>No customer<th class=n>Refused</thead><tbody>\n")
	for i := range st.Sources {
		s := &st.Sources[i]
		m.f("<tr><td>%s<td>%s<td class=n>%s<td>%s", s.Name, s.Path, sizeText(s.Behind), timeOf(s.LastLine))
		for _, n := range []uint64{s.Day.Lines, s.Day.Billed, s.Day.NotBillable, s.Day.NoCustomer, s.Day.Refused} {
			m.f("<td class=n>%s", thousands(n))
		}
		m.WriteString("\n")
	}
	m.WriteString("</tbody></table></div><p class=note>lines = billed + not billable + no customer + refused</p></section>\n")
}

func (m *markup) outbox(o *Outbox) {
	m.WriteString("<section><h2>Outbox</h2>\n")
	if o.Entries() == 0 {
		m.WriteString("<p class=none>Empty: all that was sealed is settled.</p></section>\n")
		return
	}
	m.WriteString("<div class=wide><table><thead><tr><th>State<th class=n>Entries<th class=n>Units<th>Why<th>Oldest hour (UTC)<th>Stripe takes it until</thead><tbody>\n")
	for _, p := range []struct {
		name string
		Pile
	}{{"waiting", o.Sealed}, {"held", o.Held}, {"parked", o.Parked}} {
		if p.Entries > 0 {
			m.f("<tr class=sum><td>%s<td class=n>%s<td class=n>%d<td><td><td>\n", p.name, thousands(uint64(p.Entries)), p.Units)
		}
		for _, r := range o.Reasons {
			if r.State == p.name || r.State == "sealed" && p.name == "waiting" {
				m.f("<tr><td><td class=n>%s<td class=n>%d<td class=w>%s<td>%s<td>%s\n", thousands(uint64(r.Entries)), r.Units, r.Text, timeOf(r.Oldest), timeOf(r.Deadline))
			}
		}
	}
	m.WriteString("</tbody></table></div></section>\n")
}

func timeOf(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

func orNone(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

// thousands writes a number with thin spaces, so that it can be read.
func thousands(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + string(thinSpace) + s[i:]
	}
	return s
}
