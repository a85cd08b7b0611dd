package status

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"time"

	"rtmtgrab/internal/human"
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

// JudgeUnrouted adds that alerts came which no site claims: nothing was grabbed for them.
// No site is the worse for it, as far as anybody knows, so it blocks none.
func (r *Report) JudgeUnrouted(zone *time.Location) {
	for _, u := range r.Unrouted {
		of, key := "of cluster "+u.Cluster, UnroutedKey+"/"+label(u.Cluster)
		switch {
		case u.Further:
			of, key = "of further clusters", UnroutedKey
		case u.Cluster == "" && u.Node == "":
			of, key = "without cluster and node", UnroutedKey+"/-"
		case u.Cluster == "":
			of, key = "of node "+u.Node, UnroutedKey+"/node/"+label(u.Node)
		}
		claims := "it"
		if u.Further {
			claims = "them"
		}
		what := human.Plural(u.Alerts, "alert") + " " + of + " came since " + clockTime(u.Since, r.Now, zone) + "; no site claims " + claims
		if u.Alerts == 1 {
			what = "an alert " + of + " came at " + clockTime(u.Since, r.Now, zone) + "; no site claims " + claims
		}
		if u.Meant != "" {
			what += "; did you mean " + u.Meant + "?"
		}
		r.Add(Problem{Key: key, Since: u.Since, What: what,
			Hint: "nothing was grabbed for " + them(u.Alerts) + ": add the name to clusters: or nodes: of its site, as the mail writes it, and `grab reload`; `grab list --alerts` shows " +
				them(u.Alerts) + ", `grab now --site SITE --at TIME` fetches what is still there"})
	}
}

func them(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
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
