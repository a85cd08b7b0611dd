package runner

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// maxCrashes is how often this program may end while it makes one bundle. Once may be a
// reboot; after twice the logs are sealed as they are, and nothing is made of them.
const maxCrashes = 2

// A sealing is what is written down of the making of a bundle, beside its incident: before
// the work begins, so that a crash leaves a trace.
type sealing struct {
	Revision int      `json:"revision"`
	Begun    int      `json:"begun"`               // how often it was begun and came to no end
	NoReport string   `json:"no_report,omitempty"` // the bundle that is being written has no report
	HandTo   []string `json:"hand_to,omitempty"`   // destinations that it is to go to
	Material string   `json:"material,omitempty"`  // digest of what it has beside logs and mails
}

func sealingFile(st *incident.Store, key string) atomicfile.JSON[sealing] {
	return incident.File[sealing](st, filepath.Join(st.IncidentDir(key), "sealing.json"))
}

// plain is why nothing is to be made of the logs; empty: something is.
func (s sealing) plain() string {
	if s.Begun < maxCrashes {
		return ""
	}
	return fmt.Sprintf("grab ended %d times while it was sealing this incident", s.Begun)
}

// sealingOf is what was written down of the incident's revision. What cannot be read
// counts as nothing: then a crash costs one start more.
func (u *run) sealingOf() sealing {
	s, _, err := sealingFile(u.r.Store, u.key).Load()
	if err != nil {
		u.r.log().Warn("how often this incident was being sealed cannot be read", "incident", u.inc.ID, "err", err)
	}
	if err != nil || s.Revision != u.inc.Revision {
		return sealing{Revision: u.inc.Revision}
	}
	return s
}

// makeBundle has the bundle made, and counts on disk how often that came to no end.
func (u *run) makeBundle(ctx context.Context, s sealing, job SealJob) (made SealedBundle, err error) {
	file := sealingFile(u.r.Store, u.key)
	job.Plain = s.plain()
	if job.Plain != "" {
		u.r.log().Error("incident is sealed without a report", "incident", u.inc.ID, "why", job.Plain)
	}
	job.Analyzed = func(noReport string) error {
		if noReport != "" && mustReport(u.r.Store, u.inc) {
			return fmt.Errorf("%w: %s", ErrNoReport, noReport)
		}
		s.NoReport = noReport
		return errors.Join(u.still(ctx), file.Save(s))
	}
	job.Hand = func(to []string) { s.HandTo = to }
	job.Remember = func(m evidence.Memory) error {
		m.Revision = u.inc.Revision
		return incident.MemoryFile(u.r.Store, u.key).Save(m)
	}
	s.Begun++
	if err := u.room.retry(ctx, func() error { return file.Save(s) }); err != nil {
		return made, err
	}
	err = u.room.retry(ctx, func() (err error) {
		made, err = u.r.Seal(ctx, job)
		return err
	})
	if err != nil {
		s.Begun-- // it came to an end, though not a good one
		if err2 := file.Save(s); err2 != nil {
			u.r.log().Warn("that sealing came to an end cannot be written down", "incident", u.inc.ID, "err", err2)
		}
	}
	return made, err
}
