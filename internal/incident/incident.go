// Package incident holds the nouns that all work on incidents shares: Incident, Site,
// Policy, AlertRecord; where alerts go, when sites are paused, and the store in which
// all is kept, with the locks on it.
//
// Everything in the store is written whole or not at all, and the table of unsealed
// incidents never says what is not on disk. Reading needs no lock.
//
// It does not decide about alerts (package triage) and asks no host (package runner);
// it imports neither.
package incident

import (
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
)

// A State is how far an incident has come.
type State string

// The states, in order. A failed incident has what it has on disk; watch tries it
// again, and so does a retry.
const (
	Waiting State = "waiting" // safe on disk, no host was asked yet
	Running State = "running" // hosts are being asked
	Sealing State = "sealing" // nothing joins any more, the manifest is written
	Sealed  State = "sealed"  // the bundle is there
	Failed  State = "failed"  // neither sealed nor being worked on; Error says why
)

func (s State) known() bool {
	return slices.Contains([]State{"", Waiting, Running, Sealing, Sealed, Failed}, s)
}

// A Kind says what an incident came from.
type Kind string

// The kinds. No alert ever joins an incident of kind now or drill.
const (
	KindAlert Kind = "alert"
	KindNow   Kind = "now"
	KindDrill Kind = "drill" // removed when it is over, see RemoveDrill
)

// A HostRef is one configured peer.
type HostRef struct {
	Name    string `json:"name"`
	Role    string `json:"role"` // "C", "E" or ""
	Address string `json:"address"`
}

// A Member is an alert of an incident. Members are kept in alert order.
type Member struct {
	Alert string    `json:"alert"` // ID
	Time  time.Time `json:"time"`
	Why   Why       `json:"why"`
}

// A Revision is one sealed bundle of an incident.
type Revision struct {
	Revision int               `json:"revision"`
	Bundle   string            `json:"bundle"`
	Coverage evidence.Coverage `json:"coverage"`
	Sealed   time.Time         `json:"sealed"`
	NoReport string            `json:"no_report,omitempty"` // why the bundle has no report
	Brief    *Brief            `json:"brief,omitempty"`     // nil: its bundle says it, which was sealed by an earlier version or adopted
	HandTo   []string          `json:"hand_to,omitempty"`   // destinations whose conditions it met when it was sealed
	Material string            `json:"material,omitempty"`  // digest of what it has beside logs and mails, see package material
	Late     bool              `json:"late,omitempty"`      // it was made for that alone
	Found    bool              `json:"found,omitempty"`     // its bundle was there, and no record said so, see Renumber
}

// An Incident is one grab, from the alert (or the command) to its bundle.
type Incident struct {
	Key       string   `json:"key"`               // its folder's name, never changes
	ID        string   `json:"incident"`          // may change until it is frozen, when an earlier alert joins
	Aliases   []string `json:"aliases,omitempty"` // earlier IDs
	Site      string   `json:"site"`
	Kind      Kind     `json:"kind"`
	AlertKind string   `json:"alert_kind,omitempty"` // of kind alert: of all its alerts; empty: evidence.DefaultKind
	State     State    `json:"state"`
	Frozen    bool     `json:"frozen,omitempty"` // sealed once, or about to be: nothing joins, ID and Asked stay

	Asked   evidence.Window `json:"asked"`
	Opened  evidence.Window `json:"opened"` // the window when the first host was asked
	Members []Member        `json:"members,omitempty"`

	Reason   string    `json:"reason,omitempty"`
	At       time.Time `json:"at,omitzero"`    // of a grab by hand: the event that it is about; zero: the end of Asked
	User     string    `json:"user,omitempty"` // whose command did it, by the system's account; empty: no command, or the watcher did it
	By       string    `json:"by,omitempty"`   // who had the watcher do it; empty: nobody, or a command of its own
	Case     string    `json:"case,omitempty"`
	Phones   []string  `json:"phones,omitempty"`
	TimeZone string    `json:"time_zone,omitempty"`
	Hosts    []HostRef `json:"hosts"`
	Families []string  `json:"families"`
	Only     []string  `json:"only,omitempty"` // families that its alerts' kind asks for, in place of each host's own; empty: each host's own
	Out      string    `json:"out,omitempty"`  // folder for the bundle if not the store's

	Created time.Time `json:"created"` // safe on disk
	Starts  int       `json:"starts"`  // how often the work was taken up

	Stopped time.Time `json:"stopped,omitzero"` // by hand, before its end
	Fleet   Shared    `json:"fleet,omitzero"`
	Late    bool      `json:"late,omitempty"` // the revision that is being made is for what came late alone: no host is asked

	Revision  int               `json:"revision"`
	Coverage  evidence.Coverage `json:"coverage,omitempty"` // of the newest manifest
	Bundle    string            `json:"bundle,omitempty"`   // of the newest sealed revision
	Revisions []Revision        `json:"revisions,omitempty"`
	Error     string            `json:"error,omitempty"`
}

// open reports whether alerts can still join.
func (in Incident) Joinable() bool { return in.Kind == KindAlert && !in.Frozen }

// NoReport is why the newest bundle has no report; empty: it has one, or there is none.
func (in Incident) NoReport() string {
	if len(in.Revisions) == 0 {
		return ""
	}
	return in.Revisions[len(in.Revisions)-1].NoReport
}

// ReportOnly reports whether a retry has nothing to do but to add the report: the newest
// bundle is complete.
func (in Incident) ReportOnly() bool {
	n := len(in.Revisions)
	return n > 0 && in.Revision > in.Revisions[n-1].Revision && in.Revisions[n-1].Coverage == evidence.Complete
}

// Alerted is when the first alert was, or the event of a grab by hand; zero: it is not known.
func (in Incident) Alerted() time.Time {
	if len(in.Members) == 0 {
		return in.At
	}
	return in.Members[0].Time
}

// is reports whether id is one of the names of the incident.
func (in Incident) is(id string) bool {
	return in.ID == id || in.Key == id || slices.Contains(in.Aliases, id)
}

func SameWindow(a, b evidence.Window) bool {
	return a.Since.Equal(b.Since) && a.Until.Equal(b.Until)
}

// An Attempt is one pass over a host, whatever came of it.
type Attempt struct {
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended"`
	What  string    `json:"what"`            // "pass"
	Error string    `json:"error,omitempty"` // "" if all went well
}

// A HostState is what is known of one host of an incident.
type HostState struct {
	Result   evidence.Host   `json:"row"`
	Judged   evidence.Window `json:"judged"`          // the window that Result speaks of
	Held     time.Time       `json:"held,omitzero"`   // its files were held for the first time
	Copied   time.Time       `json:"copied,omitzero"` // the first pass without an error was on disk
	Attempts []Attempt       `json:"attempts"`
}

// Asked reports whether the host was tried at all.
func (h HostState) Asked() bool { return len(h.Attempts) > 0 }

// MakeID builds a public ID of a time, a site and a hex string of six or more.
func MakeID(t time.Time, site, hex string) string {
	return t.UTC().Format("20060102T150405Z") + "-" + site + "-" + hex[:6]
}
