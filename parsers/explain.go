package parsers

import (
	"fmt"
	"strings"
)

// explain says what is wrong with a format in which variables aren't
// determined, with a line that shows it for the first, and what mends that.
func (t *template) explain(found []ambiguity) string {
	w := &found[0]
	name := t.vars[w.variable].name
	var others []string
	for _, o := range found[1:] {
		others = append(others, t.vars[o.variable].name)
	}
	also := ""
	if len(others) > 0 {
		also = ", and so with " + strings.Join(others, ", ")
	}
	return fmt.Sprintf("%s can't be told for certain: the line %q can be read with %s as %q or as %q, so what a client sends can change it%s; %s",
		name, w.line, name, w.readings[0][w.variable], w.readings[1][w.variable], also, t.remedy(w))
}

// remedy names what keeps the variables apart that the witness mixes up.
func (t *template) remedy(w *ambiguity) string {
	if strings.HasPrefix(t.vars[w.variable].name, "%") {
		return "log with json_format, where Envoy escapes what clients send, or move it in front of what they send, or say what it can hold in charset"
	}
	if t.vars[w.variable].escape == escapeNone {
		return "log with escape=json or escape=default, which write quotes and line ends from clients so that they can't be taken for the format's"
	}
	var bare []string
	for i := range t.vars {
		quoted := strings.HasSuffix(t.lits[i], `"`) && strings.HasPrefix(t.lits[i+1], `"`)
		if v := &t.vars[i]; v.open && !quoted && w.readings[0][i] != w.readings[1][i] {
			bare = append(bare, v.name)
		}
	}
	if len(bare) == 0 {
		return "separate it from its neighbours by a quote"
	}
	return fmt.Sprintf(`put %s in quotes in nginx's log_format, as in "%s", or say what it can hold in charset`, strings.Join(bare, ", "), bare[0])
}
