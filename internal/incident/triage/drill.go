package triage

import (
	"log/slog"

	"rtmtgrab/internal/incident"
)

// removeDrills removes drills that were broken off with the program, and returns the
// other incidents.
func removeDrills(st *incident.Store, all []incident.Incident, log *slog.Logger) (rest []incident.Incident) {
	for _, in := range all {
		if in.Kind != incident.KindDrill {
			rest = append(rest, in)
			continue
		}
		err := incident.RemoveDrill(st, in)
		log.Info("drill of an earlier run removed", "incident", in.ID, "err", err)
	}
	return rest
}

// EndDrill removes what was made for a drill that nobody works at any more.
func EndDrill(j *Journal, in incident.Incident) error {
	j.table.Lock()
	defer j.table.Unlock()
	err := incident.RemoveDrill(j.st, in)
	for _, m := range in.Members {
		j.index.mails.forget(m.Alert)
	}
	return err
}

// DropDrillMail removes the copy of a drill's mail for which nothing is grabbed; its record
// stays, so that further copies are known.
func DropDrillMail(j *Journal, id string) error {
	j.table.Lock()
	defer j.table.Unlock()
	rec, err := j.st.Alert(id)
	if err != nil || rec.What != incident.Drilled {
		return err
	}
	j.index.mails.forget(id)
	return j.st.Remove(j.st.MailPath(id))
}
