package checkpoint

import (
	"encoding/binary"
	"fmt"
)

// dictionary numbers the strings that come from the configuration: names of
// meters and sources, event names, payload keys. There are a few dozen, and
// they are never removed. Word 0 is the empty string.
type dictionary struct {
	numbers map[string]uint32
	words   []string
}

func (d *dictionary) add(word string) uint32 {
	n := uint32(len(d.words))
	d.words = append(d.words, word)
	d.numbers[word] = n
	return n
}

// word returns the string of a number read from the database.
func (d *dictionary) word(key []byte, n uint32) (string, error) {
	if int(n) >= len(d.words) {
		return "", fmt.Errorf("%w: %s: there is no word %d", ErrDamaged, keyString(key), n)
	}
	return d.words[n], nil
}

// word returns the number of a string; a new one is stored with t.
func (t *txn) word(word string) uint32 {
	if n, ok := t.s.dict.numbers[word]; ok {
		return n
	}
	n := t.s.dict.add(word)
	t.put(wordKey(n), []byte(word))
	return n
}

func (s *Store) readDictionary() error {
	s.dict = dictionary{numbers: make(map[string]uint32)}
	s.dict.add("")
	return s.scan([]byte{prefixWord}, nil, func(key, payload []byte) (bool, error) {
		if binary.BigEndian.Uint32(key[1:]) != uint32(len(s.dict.words)) {
			return false, fmt.Errorf("%w: word %d is missing", ErrDamaged, len(s.dict.words))
		}
		s.dict.add(string(payload))
		return true, nil
	})
}
