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

// ExpiredKey is of the problem that alerts were too old when they were read.
const ExpiredKey = "expired"

// Expired are the alerts of the last day that were older than mail.max_age when they were read.
type Expired struct {
	Alerts      int
	Since, Last time.Time     // when the first and the last of them was read
	Age         time.Duration // of the last
}

// JudgeExpired adds that there were such: nothing was grabbed for them. It says nothing of the next one.
func JudgeExpired(r *Report, e Expired, zone *time.Location) {
	if e.Alerts == 0 {
		return
	}
	what := human.Plural(e.Alerts, "alert") + " came since " + clockTime(e.Since, r.Now, zone) + " that were older than mail.max_age when they were read, the last " + human.Span(e.Age) + " old"
	if e.Alerts == 1 {
		what = "an alert that came at " + clockTime(e.Since, r.Now, zone) + " was " + human.Span(e.Age) + " old, older than mail.max_age"
	}
	r.Add(Problem{Key: ExpiredKey, Since: e.Since, What: what + ": nothing was grabbed for " + them(e.Alerts),
		Hint: "if grab watch did not stand still for so long, mails come late, or a clock is wrong: compare the times in the mail's Received lines with this machine's; " +
			"`grab list --alerts` shows " + them(e.Alerts) + ", `grab now --site SITE --at TIME` fetches what is still there"})
}

// JudgeUnheard adds that no alert can come to a site. It may be there for grabs by hand.
func JudgeUnheard(r *Report, sites []string) {
	for _, s := range sites {
		r.Add(Problem{Key: "site/" + s + "/unheard", What: UnheardWords(s), Hint: UnheardHint})
	}
}

// UnheardWords say that no alert can come to a site.
func UnheardWords(site string) string {
	return "no alert can come to site " + site + ": all that come go to other sites"
}

// UnheardHint is the next move then.
const UnheardHint = "see routes: in the configuration, and which clusters are polled; a site that is there for `grab now` alone can stay so"

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
