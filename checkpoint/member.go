package checkpoint

// memberBytes bounds what a member takes: its key, and its row in a batch.
const memberBytes = 21 + writeBytes + rowBytes

// newMembers are the members that a commit counts.
type newMembers struct {
	t    *txn
	with *writes
	seen map[string]struct{} // the keys in with
}

// add puts a member and returns true if its meter, customer and period don't
// have it yet. For one that they have it costs a look-up and nothing else.
func (n *newMembers) add(key []byte) (bool, error) {
	if _, ok := n.seen[string(key)]; ok {
		return false, nil
	}
	known, err := n.t.has(key)
	if err != nil || known {
		return false, err
	}
	if n.seen == nil {
		n.seen = make(map[string]struct{})
	}
	n.seen[string(key)] = struct{}{}
	n.with.put(key, nil)
	return true, nil
}
