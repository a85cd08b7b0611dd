package incident

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"rtmtgrab/internal/atomicfile"
)

// load reads the store into the index.
func (j *Journal) load(policy Policy) error {
	if err := j.setPolicy(policy); err != nil {
		return err
	}
	j.st.removeParts(j.st.Dir, noKeep)
	j.st.removeParts(j.st.alertsDir(), noKeep)
	j.st.removeParts(j.st.mailsDir(), noKeep)
	all, err := j.st.incidentsOnDisk(j.log.Error)
	if err != nil {
		return err
	}
	j.st.removeParts(j.st.Bundles(), func(name string) bool { return j.st.inUse(all, name) })
	if err := j.loadAlerts(); err != nil {
		return err
	}
	for _, in := range all {
		if err := j.place(in); err != nil {
			return err
		}
	}
	j.dirty = true
	return nil
}

func (j *Journal) loadAlerts() error {
	if err := j.readAlerts(); err != nil {
		return err
	}
	j.boundQuarantine()
	return j.dropOrphans()
}

func (j *Journal) readAlerts() error {
	entries, err := os.ReadDir(j.st.alertsDir())
	if err != nil {
		return fmt.Errorf("read alerts: %w", err)
	}
	for _, f := range entries {
		id, ok := strings.CutSuffix(f.Name(), ".json")
		if !ok || !isID(id) {
			continue
		}
		var rec AlertRecord
		if err := atomicfile.ReadJSON(filepath.Join(j.st.alertsDir(), f.Name()), &rec); err != nil || rec.Alert.ID != id {
			j.log.Error("alert cannot be read; its mail counts as not seen", "alert", id[:12], "err", err)
			continue
		}
		j.enter(rec)
	}
	return nil
}

// dropOrphans removes mails without a record: the crash came between the two, and
// the mailbox still has the mail.
func (j *Journal) dropOrphans() error {
	entries, err := os.ReadDir(j.st.mailsDir())
	if err != nil {
		return fmt.Errorf("read mails: %w", err)
	}
	for _, f := range entries {
		id, ok := strings.CutSuffix(f.Name(), ".eml")
		if _, known := j.seen[id]; ok && isID(id) && !known {
			if err := j.st.remove(j.st.mailPath(id)); err != nil {
				return err
			}
		}
	}
	return nil
}

// place takes up an incident that is on disk. What it says about its members is
// the truth, for it is written before their records are.
func (j *Journal) place(in Incident) error {
	if in.State != Sealed {
		c := in.clone()
		j.m[in.Key] = &c
	}
	x := j.index[in.Site]
	if x == nil || in.Kind != KindAlert {
		return nil
	}
	for _, m := range in.Members {
		e := x.byID[m.Alert]
		if e == nil {
			continue
		}
		d := Decision{Site: in.Site, What: InIncident, Incident: in.Key, Why: m.Why}
		if e.d != d && in.Frozen {
			if err := j.saveDecision(e.id, d); err != nil {
				return err
			}
		}
		e.d, e.frozen, e.opened = d, in.Frozen, j.openedAt(in)
	}
	return nil
}
