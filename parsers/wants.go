package parsers

import "slices"

// wants says where each wanted part of a record comes from: the index of a
// variable in a template, of a key, or of a slot where the plan or the scanner
// notes it; -1 for what the format doesn't have or nobody asked for.
type wants struct {
	record [fieldCount]int
	fields []int // of Spec.Fields
}

func nothingWanted() wants {
	var w wants
	for k := range w.record {
		w.record[k] = -1
	}
	return w
}

// indices returns what is wanted, each once, the customer and the last of the
// record's parts first.
func (w *wants) indices() []int {
	var all []int
	for _, i := range append(slices.Clone(w.fields), w.record[:]...) {
		if i >= 0 && !slices.Contains(all, i) {
			all = append(all, i)
		}
	}
	slices.Reverse(all)
	return all
}

// slotted returns the wants by their place in indices. What is wanted for two
// parts of a record has one place.
func (w *wants) slotted(indices []int) wants {
	to := wants{fields: slices.Clone(w.fields)}
	for k, i := range w.record {
		to.record[k] = slices.Index(indices, i)
	}
	for k, i := range w.fields {
		to.fields[k] = slices.Index(indices, i)
	}
	return to
}
