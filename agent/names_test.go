package agent

import (
	"fmt"
	"testing"
)

func TestNames(t *testing.T) {
	n := NewNames()
	const many = 5000
	for round := range 2 {
		for i := range many {
			name := fmt.Appendf(nil, "customer-%d", i)
			if i == 7 {
				name = nil // the empty name is a name
			}
			if got := n.Number(name); got != uint32(i) {
				t.Fatalf("round %d: Number(%q) = %d, want %d", round, name, got, i)
			}
		}
	}
	if n.Len() != many {
		t.Errorf("Len() = %d, want %d", n.Len(), many)
	}
	if got := string(n.Name(42)); got != "customer-42" {
		t.Errorf("Name(42) = %q", got)
	}
	if i, ok := n.Lookup([]byte("customer-4999")); !ok || i != 4999 {
		t.Errorf("Lookup = %d, %v", i, ok)
	}
	if _, ok := n.Lookup([]byte("unknown")); ok {
		t.Error("Lookup finds a name that was never given")
	}
	if n.Len() != many {
		t.Error("Lookup gives out numbers")
	}
	// A name must not be able to grow into its neighbour.
	_ = append(n.Name(1), "x"...)
	if got := string(n.Name(2)); got != "customer-2" {
		t.Errorf("appending to Name(1) changed Name(2) to %q", got)
	}
	n.Reset()
	if n.Len() != 0 {
		t.Error("Reset leaves names")
	}
}

func BenchmarkNames(b *testing.B) {
	n := NewNames()
	var names [][]byte
	for i := range 10_000 {
		names = append(names, fmt.Appendf(nil, "cus_%014d", i))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n.Number(names[i%len(names)])
	}
}
