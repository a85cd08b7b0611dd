package incident

import (
	"errors"
	"os"
	"slices"
	"time"
)

// Prune forgets alerts that were read more than SeenFor ago, with their mails, and
// removes the mails of repeats after RepeatsFor. What belongs to an incident that
// is still there stays.
func (j *Journal) Prune(now time.Time) error {
	j.adding.Lock()
	defer j.adding.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	var errs []error
	for id, seen := range j.seen {
		switch age := now.Sub(seen); {
		case age > SeenFor && !j.needed(id):
			if err := errors.Join(j.st.remove(j.st.alertPath(id)), j.st.remove(j.st.mailPath(id))); err != nil {
				errs = append(errs, err)
				continue
			}
			j.forget(id)
		case age > RepeatsFor && j.onlyRepeats(id) && j.st.hasMail(id):
			errs = append(errs, j.st.remove(j.st.mailPath(id)))
		}
	}
	return errors.Join(errs...)
}

// needed reports whether the alert is undecided or of an incident that is there.
func (j *Journal) needed(id string) bool {
	for _, x := range j.index {
		e := x.byID[id]
		switch {
		case e == nil, e.d.What == Repeat, e.d.What == Limited:
			continue
		case e.d.What == "":
			return true
		}
		if _, err := os.Stat(j.st.incidentDir(e.d.Incident)); err == nil {
			return true
		}
	}
	return false
}

func (j *Journal) onlyRepeats(id string) bool {
	any := false
	for _, x := range j.index {
		if e := x.byID[id]; e != nil {
			any = true
			if e.d.What != Repeat && e.d.What != Limited {
				return false
			}
		}
	}
	return any
}

func (j *Journal) forget(id string) {
	delete(j.seen, id)
	j.unhold(id)
	for _, x := range j.index {
		e := x.byID[id]
		if e == nil {
			continue
		}
		delete(x.byID, id)
		i, ok := slices.BinarySearchFunc(x.entries, e, (*entry).before)
		if !ok {
			continue
		}
		x.entries = slices.Delete(x.entries, i, i+1)
		if i < x.planned {
			x.planned--
		}
	}
}
