package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

// PresenceBucket has, by the Token of its name, whether a collector is there, has left, or
// fell silent, for as long as the tenant has it.
const PresenceBucket = "grab-presence"

// How a collector says that it is.
const (
	StateWorks    = "works"    // an alert that came now would work for all its sites
	StateProblems = "problems" // the same, and something is to be seen to
	StateBlocked  = "blocked"  // an alert would lose something
)

// Bounds of a Status. What is over them is counted, not named.
const (
	MaxKeys   = 20  // of problems
	MaxSites  = 200 // by name
	maxText   = 120 // characters of a key, a version
	MaxStatus = 64 << 10
)

// A Status is what a collector says of itself every StatusEvery. It names no person, no phone
// and no mailbox, and quotes no log.
type Status struct {
	Collector string     `json:"collector"`
	Instance  string     `json:"instance"` // of this run of it, at random
	Version   string     `json:"version"`
	Started   time.Time  `json:"started"`
	Sent      time.Time  `json:"sent"` // by its own clock
	State     string     `json:"state"`
	Problems  int        `json:"problems"`
	Keys      []string   `json:"keys,omitempty"`  // of them, what blocks first, at most MaxKeys
	Open      int        `json:"open"`            // incidents that are not sealed
	Outbox    int        `json:"outbox"`          // messages that the hub has not acknowledged
	Sites     []SiteWord `json:"sites,omitempty"` // at most MaxSites, those that do not work first
	AllSites  int        `json:"all_sites"`
	NotSites  int        `json:"not_sites"` // of these, for which an alert would not work
}

// NameProblem is the key of the problem that another collector has this one's name.
const NameProblem = "fleet/name"

// A SiteWord is whether an alert of a site would work at a collector.
type SiteWord struct {
	Site    string `json:"site"`
	Works   bool   `json:"works"`
	Planned bool   `json:"planned,omitempty"` // it does not, because its schedule says so
}

// Bound brings a Status within its bounds, and its texts to what may be shown.
func (s *Status) Bound() {
	s.Version, s.Instance, s.State = evidence.Printable(s.Version, maxText), evidence.Printable(s.Instance, maxText), evidence.Printable(s.State, maxText)
	s.Started, s.Sent = evidence.BoundedTime(s.Started).UTC(), evidence.BoundedTime(s.Sent).UTC()
	s.Keys = s.Keys[:min(len(s.Keys), MaxKeys)]
	for i := range s.Keys {
		s.Keys[i] = evidence.Printable(s.Keys[i], maxText)
	}

	slices.SortStableFunc(s.Sites, func(a, b SiteWord) int { return a.rank() - b.rank() })
	s.Sites = s.Sites[:min(len(s.Sites), MaxSites)]
	for i := range s.Sites {
		s.Sites[i].Site = evidence.Printable(s.Sites[i].Site, maxText)
	}
	s.Problems, s.Open, s.Outbox = max(s.Problems, len(s.Keys)), max(s.Open, 0), max(s.Outbox, 0)
	s.AllSites, s.NotSites = max(s.AllSites, len(s.Sites)), max(s.NotSites, 0)
}

func (s SiteWord) rank() int {
	if s.Works || s.Planned {
		return 1
	}
	return 0
}

// ParseStatus reads what stands under a key of StatusBucket.
func ParseStatus(key string, b []byte) (Status, error) {
	var s Status
	if err := parse(key, b, &s, func() string { return s.Collector }); err != nil {
		return Status{}, fmt.Errorf("status of a collector: %w", err)
	}
	s.Bound()
	return s, nil
}

// parse reads a document that stands under the Token of the name in it.
func parse(key string, b []byte, doc any, name func() string) error {
	if len(b) > MaxStatus {
		return fmt.Errorf("%d bytes are too many", len(b))
	}
	if err := json.Unmarshal(b, doc); err != nil {
		return err
	}
	if Token(name()) != key {
		return fmt.Errorf("%s is not of %s", evidence.Printable(key, maxText), evidence.Printable(name(), maxText))
	}
	return CheckName(name())
}

// Whether a collector is there.
const (
	Here   = "here"
	Left   = "left"   // it ended, and said so
	Silent = "silent" // it did not say so, and nothing is heard of it
	Gone   = "gone"   // somebody said that it will not come back
)

// A Presence is whether a collector is there, see PresenceBucket. The collector itself makes it
// Here and Left; Silent makes it, by compare and swap, the one of the others who tells people; Gone a person.
type Presence struct {
	Collector string    `json:"collector"`
	State     string    `json:"state"`
	Since     time.Time `json:"since"`            // by the clock of who wrote it
	Notifier  string    `json:"teller,omitempty"` // of a silence: the collector that tells people
	Told      time.Time `json:"told,omitzero"`    // of a silence: when it had done that
}

