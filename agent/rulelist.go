package agent

import "slices"

// ruleList is the rules that have one path pattern in common. Where many of
// them differ in a value that they ask for, a host or a field, they are looked
// up by it, so that a line's cost doesn't grow with those that ask for others.
type ruleList struct {
	all   []int32 // in the order of the meters
	plain []int32 // those of all that are tried on every line
	keyed []keyed
}

// keyed is the rules of a list that ask for one of some values of one thing.
type keyed struct {
	field int // index into Record.Fields, or keyHost
	rules map[string][]int32
	// heads are rules that differ in what is asked before the value: one of
	// each kind. They tell how close a line comes whose value leads to none.
	heads []int32
}

// keyHost says that rules are looked up by the host.
const keyHost = -1

// manyRules is from how many rules on looking them up is cheaper than trying
// each.
const manyRules = 3

// index sorts all into plain and keyed.
func (l *ruleList) index(rules []rule) {
	if len(l.all) < manyRules {
		l.plain = l.all
		return
	}
	for _, m := range l.all {
		field, values, ok := rules[m].key()
		if !ok {
			l.plain = append(l.plain, m)
			continue
		}
		i := slices.IndexFunc(l.keyed, func(k keyed) bool { return k.field == field })
		if i < 0 {
			i = len(l.keyed)
			l.keyed = append(l.keyed, keyed{field: field, rules: map[string][]int32{}})
		}
		k := &l.keyed[i]
		for v := range values {
			k.rules[v] = append(k.rules[v], m)
		}
		if !slices.ContainsFunc(k.heads, func(h int32) bool { return rules[h].sameHead(&rules[m], field) }) {
			k.heads = append(k.heads, m)
		}
	}
}

// key returns by which values a rule can be looked up: one that it must find
// in a field, else its host.
func (r *rule) key() (field int, values map[string]bool, ok bool) {
	for i := range r.fields {
		if f := &r.fields[i]; f.values != nil {
			return f.field, f.values, true
		}
	}
	return keyHost, r.hosts, r.hosts != nil
}

// sameHead reports whether r and o ask for the same before the key.
func (r *rule) sameHead(o *rule, field int) bool {
	same := slices.Equal(r.methods, o.methods) && r.status == o.status
	if field == keyHost || !same {
		return same
	}
	if len(r.hosts) != len(o.hosts) {
		return false
	}
	for h := range r.hosts {
		if !o.hosts[h] {
			return false
		}
	}
	return true
}

func (l *ruleList) appendTo(lists []*ruleList) []*ruleList {
	if len(l.all) == 0 {
		return lists
	}
	return append(lists, l)
}

// candidates appends to rules those of the list that rec may satisfy, and maybe
// some of them twice.
func (l *ruleList) candidates(rec *Record, rules []int32) []int32 {
	rules = append(rules, l.plain...)
	for i := range l.keyed {
		k := &l.keyed[i]
		if k.field != keyHost {
			rules = append(rules, k.rules[string(rec.field(k.field))]...)
			continue
		}
		rules = append(rules, k.rules[string(rec.Host)]...)
		for end := parent(rec.Host); end != nil; end = parent(end) {
			rules = append(rules, k.rules[string(end)]...)
		}
	}
	return rules
}

// closest returns how close rec comes to the rules that candidates leaves out.
func (l *ruleList) closest(rec *Record, rules []rule) Rule {
	best := RulePath
	for i := range l.keyed {
		k := &l.keyed[i]
		end := RuleField
		if k.field == keyHost {
			end = RuleHost
		}
		for _, h := range k.heads {
			best = max(best, rules[h].fails(rec, end))
		}
	}
	return best
}
