package triage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// load reads the store into the index.
func (j *Journal) load() error {
	if err := j.setPolicy(j.conf.policy); err != nil {
		return err
	}
	j.st.RemoveParts(j.st.Dir, nil)
	j.st.RemoveParts(j.st.AlertsDir(), nil)
	j.st.RemoveParts(j.st.MailsDir(), nil)
	all, err := j.st.IncidentsOnDisk(j.log.Error)
	if err != nil {
		return err
	}
	all = removeDrills(j.st, all, j.log)
	j.st.RemoveParts(j.st.Bundles(), func(name string) bool { return j.st.BundleInUse(all, name) })

	if err := j.readAlerts(); err != nil {
		return err
	}
	j.index.boundQuarantine()
	j.index.unrouted.settle(j.now())
	j.index.expired.settle(j.now())
	if err := j.dropOrphans(); err != nil {
		return err
	}
	for _, in := range all {
		if err := j.place(in); err != nil {
			return err
		}
	}
	j.due.some = true
	return nil
}

func (j *Journal) readAlerts() error {
	entries, err := os.ReadDir(j.st.AlertsDir())
	if err != nil {
		return fmt.Errorf("read alerts: %w", err)
	}
	for _, f := range entries {
		id, ok := strings.CutSuffix(f.Name(), ".json")
		if !ok || !incident.IsID(id) {
			continue
		}
		rec, err := j.st.Alert(id)
		if err != nil {
			j.log.Error("cannot read an alert record; its mail counts as not seen", "alert", id[:12], "err", err)
			continue
		}
		rec.Alert = evidence.Bounded(rec.Alert)
		j.enter(rec)
	}
	return nil
}

// dropOrphans removes mails without a record: the crash came between the two, and
// the mailbox still has the mail. Of what came by another way its sender was not told that
// it is safe.
func (j *Journal) dropOrphans() error {
	entries, err := os.ReadDir(j.st.MailsDir())
	if err != nil {
		return fmt.Errorf("read mails: %w", err)
	}
	for _, f := range entries {
		ending := filepath.Ext(f.Name())
		id := strings.TrimSuffix(f.Name(), ending)
		if _, known := j.index.seen[id]; (ending == ".eml" || ending == ".json") && incident.IsID(id) && !known && !recorded(j.st, id) {
			if err := j.st.Remove(j.st.MailPath(id)); err != nil {
				return err
			}
		}
	}
	return nil
}

// recorded reports whether there is a record of an alert, be it one that cannot be read: it may
// belong to somebody else, or come from a later version.
func recorded(st *incident.Store, id string) bool {
	_, err := os.Lstat(st.AlertPath(id))
	return !errors.Is(err, fs.ErrNotExist)
}

// place takes up an incident that is on disk. What it says about its members is
// the truth, for it is written before their records are.
func (j *Journal) place(in incident.Incident) error {
	if in.State != incident.Sealed {
		j.table.PutLocked(in)
	}
	changed := j.index.place(in, j.conf.policy)
	if !in.Frozen { // they are decided about again
		return nil
	}
	for _, m := range changed {
		rec, err := decided(j.st, m.Alert, memberOf(in, m))
		if err == nil {
			err = j.st.SaveAlert(rec)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
