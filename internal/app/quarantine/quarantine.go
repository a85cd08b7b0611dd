// Package quarantine lists the alerts that may not trigger, and has the running watch release
// or drop them.
//
// It leaves a request in the store and waits for what the watcher makes of it: who can
// write there may ask. It knows neither flags nor how rows are printed.
package quarantine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/triage"
	"rtmtgrab/internal/wiring"
)

// A Row is an alert in quarantine.
type Row struct {
	ID     string         `json:"id"`
	Seen   time.Time      `json:"seen"`
	Mail   bool           `json:"mail"` // is still kept
	Alert  evidence.Alert `json:"alert"`
	Why    string         `json:"why"`
	Sender string         `json:"sender"`
}

// List lists the alerts in quarantine; of records that cannot be read it warns by say.
func List(st *incident.Store, say func(format string, args ...any)) ([]Row, error) {
	list, err := held(st, say)
	if err != nil {
		return nil, err
	}
	rows := []Row{}
	for _, rec := range list {
		h := Row{ID: rec.Alert.ID, Seen: rec.Seen, Mail: st.HasMail(rec.Alert.ID), Alert: rec.Alert}
		if au := rec.Alert.Auth; au != nil {
			h.Why, h.Sender = au.Why, au.Sender
		}
		if !h.Mail {
			h.Why += " (its mail was removed)"
		}
		rows = append(rows, h)
	}
	return rows, nil
}

// held are the alerts in quarantine; of records that cannot be read it warns.
func held(st *incident.Store, say func(format string, args ...any)) ([]incident.AlertRecord, error) {
	list, err := st.Quarantine()
	if err != nil && list != nil {
		say("grab: warning: %v", err)
		err = nil
	}
	return list, err
}

// A Result is what became of a request.
type Result struct {
	ID    string              `json:"id"`
	What  string              `json:"what"` // released, dropped; pending: no watcher runs
	Sites []incident.Decision `json:"sites"`
	Note  string              `json:"note,omitempty"`
}

// answerWait bounds the wait for the watcher.
const answerWait = 5 * collector.ReleaseEvery

// Ask asks for what, triage.RequestRelease or triage.RequestDrop, of the alerts that ids, or
// their first six digits and more, name. force: an alert that is too old too.
func Ask(ctx context.Context, cfg *config.Config, what string, ids []string, force bool, say func(format string, args ...any)) ([]Result, error) {
	st := &incident.Store{Dir: cfg.Store}
	list, err := held(st, say)
	if err != nil {
		return nil, err
	}

	var recs []incident.AlertRecord
	for _, id := range ids {
		rec, err := pick(list, id)
		if err != nil {
			return nil, err
		}
		if age, p := time.Since(rec.Alert.Time), wiring.Policy(cfg); what == triage.RequestRelease && !force && p.MaxAge > 0 && age > p.MaxAge {
			return nil, advice.WithHint(fmt.Errorf("alert %s, %s: %w", rec.Alert.ID[:12], human.Ago(age), triage.ErrTooOld), "--force releases it anyway")
		}
		recs = append(recs, rec)
	}

	results := []Result{}
	watched := isWatched(st)
	for _, rec := range recs {
		r, err := askWatcher(ctx, st, rec, triage.QuarantineRequest{Alert: rec.Alert.ID, What: what, Force: force, Time: time.Now().UTC()}, watched)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// askWatcher leaves one request and waits for the watcher, if one runs.
func askWatcher(ctx context.Context, st *incident.Store, rec incident.AlertRecord, req triage.QuarantineRequest, watched bool) (Result, error) {
	id := req.Alert
	row := Result{ID: id, What: "pending", Sites: []incident.Decision{}}
	if err := triage.Ask(st, req); err != nil {
		return row, advice.WithHint(err, "run this as the owner of "+st.Dir)
	}
	if !watched {
		row.Note = "no grab watch runs on this store: the next one will do it. Until then `grab now --at " + rec.Alert.Time.Format(time.RFC3339) + "` copies the logs"
		return row, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	for {
		now, err := st.Alert(id)
		undecided := now.What == "" && len(now.Sites) > 0 && now.Sites[0].What == ""
		if err == nil && now.What != incident.Quarantined && !undecided {
			row.What, row.Sites = "released", now.Sites
			if now.What != "" {
				row.What = string(now.What)
			}
			if row.What == "released" {
				row.Note = releasedNote(now)
			}
			return row, nil
		}
		select {
		case <-ctx.Done():
			row.Note = "grab watch has not done it yet: see its log, and `grab quarantine`"
			return row, nil
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// releasedNote says what to know of an alert that was released; empty: nothing.
func releasedNote(rec incident.AlertRecord) string {
	if slices.ContainsFunc(rec.Sites, func(d incident.Decision) bool { return d.What == incident.Limited }) {
		return "alerts.limit is reached, so nothing is grabbed for it; `grab now --at " + rec.Alert.Time.Format(time.RFC3339) + "` copies the logs anyway"
	}
	if age := time.Since(rec.Alert.Time); age > 30*time.Minute {
		return "the alert happened " + human.Ago(age) + ": its minutes may be overwritten on the hosts"
	}
	return ""
}

// isWatched reports whether a grab watch runs on the store.
func isWatched(st *incident.Store) bool {
	lock, err := st.LockWatch()
	lock.Release() // of a lock that is held or nil
	return errors.Is(err, incident.ErrWatching)
}

// pick finds the alert that an ID, or its first digits, names.
func pick(list []incident.AlertRecord, id string) (found incident.AlertRecord, err error) {
	id = strings.ToLower(id)
	if len(id) < 6 || strings.Trim(id, "0123456789abcdef") != "" {
		return found, advice.Usage(fmt.Errorf("%q: an ID has 6 or more hexadecimal digits", evidence.Printable(id, 80)))
	}
	n := 0
	for _, rec := range list {
		if strings.HasPrefix(rec.Alert.ID, id) {
			found = rec
			n++
		}
	}
	switch n {
	case 0:
		return found, advice.WithHint(fmt.Errorf("alert %s: %w", evidence.Printable(id, 80), triage.ErrNotQuarantined), "`grab quarantine` lists the alerts")
	case 1:
		return found, nil
	}
	return found, advice.Usage(fmt.Errorf("%s matches %d IDs: give more digits", id, n))
}
