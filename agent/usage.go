package agent

// Usage is what one customer used of one meter in one window, as it stands in
// the store.
type Usage struct {
	Meter    string
	Customer string // as logged; "" for the usage of customers beyond the most
	Window   Window
	Total    uint64 // counted so far
	Reported uint64 // of Total, moved to the outbox by Seal
}

// Rule is why a line is not billable: the condition that it failed of the
// meter that it came closest to.
type Rule uint8

// The rules, from the farthest to the closest. Their numbers are stored.
const (
	RuleSkip    Rule = iota // the format's skip sets the line aside
	RulePath                // no meter has its path
	RuleMethod              // a meter has its path, none its method too
	RuleStatus              // … none its status too
	RuleHost                // … none its host too
	RuleField               // … none its fields too
	RuleExclude             // a meter wants it, and excludes it
	RuleZero                // a meter that sums wants it, its field says 0
	RuleCount               // how many there are
)

var ruleNames = [RuleCount]string{"skip", "path", "method", "status", "host", "field", "exclude", "zero"}

func (r Rule) String() string {
	if r < RuleCount {
		return ruleNames[r]
	}
	return "unknown"
}

// Accounting says where the lines of one source and window went. The sum must
// agree: Lines = Billed + not billable + NoCustomer + Refused.
type Accounting struct {
	Lines      uint64 // read
	Billed     uint64 // counted by at least one meter
	NoCustomer uint64 // a meter wants it, but the line names no customer
	Refused    uint64 // not a record of the format
	// Rules counts the lines that are not billable by why.
	Rules [RuleCount]uint64
}

// NotBillable returns the lines that were read and that no meter wants.
func (a *Accounting) NotBillable() uint64 {
	var sum uint64
	for _, n := range a.Rules {
		sum += n
	}
	return sum
}

// Add adds o to a.
func (a *Accounting) Add(o Accounting) {
	a.Lines += o.Lines
	a.Billed += o.Billed
	a.NoCustomer += o.NoCustomer
	a.Refused += o.Refused
	for r := range a.Rules {
		a.Rules[r] += o.Rules[r]
	}
}

// Remainder returns the lines that nothing accounts for; it is 0 unless the
// program is broken.
func (a *Accounting) Remainder() int64 {
	return int64(a.Lines) - int64(a.Billed) - int64(a.NotBillable()) - int64(a.NoCustomer) - int64(a.Refused)
}

// SourceLines says where the lines of one source and window went.
type SourceLines struct {
	Source string
	Window Window
	Accounting
}
