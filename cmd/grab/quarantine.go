package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/triage"
	"rtmtgrab/internal/wiring"
)

func quarantineCmd(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{Use: "quarantine", Short: "List alerts that may not trigger; release or drop them", Args: usageArgs(cobra.NoArgs),
		Long: "Alerts from senders that alerts.from or alerts.authenticity does not allow trigger nothing and are kept for 30 days.\n" +
			"Only a user who can write to the store can release one.",
		RunE: func(*cobra.Command, []string) error { return listQuarantine(a) }}
	release := &cobra.Command{Use: "release ID...", Short: "Let alerts trigger after all", Args: usageArgs(cobra.MinimumNArgs(1)),
		Long: "The watcher acts on it within seconds and grabs what is left of the alert's minutes. An ID may be shortened to 6 digits.",
		RunE: func(cmd *cobra.Command, ids []string) error {
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			return askQuarantine(ctx, a, triage.RequestRelease, ids, force)
		}}
	release.Flags().BoolVar(&force, "force", false, "also an alert older than mail.max_age, although its minutes are probably overwritten")
	drop := &cobra.Command{Use: "drop ID...", Short: "Discard alerts for good", Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, ids []string) error {
			ctx, cancel := a.context(cmd.Context())
			defer cancel()
			return askQuarantine(ctx, a, triage.RequestDrop, ids, false)
		}}
	cmd.AddCommand(release, drop)
	return cmd
}

// usageArgs makes faults of the command line of what check finds.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return advice.Usage(err)
		}
		return nil
	}
}

// heldJSON is one row of `grab quarantine --json`.
type heldJSON struct {
	ID     string         `json:"id"`
	Seen   time.Time      `json:"seen"`
	Mail   bool           `json:"mail"` // is still kept
	Alert  evidence.Alert `json:"alert"`
	Why    string         `json:"why"`
	Sender string         `json:"sender"`
}

// offline are the faults of a configuration that do not concern who contacts nobody.
var offline = config.Options{MissingKnownHosts: true, MissingSecrets: true}

func listQuarantine(a *app) error {
	cfg, err := a.load(offline)
	if err != nil {
		return err
	}
	st := &incident.Store{Dir: cfg.Store}
	list, err := held(st, a.say)
	if err != nil {
		return err
	}
	rows := []heldJSON{}
	for _, rec := range list {
		h := heldJSON{ID: rec.Alert.ID, Seen: rec.Seen, Mail: st.HasMail(rec.Alert.ID), Alert: rec.Alert}
		if au := rec.Alert.Auth; au != nil {
			h.Why, h.Sender = au.Why, au.Sender
		}
		if !h.Mail {
			h.Why += " (its mail was removed)"
		}
		rows = append(rows, h)
	}
	if a.json {
		return a.print(rows)
	}
	if len(rows) == 0 {
		a.say("nothing is in quarantine")
	}
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	for i, h := range rows {
		if i == 0 {
			fmt.Fprintln(w, "ID\tSEEN\tSENDER\tALERT\tCLUSTER\tNODE\tWHY")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", h.ID[:12], h.Seen.Format(time.RFC3339), human.Dash(h.Sender), human.Dash(h.Alert.Name), human.Dash(h.Alert.Cluster), human.Dash(h.Alert.Node), h.Why)
	}
	return w.Flush()
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

// askedJSON is one row of `grab quarantine release|drop --json`.
type askedJSON struct {
	ID    string              `json:"id"`
	What  string              `json:"what"` // released, dropped; pending: no watcher runs
	Sites []incident.Decision `json:"sites"`
	Note  string              `json:"note,omitempty"`
}

// answerWait bounds the wait for the watcher.
const answerWait = 5 * collector.ReleaseEvery

func askQuarantine(ctx context.Context, a *app, what string, ids []string, force bool) error {
	cfg, err := a.load(offline)
	if err != nil {
		return err
	}
	st := &incident.Store{Dir: cfg.Store}
	list, err := held(st, a.say)
	if err != nil {
		return err
	}
	var recs []incident.AlertRecord
	for _, id := range ids {
		rec, err := pick(list, id)
		if err != nil {
			return err
		}
		if age, p := time.Since(rec.Alert.Time), wiring.Policy(cfg); what == triage.RequestRelease && !force && p.MaxAge > 0 && age > p.MaxAge {
			return advice.WithHint(fmt.Errorf("alert %s, %s: %w", rec.Alert.ID[:12], human.Ago(age), triage.ErrTooOld), "--force releases it anyway")
		}
		recs = append(recs, rec)
	}
	rows := []askedJSON{}
	watched := isWatched(st)
	for _, rec := range recs {
		row, err := askWatcher(ctx, st, rec, triage.QuarantineRequest{Alert: rec.Alert.ID, What: what, Force: force, Time: time.Now().UTC()}, watched)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	if a.json {
		return a.print(rows)
	}
	for _, r := range rows {
		fmt.Fprintf(a.out, "%s  %s", r.ID[:12], r.What)
		for _, d := range r.Sites {
			fmt.Fprintf(a.out, "  %s: %s %s", d.Site, human.Dash(string(d.What)), d.Incident)
		}
		fmt.Fprintln(a.out)
		if r.Note != "" {
			a.say("%s", r.Note)
		}
	}
	return nil
}

// askWatcher leaves one request and waits for the watcher, if one runs.
func askWatcher(ctx context.Context, st *incident.Store, rec incident.AlertRecord, req triage.QuarantineRequest, watched bool) (askedJSON, error) {
	id := req.Alert
	row := askedJSON{ID: id, What: "pending", Sites: []incident.Decision{}}
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
