package incident

import (
	"maps"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

// maxClusters is how many clusters are remembered: their names come from mails.
const maxClusters = 200

// clusters is when the last mail came from each cluster, by INTERNALDATE.
type clusters map[string]time.Time

// note takes a mail into account. One that is in quarantine proves nothing: its
// sender may be anyone.
func (c clusters) note(rec AlertRecord) {
	name := strings.TrimSpace(evidence.Printable(rec.Alert.Cluster, 80))
	if name == "" || rec.What == Quarantined {
		return
	}
	at := rec.Seen
	if rec.Alert.Received != nil && !rec.Alert.Received.After(rec.Seen.Add(time.Minute)) {
		at = rec.Alert.Received.UTC()
	}
	if at.After(c[name]) {
		c[name] = at
	}
	if len(c) > maxClusters {
		delete(c, slices.MinFunc(slices.Collect(maps.Keys(c)), func(a, b string) int { return c[a].Compare(c[b]) }))
	}
}
