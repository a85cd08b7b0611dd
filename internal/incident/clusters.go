package incident

import (
	"maps"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

// maxHeard is how many clusters are remembered: their names come from mails.
const maxHeard = 200

// heard is when the last mail came from each cluster, by INTERNALDATE.
type heard map[string]time.Time

// note takes a mail into account. One that is in quarantine proves nothing: its
// sender may be anyone.
func (h *heard) note(rec AlertRecord) {
	name := strings.TrimSpace(evidence.Printable(rec.Alert.Cluster, 80))
	if name == "" || rec.What == "quarantined" {
		return
	}
	if *h == nil {
		*h = heard{}
	}
	at := rec.Seen
	if rec.Alert.Received != nil && !rec.Alert.Received.After(rec.Seen.Add(time.Minute)) {
		at = rec.Alert.Received.UTC()
	}
	if at.After((*h)[name]) {
		(*h)[name] = at
	}
	if len(*h) > maxHeard {
		delete(*h, slices.MinFunc(slices.Collect(maps.Keys(*h)), func(a, b string) int { return (*h)[a].Compare((*h)[b]) }))
	}
}

// Clusters says when the last mail came from each cluster, by INTERNALDATE, as far
// as alerts are remembered (SeenFor).
func (j *Journal) Clusters() map[string]time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.heard)
}

// Open lists the journal's incidents that are not sealed, the newest first.
func (j *Journal) Open() []OpenIncident {
	j.mu.Lock()
	var list []Incident
	for _, in := range j.m {
		list = append(list, in.clone())
	}
	j.mu.Unlock()
	return j.st.opened(list)
}
