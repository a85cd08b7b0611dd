package status

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"time"
)

// UnroutedKey begins the key of the problem of each name under which alerts come that no
// site claims; alone it is of those beyond the names that are remembered.
const UnroutedKey = "unrouted"

// Unrouted are the alerts of one cluster, or of one node where none is named, that no
// site claims. Both names come from mails.
type Unrouted struct {
	Cluster string    `json:"cluster"`
	Node    string    `json:"node,omitempty"`
	Further bool      `json:"further,omitempty"` // of all further names
	Alerts  int       `json:"alerts"`
	Since   time.Time `json:"since"`
	Last    time.Time `json:"last"`
	Meant   string    `json:"meant,omitempty"` // a name of the configuration that is much like it
}

var labelRE = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// label is a name from a mail as a part of a key: itself, or where it may hold anything
// its hash. No two names have the same, for metrics would end with it.
func label(name string) string {
	const hashed = "sha256-"
	low := strings.ToLower(name)
	if labelRE.MatchString(low) && !strings.HasPrefix(low, hashed) {
		return low
	}
	sum := sha256.Sum256([]byte(low))
	return hashed + hex.EncodeToString(sum[:16])
}

// clockTime is a time of today as "02:10 EST"; of another day with its date.
func clockTime(t, now time.Time, zone *time.Location) string {
	if zone == nil {
		zone = time.UTC
	}
	t = t.In(zone)
	if t.Format(time.DateOnly) == now.In(zone).Format(time.DateOnly) {
		return t.Format("15:04 MST")
	}
	return t.Format("2006-01-02 15:04 MST")
}
