// Package fleet holds the nouns that collectors share over a hub: what its subjects, streams
// and buckets are called, and what the messages in them say. It is pure.
//
// A tenant is an account of the hub of its own, so no name here has a tenant in it: what one
// tenant's credentials reach is its account and nothing else. Collectors add fields to messages
// and never change what one means: an older collector of the same site reads them too.
//
// It does not know how a hub is reached, and decides nothing.
package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

// Streams of a tenant's account. All have limits retention, and are synced before they are
// acknowledged where the server is ours.
const (
	AlertStream = "ALERTS" // AlertSubject of each site
	EventStream = "EVENTS" // EventSubject of each site, for EventsFor
)

// MaxLent is the most bytes of one value of ShareBucket.
const MaxLent = 2 << 20

// How long streams keep what is in them.
const (
	AlertsFor = 7 * 24 * time.Hour
	EventsFor = 90 * 24 * time.Hour
	StatusFor = 2 * time.Minute // after which a collector that says nothing is missed
)

// StatusEvery is how often a collector says how it is.
const StatusEvery = 30 * time.Second

// Key-value buckets of a tenant's account.
const (
	SeenBucket      = "grab-seen"      // alert ID: it was published once, whatever the stream's own window
	DirectoryBucket = "grab-directory" // DirectoryKey: which collector reaches which site, and what the site claims
	StatusBucket    = "grab-status"    // Token of the collector's name: its Status, for StatusFor
	EpochBucket     = "grab-epochs"    // Token of the site: Epoch
	ClaimBucket     = "grab-claims"    // alert ID and site, ClaimKey: Claim
	LoginBucket     = "grab-logins"    // refused logins and shares of budgets
	ShareBucket     = "grab-share"     // LentKey, PartKey: what collectors have copied for incidents that are not sealed, encrypted
)

// AlertSubject is where alerts of a site are published.
func AlertSubject(site string) string { return "alerts." + Token(site) }

// SiteOf is the site of an AlertSubject.
func SiteOf(subject string) (string, error) {
	token, is := strings.CutPrefix(subject, "alerts.")
	if !is {
		return "", fmt.Errorf("%q is no subject of alerts", subject)
	}
	return Name(token)
}

// EventSubject is where verdict events of a site are published.
func EventSubject(site string) string { return "events." + Token(site) }

// AskSubject is where a collector of a site answers requests: what is "now", say.
func AskSubject(what, site string) string { return "ask." + what + "." + Token(site) }

// InboxPrefix is where answers to a collector come, and to it alone.
func InboxPrefix(collector string) string { return "_INBOX." + Token(collector) }

// DirectoryKey is that of what one collector says of a site.
func DirectoryKey(site, collector string) string { return Token(site) + "." + Token(collector) }

// ClaimKey is that of an alert at a site.
func ClaimKey(site, alert string) string { return Token(site) + "." + Token(alert) }

// HoldConsumer is the durable consumer by which one collector hears of a site's alerts, so as to hold.
func HoldConsumer(site, collector string) string {
	return "hold-" + Token(site) + "-" + Token(collector)
}

// HoldsConsumer is the same for some of a collector's sites at once. Other sites have another one.
func HoldsConsumer(collector string, sites []string) string {
	h := sha256.New()
	for _, site := range slices.Sorted(slices.Values(sites)) {
		fmt.Fprintf(h, "%s.", Token(site))
	}
	return "holds-" + Token(collector) + "-" + hex.EncodeToString(h.Sum(nil)[:8])
}

// OwnConsumer is the durable consumer of a site by which one of its collectors owns its incidents.
func OwnConsumer(site string) string { return "own-" + Token(site) }

// LentKey is that of what a collector lends of a host, for one of its incidents of a site. It begins
// with who may write it.
func LentKey(collector, site, incident, host string) string {
	return Token(collector) + "." + Token(site) + ".lent." + Token(incident) + "." + Token(host)
}

// PartKey is that of a part of a piece that a collector lends.
func PartKey(collector, site, piece string, part int) string {
	return fmt.Sprintf("%s.%s.part.%s.%d", Token(collector), Token(site), piece, part)
}

// OwnGroup is the priority group of every OwnConsumer.
const OwnGroup = "owner"

// maxToken bounds a token, for the names of consumers are file names on the hub.
const maxToken = 80

// Token is a name as a part of a subject, a key or a consumer's name: letters, digits and - stay,
// all else becomes _ and two hex digits per byte. Different names have different tokens; an
// empty name has "_".
func Token(name string) string {
	if name == "" {
		return "_"
	}
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	return b.String()
}

// Name is the name of a token that Token made.
func Name(token string) (string, error) {
	if token == "_" {
		return "", nil
	}
	var b strings.Builder
	for i := 0; i < len(token); i++ {
		if token[i] != '_' {
			b.WriteByte(token[i])
			continue
		}
		var c byte
		if i+3 > len(token) {
			return "", fmt.Errorf("%q is no token", token)
		}
		if _, err := fmt.Sscanf(token[i+1:i+3], "%02x", &c); err != nil {
			return "", fmt.Errorf("%q is no token", token)
		}
		b.WriteByte(c)
		i += 2
	}
	if Token(b.String()) != token {
		return "", fmt.Errorf("%q is no token", token)
	}
	return b.String(), nil
}

// CheckName says what is wrong with the name of a collector or a site of a fleet; nil: nothing.
func CheckName(name string) error {
	if name == "" {
		return fmt.Errorf("it is empty")
	}
	if evidence.Printable(name, len(name)) != name {
		return fmt.Errorf("%q has characters in it that cannot be shown", name)
	}
	if len(Token(name)) > maxToken {
		return fmt.Errorf("%q is too long for a fleet: at most %d letters, digits and -, and each other byte counts as three", name, maxToken)
	}
	return nil
}

