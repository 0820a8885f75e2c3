package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// auditTick is the time between two looks at whether an audit is due.
	auditTick = 10 * time.Minute
	// auditAfter is how long after the end of a day (UTC) it is audited: its
	// last hour is sealed, sent and in the summaries by then.
	auditAfter = 3 * time.Hour
	// auditDays is how many days an audit looks back over. Two, so that what
	// was late for one audit is in the next. It costs no more reads than one.
	auditDays = 2
	// auditSays is how many differences are logged one by one.
	auditSays = 10
)

// The document that says when the last audit was.
const (
	auditKind = "audit"
	auditName = "last"
)

// auditor compares the ledger with Stripe once a day. It belongs to one
// goroutine but for published.
type auditor struct {
	desk      *Operator
	documents Documents // nil: forgotten with the process
	log       *slog.Logger
	published atomic.Pointer[AuditStats]
}

// run audits until ctx ends. Troubles are logged, and tried again.
func (a *auditor) run(ctx context.Context) error {
	if err := a.load(); err != nil {
		return err
	}
	for first := true; ; first = false {
		if !first && !a.rest(ctx) {
			return nil
		}
		if err := a.step(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

func (a *auditor) rest(ctx context.Context) bool {
	for until := a.desk.Now().Add(auditTick); a.desk.Now().Before(until); {
		if !sleep(ctx, time.Second) {
			return false
		}
	}
	return true
}

func (a *auditor) load() error {
	if a.documents == nil {
		return nil
	}
	value, err := a.documents.Document(auditKind, auditName)
	if err != nil {
		return fmt.Errorf("read the last audit: %w", err)
	}
	var st AuditStats
	if value == nil || json.Unmarshal(value, &st) != nil {
		return nil // it is made again
	}
	a.published.Store(&st)
	return nil
}

// step audits the last days if that is due. An error is one of the store.
func (a *auditor) step(ctx context.Context) error {
	now := a.desk.Now()
	to := now.Add(-auditAfter).UTC().Truncate(24 * time.Hour)
	if last := a.published.Load(); last != nil && !last.To.Before(to) {
		return nil
	}
	from := to.AddDate(0, 0, -auditDays)
	rec, err := a.desk.Reconcile(ctx, WindowOf(from), WindowOf(to), nil)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		a.log.Warn("the daily audit against Stripe's summaries can't be made now", "reason", err)
		return nil
	}
	st := AuditStats{At: now, From: from, To: to, Accounts: rec.Accounts, Partial: rec.Partial}
	for _, d := range rec.Differences {
		switch d.Kind {
		case Foreign:
			st.Foreign++
			st.ForeignUnits += d.Theirs - d.Ours
		case Dropped:
			st.Dropped++
			st.DroppedUnits += d.Ours - d.Theirs
		}
	}
	a.say(&rec, &st)
	a.published.Store(&st)
	if a.documents == nil {
		return nil
	}
	value, err := json.Marshal(&st)
	if err == nil {
		err = a.documents.PutDocuments(auditKind, []Document{{auditName, value}})
	}
	if err != nil {
		return fmt.Errorf("note the audit: %w", err)
	}
	return nil
}

func (a *auditor) say(rec *Reconciliation, st *AuditStats) {
	if rec.Partial != "" {
		a.log.Warn("the daily audit didn't compare all accounts", "compared", rec.Accounts, "of", rec.Of, "reason", rec.Partial)
	}
	for i, d := range rec.Differences {
		if i == auditSays {
			break
		}
		hint := "somebody else writes to this meter for this customer, or an earlier state of this agent did; nothing is corrected by itself"
		if d.Kind == Dropped {
			hint = "Stripe took this usage and dropped it: is the meter active, is the customer there? logmeter adjust sends what is missing"
		}
		a.log.Error("Stripe's summaries differ from the ledger", "kind", string(d.Kind), "event_name", d.EventName,
			"account", d.Account, "hour", d.Window.String(), "ours", d.Ours, "stripe", d.Theirs, "pending", d.Pending, "hint", hint)
	}
	if n := st.Foreign + st.Dropped + rec.More; n > auditSays {
		a.log.Error("more hours differ from the ledger", "hours", n, "hint", "logmeter reconcile lists them")
	}
	if st.Foreign+st.Dropped == 0 && rec.Partial == "" {
		a.log.Info("audit: Stripe's summaries agree with the ledger", "accounts", rec.Accounts, "hours", rec.Hours)
	}
}
