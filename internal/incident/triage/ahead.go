package triage

import (
	"time"

	"rtmtgrab/internal/incident"
)

// aheadBy is how far after now an alert has to have been read to have been read by a clock that was
// ahead then.
const aheadBy = time.Minute

// readAhead are the alerts that are expired and were read after now.
func readAhead(j *Journal, now time.Time) []string {
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

// unexpire judges one of them again.
func unexpire(j *Journal, id string, now time.Time) (incident.AlertRecord, error) {
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
