package incident

import (
	"slices"
	"time"
)

// How long an alert waits that cannot be judged yet: a thirtieth of the time for
// which it has been held, within these bounds. The minutes of a young one are the
// most in danger.
const (
	unsureLeast = 30 * time.Second
	UnsureMost  = 5 * time.Minute
)

// Unsure are the alerts in quarantine whose judgement is for the time being, and
// whose turn to be judged again comes until then, the one that waits longest first.
// After a start all have their turn.
func (j *Journal) Unsure(then time.Time) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var list []heldAlert
	for _, h := range j.held.list {
		if h.unsure && !h.over && !h.next.After(then) {
			list = append(list, h)
		}
	}
	slices.SortStableFunc(list, func(a, b heldAlert) int { return a.next.Compare(b.next) })
	var ids []string
	for _, h := range list {
		ids = append(ids, h.id)
	}
	return ids
}

// StillUnsure says that an alert could not be judged at now either. Its next turn is
// a while later; one that is older than Policy.MaxAge has none before the next start,
// which is said aloud.
func (j *Journal) StillUnsure(id string, now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := slices.IndexFunc(j.held.list, func(h heldAlert) bool { return h.id == id })
	if i < 0 || !j.held.list[i].unsure {
		return
	}
	h := &j.held.list[i]
	h.next = now.Add(min(max(now.Sub(h.seen)/30, unsureLeast), UnsureMost))
	if p := j.policy; p.MaxAge > 0 && now.Sub(h.t) > p.MaxAge {
		h.over = true
		j.log.Warn("alert could not be verified within mail.max_age: it stays in quarantine", "alert", id[:12], "time", h.t)
	}
}
