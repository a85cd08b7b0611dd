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

// An OpenIncident is one that is not sealed.
type OpenIncident struct {
	Incident
	SoFar evidence.Coverage // of what was got; "" before any host was asked
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

// Open lists the store's incidents that are not sealed, the newest first. It needs
// no lock.
func (s *Store) Open() ([]OpenIncident, error) {
	keys, err := s.keys()
	if err != nil {
		return nil, err
	}
	var list []Incident
	for _, k := range keys {
		if in, err := s.read(k); err == nil { // List tells of one that cannot be read
			list = append(list, in)
		}
	}
	return s.opened(list), nil
}

func (s *Store) opened(list []Incident) (open []OpenIncident) {
	for _, in := range list {
		if in.State == Sealed {
			continue
		}
		o := OpenIncident{Incident: in, SoFar: in.Coverage}
		if in.State != Sealing {
			o.SoFar, _ = s.soFar(in)
		}
		open = append(open, o)
	}
	slices.SortFunc(open, func(a, b OpenIncident) int { return strings.Compare(b.ID, a.ID) })
	return open
}
