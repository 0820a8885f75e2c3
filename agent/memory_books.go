package agent

import (
	"cmp"
	"iter"
	"maps"
	"slices"
)

// Usage implements Books.
func (m *Memory) Usage(from, to Window) iter.Seq2[Usage, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows []Usage
	for k, r := range m.rows {
		// A row without usage only numbers adjustments.
		if r.total > 0 && from <= k.window && k.window < to {
			rows = append(rows, Usage{k.meter, k.customer, k.window, r.total, r.reported})
		}
	}
	slices.SortFunc(rows, func(a, b Usage) int {
		return cmp.Or(
			cmp.Compare(a.Window, b.Window),
			cmp.Compare(a.Meter, b.Meter),
			cmp.Compare(a.Customer, b.Customer),
		)
	})
	return each(rows)
}

// Accounting implements Books.
func (m *Memory) Accounting(from, to Window) iter.Seq2[SourceLines, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	var lines []SourceLines
	for k, a := range m.lines {
		if from <= k.window && k.window < to {
			lines = append(lines, SourceLines{k.source, k.window, a})
		}
	}
	slices.SortFunc(lines, func(a, b SourceLines) int {
		return cmp.Or(cmp.Compare(a.Window, b.Window), cmp.Compare(a.Source, b.Source))
	})
	return each(lines)
}

// Outbox implements Books.
func (m *Memory) Outbox() iter.Seq2[Entry, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	return each(slices.Clone(m.outbox))
}

// Ledger implements Books.
func (m *Memory) Ledger(from, to Window) iter.Seq2[Entry, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	var entries []Entry
	for _, e := range m.ledger {
		if from <= e.Window && e.Window < to {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, compareEntries)
	return each(entries)
}

// Decisions implements Books.
func (m *Memory) Decisions() iter.Seq2[Decision, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	return each(slices.Clone(m.decisions))
}

// Refusals implements Books.
func (m *Memory) Refusals() iter.Seq2[Refusal, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	return each(slices.Clone(m.refusals))
}

// Document implements Documents.
func (m *Memory) Document(kind, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.documents[kind][name]), nil
}

// Documents implements Documents.
func (m *Memory) Documents(kind string) iter.Seq2[Document, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []Document
	for _, name := range slices.Sorted(maps.Keys(m.documents[kind])) {
		list = append(list, Document{name, slices.Clone(m.documents[kind][name])})
	}
	return each(list)
}

// PutDocuments implements Documents.
func (m *Memory) PutDocuments(kind string, documents []Document) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.documents[kind] == nil {
		m.documents[kind] = map[string][]byte{}
	}
	for _, d := range documents {
		if d.Value == nil {
			delete(m.documents[kind], d.Name)
			continue
		}
		m.documents[kind][d.Name] = slices.Clone(d.Value)
	}
	return nil
}

func each[T any](list []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, x := range list {
			if !yield(x, nil) {
				return
			}
		}
	}
}