// An Alert is one alert on its way to whoever can reach its site. Its message has the header
// Nats-Msg-Id: ClaimKey of site and ID.
type Alert struct {
	Alert evidence.Alert `json:"alert"`
	Site  string         `json:"site"`
	From  string         `json:"from"` // the collector that saw it
	Seen  time.Time      `json:"seen"` // by that collector's clock
	Sent  time.Time      `json:"sent"` // the same
	Raw   []byte         `json:"raw,omitempty"`
	Cut   bool           `json:"cut,omitempty"` // Raw is not all of it

	Sender string `json:"sender,omitempty"` // From's address as the mail says
}

// An Entry is what a collector says of a site that it reaches, see DirectoryBucket.
type Entry struct {
	Site      string    `json:"site"`
	Collector string    `json:"collector"`
	Clusters  []string  `json:"clusters,omitempty"` // as in incident.Site
	Nodes     []string  `json:"nodes,omitempty"`
	Since     time.Time `json:"since"`
	Lends     *Lends    `json:"lends,omitempty"` // absent: it neither lends what it has copied nor borrows
}

// Lends is by what a collector is known that lends to others, and borrows of them.
type Lends struct {
	Recipient string `json:"recipient"` // of age, to which others encrypt
	Signer    string `json:"signer"`    // public key of Ed25519, hex, by which it signs
}

// An Epoch is who owns the incidents of a site. Number only grows; each owner has one of its
// own, and acts only while it is that of the bucket.
type Epoch struct {
	Number uint64    `json:"number"`
	Owner  string    `json:"owner"` // a collector
	Since  time.Time `json:"since"`
}

// A Claim is which incident an alert of a site belongs to. While it is not Sealed, the owner of
// a later epoch may take it over; once it is, it stays.
type Claim struct {
	Incident  string            `json:"incident"`
	Collector string            `json:"collector"`
	Epoch     uint64            `json:"epoch"`
	Sealed    time.Time         `json:"sealed,omitzero"`
	Coverage  evidence.Coverage `json:"coverage,omitempty"`
	Held      map[string]int64  `json:"held,omitempty"` // seconds of the window that it has, by host

	Key      string `json:"key,omitempty"`      // with Collector and Try: the Sealing that it stands for
	Try      int    `json:"try,omitempty"`      // of that Sealing
	Released string `json:"released,omitempty"` // the owner makes no incident of the alert, and why: whoever has one may claim it
}

// SealingKey is that of a Sealing in ClaimBucket.
func SealingKey(site, collector, key string) string {
	return Token(site) + "." + Token(collector) + "." + Token(key)
}

// States of a Sealing. Of Making it comes to Sealed or GivenUp; Sealed is final.
const (
	SealingMaking     = "making"
	SealingSealed     = "sealed"
	SealingGivenUp    = "given up"   // a later epoch has taken its alerts, or it was begun anew
	SealingSupplement = "supplement" // it is kept beside others that have its alerts
)

// A Sealing is one collector's making of one incident's bundle. That it becomes Sealed decides,
// at once and for good, where all its alerts are: their Claims only say which Sealing to look at.
type Sealing struct {
	Incident  string            `json:"incident"`
	Collector string            `json:"collector"`
	Key       string            `json:"key"` // of the incident at that collector
	Try       int               `json:"try"`
	Epoch     uint64            `json:"epoch"`
	State     string            `json:"state"`
	Alerts    []string          `json:"alerts,omitempty"` // once it is sealed
	Sealed    time.Time         `json:"sealed,omitzero"`
	Coverage  evidence.Coverage `json:"coverage,omitempty"`
	Has       Has               `json:"has,omitempty"`
	Links     []Link            `json:"links,omitempty"` // its supplements; of a supplement: where its alerts are

	Tells     bool      `json:"tells,omitempty"`    // its collector says when it is delivered
	Delivered time.Time `json:"delivered,omitzero"` // its bundle has gone wherever it was to go
}

// Has is the time that was got of each log, by host and family, as "host/family".
type Has map[string][]Span

// A Span is from Since until Until.
type Span struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// A Link names an incident of a collector.
type Link struct {
	Collector string `json:"collector"`
	Incident  string `json:"incident"`
}

// A Verdict is a sealed incident as the fleet's list shows it: no logs, and neither names nor
// numbers of phones unless the tenant allows it.
type Verdict struct {
	Incident  string            `json:"incident"`
	Site      string            `json:"site"`
	Collector string            `json:"collector"`
	Kind      string            `json:"kind"`
	Revision  int               `json:"revision"`
	Window    evidence.Window   `json:"window"`
	Sealed    time.Time         `json:"sealed"`
	Coverage  evidence.Coverage `json:"coverage"`
	Verdict   string            `json:"verdict,omitempty"`
	Cause     string            `json:"cause,omitempty"`
	Phones    int               `json:"phones"`              // that something happened to
	Names     []string          `json:"names,omitempty"`     // of those, where the tenant allows it
	Bundle    string            `json:"bundle,omitempty"`    // where it is: a path on that collector, or a destination's address
	Unclaimed bool              `json:"unclaimed,omitempty"` // sealed while no hub could be asked

	At       time.Time      `json:"at,omitzero"`         // of the first alert, or of what was asked for by hand
	TimeZone string         `json:"time_zone,omitempty"` // of the site, for people
	Counts   map[string]int `json:"counts,omitempty"`    // of Phones, by verdict
	HandTo   []string       `json:"hand_to,omitempty"`   // names of destinations that the bundle goes to
	Bytes    int64          `json:"bytes,omitempty"`     // of the bundle
}
