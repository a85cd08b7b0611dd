package triage

import (
	"errors"
	"os"
	"time"

	"rtmtgrab/internal/incident"
)

// SeenFor is how long an alert's ID is remembered. The mail of a mere repeat is
// kept for RepeatsFor.
const (
	SeenFor    = 30 * 24 * time.Hour
	RepeatsFor = 24 * time.Hour
)

// prune forgets alerts that were read more than SeenFor ago, with their mails, and
// removes the mails of repeats after RepeatsFor.
func (x *index) prune(now time.Time) error {
	var errs []error
	for id, seen := range x.seen {
		switch age := now.Sub(seen); {
		case age > SeenFor && !x.needed(id):
			if err := errors.Join(x.st.Remove(x.st.AlertPath(id)), x.st.Remove(x.st.MailPath(id))); err != nil {
				errs = append(errs, err)
				continue
			}
			x.forget(id)
		case age > RepeatsFor && x.onlyRepeats(id) && x.st.HasMail(id):
			if err := x.st.Remove(x.st.MailPath(id)); err != nil {
				errs = append(errs, err)
				continue
			}
			x.mails.forget(id)
		}
	}
	return errors.Join(errs...)
}

// needed reports whether the alert is undecided or of an incident that is there.
func (x *index) needed(id string) bool {
	for _, s := range x.sites {
		e := s.byID[id]
		switch {
		case e == nil, e.d.What == incident.Repeat, e.d.What == incident.Limited:
			continue
		case e.d.What == "":
			return true
		}
		if _, err := os.Stat(x.st.IncidentDir(e.d.Incident)); err == nil {
			return true
		}
	}
	return false
}

func (x *index) onlyRepeats(id string) bool {
	any := false
	for _, s := range x.sites {
		if e := s.byID[id]; e != nil {
			any = true
			if e.d.What != incident.Repeat && e.d.What != incident.Limited {
				return false
			}
		}
	}
	return any
}
