package checkpoint

const (
	// wholeBytes and wholeKeys bound a transaction whose parts must not come
	// apart; Badger's own limits are 629,145 bytes and 6553 keys.
	wholeBytes = 512 << 10
	wholeKeys  = 5000

	// positionBytes is what a position takes, about: the content's head and
	// mark, a path, some earlier places.
	positionBytes = 3 << 10

	// writeBytes is what a key takes in Badger beside itself and its value.
	writeBytes = 16 + envelopeBytes
)

// writes are changes that are done together, or not at all, however many there
// are.
type writes struct {
	list  []write
	bytes int
}

type write struct {
	key, payload []byte
	remove       bool
}

func (w *writes) put(key, payload []byte) {
	w.list = append(w.list, write{key: key, payload: payload})
	w.bytes += len(key) + len(payload) + writeBytes
}

func (w *writes) remove(key []byte) {
	w.list = append(w.list, write{key: key, remove: true})
	w.bytes += len(key) + writeBytes
}

// commitWith commits what was put so far together with w. Nearly always that is
// one transaction. When it is too much for one:
//
//  1. The writes are put aside, each under a key of its own. A crash here
//     leaves them without a meaning; the next start deletes them.
//  2. The transaction is committed with a mark. This is the commit: from here
//     on what was put aside counts.
//  3. The writes are done, and the mark goes last. A crash here leaves the
//     mark; the next start does what is left.
func (t *txn) commitWith(w *writes) error {
	if t.bytes+w.bytes <= wholeBytes && t.keys+len(w.list) <= wholeKeys {
		for _, x := range w.list {
			t.do(x)
		}
		return t.commit()
	}
	if err := t.s.putAside(w); err != nil {
		return err
	}
	t.put(promotingKey(), nil)
	if err := t.commit(); err != nil {
		return err
	}
	return t.s.finishStaged()
}

func (t *txn) do(x write) {
	if x.remove {
		t.remove(x.key)
		return
	}
	t.put(x.key, x.payload)
}

// putAside stores writes for later.
func (s *Store) putAside(w *writes) error {
	t := s.begin()
	defer func() { t.discard() }()
	for _, x := range w.list {
		t.put(writeKey(x.key), appendWrite(nil, x))
		if t.full() {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
	return t.commit()
}

// finishStaged does the writes that were put aside when they count, and deletes
// them when they don't. A write is done and deleted in one transaction, so this
// may stop anywhere and begin again.
func (s *Store) finishStaged() error {
	t := s.begin()
	defer func() { t.discard() }()
	mark, err := t.get(promotingKey())
	if err != nil {
		return err
	}
	finish := func(read func(key, payload []byte) (write, error)) func(key, payload []byte) (bool, error) {
		return func(key, payload []byte) (bool, error) {
			x, err := read(key, payload)
			if err != nil {
				return false, err
			}
			if mark != nil {
				t.do(x)
			}
			t.remove(append([]byte(nil), key...))
			if t.full() {
				return true, t.flush()
			}
			return true, nil
		}
	}
	if err := s.scan([]byte{prefixWrite}, nil, finish(decodeWrite)); err != nil {
		return err
	}
	// Version 1 put nothing but positions aside.
	err = s.scan([]byte{prefixStaged}, nil, finish(func(key, payload []byte) (write, error) {
		return write{key: append([]byte{prefixPosition}, key[1:]...), payload: payload}, nil
	}))
	if err != nil {
		return err
	}
	if mark != nil {
		t.remove(promotingKey())
	}
	if t.keys == 0 {
		return nil
	}
	return t.commit()
}

// appendWrite appends the payload of a write that is put aside.
func appendWrite(dst []byte, x write) []byte {
	return append(appendBool(dst, x.remove), x.payload...)
}

// decodeWrite returns a write whose payload aliases the value.
func decodeWrite(key, payload []byte) (write, error) {
	r := reader{b: payload}
	op := r.byte()
	x := write{key: append([]byte(nil), key[1:]...), payload: r.b, remove: op == 1}
	if op > 1 || op == 1 && len(r.b) > 0 {
		r.fail()
	}
	r.b = nil
	return x, r.err(key)
}
