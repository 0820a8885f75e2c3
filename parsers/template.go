package parsers

import "slices"

// template is a text format: literal, variable, literal, … literal. Literals
// may be empty; there is one more of them than there are variables.
type template struct {
	lits []string
	vars []variable
}

// variable is one place of a template that is filled in for every line.
type variable struct {
	name   string // as messages and the configuration write it: "$status"
	line   int    // 0-based, where in the pasted text it stands
	lang   *language
	escape escape
	// open says that the variable can hold text from outside, and so nearly
	// anything that its escape can print.
	open bool
	// parsed says that reading the variable's value checks it anyway.
	parsed bool
	// narrowed: the user said what it holds, and every line is held to that.
	narrowed bool
}

// literal appends text to the template.
func (t *template) literal(text string) {
	if len(t.lits) == len(t.vars) {
		t.lits = append(t.lits, "")
	}
	t.lits[len(t.vars)] += text
}

// variable appends a variable to the template.
func (t *template) variable(v variable) {
	t.literal("")
	t.vars = append(t.vars, v)
}

// find returns the index of the first variable with one of the names, in the
// names' order of preference, or -1.
func (t *template) find(names ...string) int {
	for _, name := range names {
		for i := range t.vars {
			if t.vars[i].name == name {
				return i
			}
		}
	}
	return -1
}

// names returns the variables' names, each once, in their order.
func (t *template) names() []string {
	var names []string
	for i := range t.vars {
		if name := t.vars[i].name; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