// ParsePresence reads what stands under a key of PresenceBucket.
func ParsePresence(key string, b []byte) (Presence, error) {
	var p Presence
	if err := parse(key, b, &p, func() string { return p.Collector }); err != nil {
		return Presence{}, fmt.Errorf("presence of a collector: %w", err)
	}
	p.State, p.Notifier = evidence.Printable(p.State, maxText), evidence.Printable(p.Notifier, 4*maxText)
	p.Since, p.Told = evidence.BoundedTime(p.Since).UTC(), evidence.BoundedTime(p.Told)
	return p, nil
}

// nameless are the problems whose keys go on with what others wrote, or with names of people and phones.
var nameless = []string{"canary", "mailbox", "reset", "unrouted"}

// ProblemKey is the key of a problem as a Status may carry it: it names hosts and sites, but no
// person, mailbox or phone, and nothing that others wrote.
func ProblemKey(key string) string {
	if first, _, _ := strings.Cut(key, "/"); slices.Contains(nameless, first) {
		return first
	}
	parts := strings.Split(key, "/")
	for i, p := range parts {
		if strings.Contains(p, "@") {
			parts[i] = "..."
		}
	}
	return strings.Join(parts, "/")
}

// maxVerdict bounds the message of a Verdict, and MaxNames the phones that one may name.
const (
	maxVerdict = 64 << 10
	MaxNames   = 20
)

// ID is that of the message of a verdict: the same for each attempt to publish it. One that is
// told as unclaimed first is told again when it is not any more.
func (v Verdict) ID() string {
	id := fmt.Sprintf("%s-r%d-%s", v.Incident, v.Revision, Token(v.Collector))
	if v.Unclaimed {
		id += "-unclaimed"
	}
	return id
}

// Newer reports whether v is to be believed in place of was, of the same incident and collector.
func (v Verdict) Newer(was Verdict) bool {
	switch {
	case v.Revision != was.Revision:
		return v.Revision > was.Revision
	case v.Unclaimed != was.Unclaimed:
		return was.Unclaimed
	}
	return v.Sealed.After(was.Sealed)
}

// Bound brings a Verdict within its bounds, and its texts to what may be shown.
func (v *Verdict) Bound() {
	for _, s := range []*string{&v.Incident, &v.Kind, &v.Verdict, &v.Cause, &v.TimeZone, (*string)(&v.Coverage)} {
		*s = evidence.Printable(*s, maxText)
	}
	v.Bundle = evidence.Printable(v.Bundle, 1000)
	v.Window.Since, v.Window.Until = evidence.BoundedTime(v.Window.Since).UTC(), evidence.BoundedTime(v.Window.Until).UTC()
	v.Sealed, v.At = evidence.BoundedTime(v.Sealed).UTC(), evidence.BoundedTime(v.At).UTC()
	v.Names, v.HandTo = boundList(v.Names), boundList(v.HandTo)
	v.Revision, v.Phones, v.Bytes = max(v.Revision, 0), max(v.Phones, 0), max(v.Bytes, 0)

	counts := map[string]int{}
	for word, n := range v.Counts {
		if len(counts) < MaxNames && n > 0 {
			counts[evidence.Printable(word, maxText)] = n
		}
	}
	if v.Counts = nil; len(counts) > 0 {
		v.Counts = counts
	}
}

func boundList(list []string) (out []string) {
	for _, s := range list[:min(len(list), MaxNames)] {
		out = append(out, evidence.Printable(s, maxText))
	}
	return out
}

// ParseVerdict reads a message of EventStream that came on a subject.
func ParseVerdict(subject string, b []byte) (Verdict, error) {
	if len(b) > maxVerdict {
		return Verdict{}, fmt.Errorf("verdict of an incident: %d bytes are too many", len(b))
	}
	var v Verdict
	err := json.Unmarshal(b, &v)
	switch {
	case err != nil:
	case EventSubject(v.Site) != subject:
		err = fmt.Errorf("it is of site %s and came on %s", evidence.Printable(v.Site, maxText), evidence.Printable(subject, 2*maxText))
	case v.Incident == "":
		err = errors.New("it names no incident")
	default:
		err = errors.Join(CheckName(v.Site), CheckName(v.Collector))
	}
	if err != nil {
		return Verdict{}, fmt.Errorf("verdict of an incident: %w", err)
	}
	v.Bound()
	return v, nil
}
