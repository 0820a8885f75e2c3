package checkpoint

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"

	"github.com/logmeter/logmeter/agent"
)

const lastWindow = agent.Window(math.MaxInt32)

// Positions implements agent.Store.
func (s *Store) Positions(source string) ([]agent.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return nil, s.failed
	}
	word, ok := s.dict.numbers[source]
	if !ok {
		return nil, nil
	}
	var positions []agent.Position
	err := s.scan(sourceKey(prefixPosition, word), nil, func(key, payload []byte) (bool, error) {
		p, err := decodePosition(key, payload)
		positions = append(positions, p)
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("read positions of %s: %w", source, err)
	}
	return positions, nil
}

// Accounting yields where the lines of the windows from (included) to to (not
// included) went, window by window, as it stood when the iteration began.
func (s *Store) Accounting(from, to agent.Window) iter.Seq2[agent.SourceLines, error] {
	return eachWindow(s, prefixAccounting, from, to, func(v view, key, payload []byte) (agent.SourceLines, error) {
		lines := agent.SourceLines{Window: keyWindow(key)}
		var err error
		if lines.Accounting, err = decodeAccounting(key, payload); err != nil {
			return lines, err
		}
		lines.Source, err = v.dict.word(key, binary.BigEndian.Uint32(key[5:]))
		return lines, err
	})
}

// Outbox yields the entries of the outbox, the oldest window first, as they
// stood when the iteration began.
func (s *Store) Outbox() iter.Seq2[agent.Entry, error] {
	return s.entries(prefixOutbox, firstWindow, lastWindow)
}

// Ledger yields the accepted and the written off entries of the windows from (included) to to (not
// included), as they stood when the iteration began.
func (s *Store) Ledger(from, to agent.Window) iter.Seq2[agent.Entry, error] {
	return s.entries(prefixLedger, from, to)
}

func (s *Store) entries(prefix byte, from, to agent.Window) iter.Seq2[agent.Entry, error] {
	return eachWindow(s, prefix, from, to, func(v view, key, payload []byte) (agent.Entry, error) {
		return s.readEntry(&v.dict, key, payload)
	})
}

// Refusals implements agent.Books.
func (s *Store) Refusals() iter.Seq2[agent.Refusal, error] {
	return each(s, []byte{prefixRefusal}, nil, func(v view, key, payload []byte) (agent.Refusal, bool, error) {
		f, source, err := decodeRefusal(key, payload)
		if err == nil {
			f.Source, err = v.dict.word(key, source)
		}
		return f, true, err
	})
}

// eachWindow is each of the keys that start with a window, from from (included)
// to to (not included).
func eachWindow[T any](s *Store, prefix byte, from, to agent.Window, decode func(v view, key, payload []byte) (T, error)) iter.Seq2[T, error] {
	return each(s, []byte{prefix}, windowKey(prefix, from), func(v view, key, payload []byte) (row T, ok bool, err error) {
		if keyWindow(key) >= to {
			return row, false, nil
		}
		row, err = decode(v, key, payload)
		return row, true, err
	})
}

// each yields what decode makes of the keys under prefix, beginning with from
// (nil: the first), until decode says that it is over. The loop may call any
// method but Close, which waits for it to end.
func each[T any](s *Store, prefix, from []byte, decode func(v view, key, payload []byte) (T, bool, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		v, err := s.view()
		if err != nil {
			yield(zero, err)
			return
		}
		defer s.done(v)
		stopped := false
		err = scan(v.t, s.meta.id, prefix, from, func(key, payload []byte) (bool, error) {
			row, ok, err := decode(v, key, payload)
			if err != nil || !ok {
				return false, err
			}
			stopped = !yield(row, nil)
			return !stopped, nil
		})
		if err != nil && !stopped {
			yield(zero, err)
		}
	}
}
