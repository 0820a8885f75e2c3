package checkpoint

import (
	"fmt"
	"iter"

	"github.com/logmeter/logmeter/agent"
)

const (
	// maxDocumentName and maxDocument bound a document's name and value.
	maxDocumentName = 4 << 10
	maxDocument     = 256 << 10
)

// Document implements agent.Documents.
func (s *Store) Document(kind, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return nil, s.failed
	}
	word, ok := s.dict.numbers[kind]
	if !ok {
		return nil, nil
	}
	value, err := s.get(documentKey(word, name))
	if err != nil {
		return nil, fmt.Errorf("read %s of %q: %w", kind, name, err)
	}
	return value, nil
}

// Documents implements agent.Documents.
func (s *Store) Documents(kind string) iter.Seq2[agent.Document, error] {
	return func(yield func(agent.Document, error) bool) {
		s.mu.Lock()
		word, ok := s.dict.numbers[kind]
		s.mu.Unlock()
		if !ok {
			return
		}
		each(s, documentKey(word, ""), nil, func(_ view, key, payload []byte) (agent.Document, bool, error) {
			return agent.Document{Name: string(key[5:]), Value: append([]byte{}, payload...)}, true, nil
		})(yield)
	}
}

// PutDocuments implements agent.Documents. A name may have 4 KiB and a value
// 256 KiB; an error about a longer one stores nothing, and the store can be used
// on.
func (s *Store) PutDocuments(kind string, documents []agent.Document) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	bytes := int64(0)
	for i := range documents {
		d := &documents[i]
		if len(d.Name) > maxDocumentName || len(d.Value) > maxDocument {
			return fmt.Errorf("store %s of %.40q: a name of %d bytes and a value of %d; at most %d and %d are accepted", kind, d.Name, len(d.Name), len(d.Value), maxDocumentName, maxDocument)
		}
		bytes += 2 * int64(len(d.Name)+len(d.Value)+writeBytes)
	}
	if len(documents) == 0 {
		return s.failed
	}
	if err := s.ready(bytes); err != nil {
		return fmt.Errorf("store %s: %w", kind, err)
	}
	t := s.begin()
	defer func() { t.discard() }()
	word := t.word(kind)
	var w writes
	for i := range documents {
		d := &documents[i]
		if d.Value == nil {
			w.remove(documentKey(word, d.Name))
			continue
		}
		w.put(documentKey(word, d.Name), d.Value)
	}
	if err := t.commitWith(&w); err != nil {
		return s.fail(fmt.Errorf("store %s: %w", kind, err))
	}
	return nil
}
