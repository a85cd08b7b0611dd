package triage

import (
	"fmt"
	"time"

	"rtmtgrab/internal/incident"
)

// aheadBy is how far after now an alert has to have been read to have been read by a clock that was
// ahead then.
const aheadBy = time.Minute

// Unexpire judges alerts again that were too old when they were read, by a clock that was ahead then
// and was set back since: their minutes may still be there. It reports whether one may trigger.
func (j *Journal) Unexpire() (changed bool, err error) {
	now := j.now().UTC().Round(0)
	for _, id := range j.readAhead(now) {
		rec, err := j.unexpire(id, now)
		if err != nil {
			return changed, fmt.Errorf("judge alert %.12s again: %w", id, err)
		}
		changed = changed || rec.What == ""
	}
	return changed, nil
}

// readAhead are the alerts that are expired and were read after now.
func (j *Journal) readAhead(now time.Time) []string {
	j.table.Lock()
	defer j.table.Unlock()
	var ids []string
	for id := range j.index.expired.counted {
		if j.index.seen[id].After(now.Add(aheadBy)) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (j *Journal) unexpire(id string, now time.Time) (incident.AlertRecord, error) {
	j.intake.mu.Lock()
	defer j.intake.mu.Unlock()
	if err := j.commit(); err != nil {
		return incident.AlertRecord{}, err
	}
	rec, err := j.st.Alert(id)
	if err != nil || rec.What != incident.Expired {
		return rec, err
	}
	conf := j.config()
	rec.Seen = now
	was := rec.Released
	rec = expire(reroute(rec, now, conf), now, conf.policy)
	rec.Released = was
	rec.Sites = j.intake.silence(rec.Sites, now, conf.sites)
	if rec, err = j.intake.saveForwarded(rec, conf); err != nil {
		return rec, err
	}
	j.log.Warn("alert was too old by a clock that was ahead: it is judged again", "alert", id[:12], "time", rec.Alert.Time)
	j.table.Lock()
	defer j.table.Unlock()
	j.enter(rec)
	return rec, nil
}
