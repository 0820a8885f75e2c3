package checkpoint

import (
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/logmeter/logmeter/agent"
)

// maxAccountWindows is the number of windows whose accounts are kept in
// memory. Entries are attempted window by window.
const maxAccountWindows = 4

// accountIndex says, for a window, what each Stripe customer has under each
// event name. It is made from outbox and ledger when a window is first asked
// for; nothing of it is stored.
type accountIndex map[agent.Window]map[eventAccount]accountHour

// eventAccount is what Stripe sums up by itself.
type eventAccount struct{ eventName, account string }

type accountHour struct {
	minutes   uint64 // a bit for each minute that a frozen entry has
	delivered int64  // the sum of the ledger's accepted values
}

// of returns what is known of e's account in e's window. The index is made
// from view, which may be a transaction with entries that aren't committed.
func (x *accountIndex) of(s *Store, view *badger.Txn, e *agent.Entry) (accountHour, error) {
	hours, ok := (*x)[e.Window]
	if !ok {
		hours = make(map[eventAccount]accountHour)
		for _, prefix := range []byte{prefixOutbox, prefixLedger} {
			err := scan(view, s.meta.id, windowKey(prefix, e.Window), nil, func(key, payload []byte) (bool, error) {
				found, err := s.readEntry(&s.dict, key, payload)
				count(hours, &found)
				return true, err
			})
			if err != nil {
				return accountHour{}, err
			}
		}
		if *x == nil || len(*x) >= maxAccountWindows {
			*x = make(accountIndex)
		}
		(*x)[e.Window] = hours
	}
	return hours[eventAccount{e.EventName, e.Account}], nil
}

// replace notes that e has taken the place of old, an entry of the outbox.
func (x *accountIndex) replace(old, e *agent.Entry) {
	hours, ok := (*x)[e.Window]
	if !ok {
		return
	}
	if old.Frozen() && (old.Timestamp != e.Timestamp || old.EventName != e.EventName || old.Account != e.Account) {
		// Built anew for a mended configuration: its old minute may be free.
		delete(*x, e.Window)
		return
	}
	count(hours, e)
}

func count(hours map[eventAccount]accountHour, e *agent.Entry) {
	at := eventAccount{e.EventName, e.Account}
	h := hours[at]
	if minute := (e.Timestamp - e.Window.Start().Unix()) / 60; e.Frozen() && minute >= 0 && minute < 60 {
		h.minutes |= 1 << minute
	}
	if e.State == agent.Accepted {
		h.delivered += e.Value
	}
	if h != (accountHour{}) {
		hours[at] = h
	}
}

// Delivered implements agent.Store.
func (s *Store) Delivered(e *agent.Entry) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return 0, s.failed
	}
	view := s.db.NewTransaction(false)
	defer view.Discard()
	h, err := s.accounts.of(s, view, e)
	if err != nil {
		return 0, fmt.Errorf("read the ledger: %w", err)
	}
	return h.delivered, nil
}
