package agent

// Usage is what one customer used of one meter in one window, as it stands in
// the store.
type Usage struct {
	Meter    string
	Customer string // as logged
	Window   Window
	Total    uint64 // counted so far
	Reported uint64 // of Total, moved to the outbox by Seal
}

// Accounting says where the lines of one source and window went. The sum must
// agree: Lines = Billed + NotBillable + NoCustomer + Refused.
type Accounting struct {
	Lines       uint64 // read
	Billed      uint64 // counted by at least one meter
	NotBillable uint64 // read, but no meter wants it
	NoCustomer  uint64 // a meter wants it, but the line names no customer
	Refused     uint64 // not a record of the format
}

// Add adds o to a.
func (a *Accounting) Add(o Accounting) {
	a.Lines += o.Lines
	a.Billed += o.Billed
	a.NotBillable += o.NotBillable
	a.NoCustomer += o.NoCustomer
	a.Refused += o.Refused
}

// Remainder returns the lines that nothing accounts for; it is 0 unless the
// program is broken.
func (a Accounting) Remainder() int64 {
	return int64(a.Lines) - int64(a.Billed) - int64(a.NotBillable) - int64(a.NoCustomer) - int64(a.Refused)
}
