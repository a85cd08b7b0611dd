package incident

import (
	"encoding/hex"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

// A Place is where a copy of a mail lay and to whom it was sent: what routes may ask
// for beside what the alert says.
type Place struct {
	Mailbox    string   `json:"mailbox,omitempty"`
	Folder     string   `json:"folder,omitempty"`
	Recipients []string `json:"recipients,omitempty"`

	Relay *evidence.Relay `json:"relay,omitempty"` // it came by the fleet, to this site, and lay nowhere here
}

// A Why says why an alert got its decision.
type Why string

// The reasons.
const (
	WhyNews   Why = "news"   // a node, a name or a rise of the counter that was not there before
	WhyAgain  Why = "again"  // an unchanged storm lasts
	WhyJoined Why = "joined" // without news, but its window overlaps an open incident
)

// What became of an alert.
type What string

// The outcomes. Empty means that it was not decided yet.
const (
	InIncident What = "incident"
	Repeat     What = "repeat"
	Expired    What = "expired"  // older than Policy.MaxAge when it was read, or when its sender could be verified
	Unrouted   What = "unrouted" // no site claims it
)

// A Decision is what one site does about an alert.
type Decision struct {
	Site     string `json:"site"`
	What     What   `json:"what"`
	Incident string `json:"incident,omitempty"` // key, of InIncident
	Why      Why    `json:"why,omitempty"`
	Of       string `json:"of,omitempty"`   // of Repeat: the alert that it repeats
	Note     string `json:"note,omitempty"` // of Paused: by what; of Limited: which part of the limit was reached, "": all of it

	At    string `json:"at,omitempty"`    // of InIncident: another collector, which has the alert in its incident There
	There string `json:"there,omitempty"` // an ID
}

// An AlertRecord is one alert on disk: every mail is accounted for by one.
type AlertRecord struct {
	Alert  evidence.Alert `json:"alert"`
	Seen   time.Time      `json:"seen"`             // when the mail was read
	What   What           `json:"what,omitempty"`   // Expired, Unrouted, Quarantined, …
	Sites  []Decision     `json:"sites"`            // of the sites that it goes to
	Routed string         `json:"routed,omitempty"` // why to these, or to none
	Copies []Place        `json:"copies,omitempty"` // of further copies of the mail, at most maxCopies
	Sender string         `json:"sender,omitempty"` // From's address as the mail says: of Policy.Limit it has a share

	SentTo   []string `json:"sent_to,omitempty"`   // sites to whose other collectors it was sent, or waits to be
	UnsentTo []string `json:"unsent_to,omitempty"` // those for which there was no room so far

	Released time.Time `json:"released,omitzero"` // from quarantine, by hand or because its sender could be verified later
}

func IsID(id string) bool {
	b, err := hex.DecodeString(id)
	return err == nil && len(b) == 32 && strings.ToLower(id) == id
}

// Limited says that an alert would have opened an incident, but for Policy.Limit.
// It is news still: the next alert of its node has its turn when there is room.
const Limited What = "limited"

// Paused says that an alert was read during a maintenance of the site: nothing is
// grabbed for it, now or later, and the next alert after the maintenance is judged
// as if this one had not come.
const Paused What = "paused"

// Drilled is a mail that this grab sent to itself. It goes to no site: it joins no
// incident, and is no news, repeat or opening of one.
const Drilled What = "drill"

// What became of an alert whose mail may not trigger (evidence.Auth).
const (
	Quarantined What = "quarantined" // nothing is grabbed until it is released
	Dropped     What = "dropped"     // put away by hand
)

// Forwarded is an alert of sites that other collectors of the fleet reach, and no own one:
// it is sent to them.
const Forwarded What = "forwarded"

// Reason says in words why nothing is grabbed for an alert; "" if What says it all.
func (rec AlertRecord) Reason() string {
	if rec.What == Quarantined && rec.Alert.Auth != nil {
		return rec.Alert.Auth.Why
	}
	return ""
}
