// Package status holds what a running watcher says of itself: the document of
// `grab status --json`, from which the notices and the metrics are taken too. It
// is pure data and words about them.
//
// It guarantees that lists are never null and that Report.Works follows from
// Report.Problems and Report.Pauses alone. It does not know how anything is found out.
package status

import (
	"slices"
	"time"
)

// A Problem is something that is in the way of an alert, or soon will be. The
// same problem has the same Key in every report for as long as it lasts.
type Problem struct {
	Key    string    `json:"key"`             // "mailbox/<name>", "host/<host>/login", "disk", "canary/<name>", …
	What   string    `json:"what"`            // one sentence
	Hint   string    `json:"hint"`            // the next move; "" if there is none
	Since  time.Time `json:"since"`           // since when, as far as it is known
	Blocks bool      `json:"blocks"`          // an alert that came now would lose something by it
	Sites  []string  `json:"sites,omitempty"` // that it concerns; none: no site in particular, and all if it blocks
}

// Report is the whole document. Times are UTC; zero times are left out.
type Report struct {
	Works       bool          `json:"works"`    // an alert that came now would be seen and every host asked, or its site's schedule says not to
	Sites       []Site        `json:"sites"`    // in the order of the configuration
	Problems    []Problem     `json:"problems"` // unrouted and expired alerts, then those that block
	Now         time.Time     `json:"now"`
	Started     time.Time     `json:"started"`
	Version     string        `json:"version"`
	Config      string        `json:"config"`              // path
	Store       string        `json:"store"`               // path
	TimeZone    string        `json:"time_zone,omitempty"` // that all sites have in common, for people
	Disk        Disk          `json:"disk"`
	Mailboxes   []Mailbox     `json:"mailboxes"`
	Clusters    []Cluster     `json:"clusters"`
	Hosts       []Host        `json:"hosts"`
	Incidents   []Incident    `json:"incidents"` // that are open
	Queue       Queue         `json:"copy_queue"`
	Unrouted    []Unrouted    `json:"unrouted"` // of the last 24 hours
	Canaries    []Canary      `json:"canaries"`
	Beats       []Heartbeat   `json:"heartbeats"`
	Drills      []Drill       `json:"drills"`                // the last of each site that had one, or is to have one
	Pauses      []Pause       `json:"pauses"`                // in force
	Held        int           `json:"quarantine"`            // alerts in quarantine
	Handover    []Destination `json:"handover"`              // where bundles go
	PRT         *PRT          `json:"prt,omitempty"`         // phones' problem reports; absent: they are not received here
	Resets      []Reset       `json:"resets,omitempty"`      // of phones, within the last day
	Late        []Late        `json:"late,omitempty"`        // what came to sealed incidents, and no bundle has yet
	CUCM        []CUCM        `json:"cucm,omitempty"`        // accounts at CUCM clusters
	Polls       []Poll        `json:"polls"`                 // of CUCM's nodes
	Diagnostics []Diagnostic  `json:"diagnostics,omitempty"` // own logs of hosts: under way, left running, or not to be had
	Webhook     *Webhook      `json:"webhook,omitempty"`     // nil: alerts.webhook is not configured
	Fleet       *Fleet        `json:"fleet,omitempty"`       // its place among other collectors; absent: it has none
	Notes       []string      `json:"notes"`                 // what is not known, and is no problem
	Senders     string        `json:"senders,omitempty"`     // who may trigger without being verified, one sentence
}

// Disk is the room of the store.
type Disk struct {
	FreeBytes int64   `json:"free_bytes"`
	UsedBytes int64   `json:"used_bytes"`          // by the store
	DaysLeft  float64 `json:"days_left,omitempty"` // until the reserve is touched, at the rate of the last days; 0: not known, or keep.age removes as much as comes

	ReserveBytes int64 `json:"reserve_bytes,omitempty"` // that copying leaves free (keep.free)

	Bundles *Bundles `json:"bundles,omitempty"` // nil: nobody has looked yet
}

// Bundles is what the bundles in the store take, as of the last look, and how much of it may not be removed.
type Bundles struct {
	Bytes            int64 `json:"bytes"`
	SizeBytes        int64 `json:"size_bytes,omitempty"` // that they may take (keep.size); 0: no limit
	OverBytes        int64 `json:"over_bytes,omitempty"` // above that, and nothing may be removed for it
	Pinned           int   `json:"pinned"`               // incidents
	PinnedBytes      int64 `json:"pinned_bytes"`
	Undelivered      int   `json:"undelivered"` // incidents, and not pinned
	UndeliveredBytes int64 `json:"undelivered_bytes"`
}

// Mailbox is one watched mailbox.
type Mailbox struct {
	Name        string    `json:"name"` // user and folder
	Server      string    `json:"server"`
	Connected   bool      `json:"connected"`
	Idle        bool      `json:"idle"`             // the server announces mails; otherwise it is polled
	Since       time.Time `json:"since,omitzero"`   // connected, or down, since
	Answer      time.Time `json:"answer,omitzero"`  // the last good answer to IDLE, NOOP or a look
	Turned      time.Time `json:"turned,omitzero"`  // the loop's last sign of life
	UIDValidity uint32    `json:"uid_validity"`     // of the cursor
	UID         uint32    `json:"uid"`              // of the cursor
	Newest      time.Time `json:"newest,omitzero"`  // INTERNALDATE of the newest mail that was dealt with
	Retry       time.Time `json:"retry,omitzero"`   // next attempt
	Error       string    `json:"error,omitempty"`  // why it is down
	Broken      bool      `json:"broken,omitempty"` // it can never work as it is configured
	TokenTill   time.Time `json:"token,omitzero"`   // OAuth2: the access token lasts until then
	Attempts    int       `json:"attempts,omitempty"`
	Sites       []string  `json:"sites,omitempty"` // whose alerts may come through it; none: all
}

// Cluster tells when a cluster's last mail came.
type Cluster struct {
	Name string    `json:"name"`
	Mail time.Time `json:"mail,omitzero"` // INTERNALDATE; zero: none within 30 days
}

// Host is one peer.
type Host struct {
	Name     string    `json:"name"`
	Address  string    `json:"address"`
	Sites    []string  `json:"sites"`
	Warm     string    `json:"warm"`           // "up", "down", "off", "blocked"
	Since    time.Time `json:"since,omitzero"` // of Warm
	Login    time.Time `json:"login,omitzero"` // the last that succeeded
	Role     string    `json:"role"`           // "C", "E" or ""
	Refused  time.Time `json:"refused,omitzero"`
	Banned   bool      `json:"banned_maybe"` // silence after a refusal
	HostKey  string    `json:"host_key"`     // the pinned one's fingerprint as last seen; "" if never
	ClockMS  *int64    `json:"clock_offset_ms,omitempty"`
	Families []Family  `json:"families"`
	Ring     *Ring     `json:"ring,omitempty"`
	Error    string    `json:"error,omitempty"`
	Seen
}

// Seen is what was seen of a host, and when.
type Seen struct {
	Level      string    `json:"bodies_logged"`   // yes, no, mixed, unknown: of the newest bundle, or of a later check
	Proven     time.Time `json:"proven,omitzero"` // when its logs were looked at last: what is said of them is of then
	Known      time.Time `json:"known,omitzero"`  // when anything of it was seen last, by a grab or a check too
	Failed     string    `json:"-"`               // why nothing was got of it by the newest grab; "" if something was, or it was looked at since
	FailedAt   time.Time `json:"-"`
	ProofError string    `json:"proof_error,omitempty"`  // why its logs could not be had then
	ProofSince time.Time `json:"proof_since,omitzero"`   // since when
	ClockError string    `json:"clock_error,omitempty"`  // why its clock could not be measured
	Stepped    time.Time `json:"clock_stepped,omitzero"` // its clock leapt then, and an alert now would reach back to it
	SteppedMS  int64     `json:"clock_step_ms,omitempty"`
	AheadS     float64   `json:"clock_ahead_s,omitempty"` // by how much its clock, which could not be measured, is ahead at least: a record of the future tells
}

// Family is how far back one log of a host reaches, and how it was when it was looked at.
type Family struct {
	Name   string  `json:"name"`
	DepthS float64 `json:"depth_s"`
	PerMin int64   `json:"bytes_per_minute"`
	Young  bool    `json:"young,omitempty"` // it never rotated: it may come to reach further back

	Proven time.Time `json:"proven,omitzero"`
	Newest time.Time `json:"newest,omitzero"` // its newest record, by this machine's clock
	Error  string    `json:"error,omitempty"` // why it could not be read
	Since  time.Time `json:"since,omitzero"`  // of Error
	Growth *Growth   `json:"growth,omitempty"`
}

// Growth is how a log grows, by its own history.
type Growth struct {
	Kind     string    `json:"kind"`           // "unknown", "seldom", "growing", "stopped"
	Since    time.Time `json:"since,omitzero"` // it was last seen to grow
	StillS   float64   `json:"still_s"`        // for which it was observed not to grow
	UsualS   float64   `json:"usual_pause_s"`  // its longest usual pause
	Observed int       `json:"minutes_observed"`
}

// Ring is a host's rolling copy.
type Ring struct {
	DepthS float64   `json:"depth_s"` // of its shallowest family
	Bytes  int64     `json:"bytes"`   // on disk
	PerMin int64     `json:"bytes_per_minute"`
	Last   time.Time `json:"last,omitzero"` // its newest record's increment
}

// Incident is one that is not sealed yet.
type Incident struct {
	Incident string    `json:"incident"`
	Site     string    `json:"site"`
	State    string    `json:"state"`
	Since    time.Time `json:"since"`
	Coverage string    `json:"coverage"`
	Error    string    `json:"error,omitempty"`
	Until    time.Time `json:"until,omitzero"`    // the end of its window
	Waiting  []string  `json:"waiting,omitempty"` // hosts whose files are not held yet

	Standing string `json:"standing,omitempty"` // in words: it waits for another collector to seal it
	Sealed   bool   `json:"-"`                  // of Standing: that one has, and is to deliver it
}

// Canary is the mail that a mailbox is sent by its own watcher.
type Canary struct {
	Mailbox string    `json:"mailbox"`
	Every   float64   `json:"every_s"`
	Sent    time.Time `json:"sent,omitzero"`
	Seen    time.Time `json:"seen,omitzero"`
	DelayS  float64   `json:"delay_s"` // of the last that was seen
	Missing bool      `json:"missing"`
	Error   string    `json:"error,omitempty"` // of the last attempt to send
}

// Heartbeat is an alert that is to come every so often.
type Heartbeat struct {
	Name    string    `json:"name"`
	Every   float64   `json:"every_s"`
	Last    time.Time `json:"last,omitzero"`
	Missing bool      `json:"missing"`
}

// Drill is the last rehearsal of an alert of a site.
type Drill struct {
	Site      string    `json:"site"`
	At        time.Time `json:"at,omitzero"` // when it began; zero: there was none yet
	OK        bool      `json:"ok"`
	Scheduled bool      `json:"scheduled"`       // else by hand
	Step      string    `json:"step,omitempty"`  // that failed
	Host      string    `json:"host,omitempty"`  // of it
	Error     string    `json:"error,omitempty"` // why
	Next      time.Time `json:"next,omitzero"`   // when the next is due; zero: none is scheduled
}

// Pause is a maintenance that is in force.
type Pause struct {
	Site   string    `json:"site"` // "": all
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
	By     string    `json:"by"` // a user, or "schedule"
}

// Add notes a problem.
func (r *Report) Add(p Problem) { r.Problems = append(r.Problems, p) }

// Finish puts the problems in order, says for which sites an alert would work, and makes
// lists of what is null.
func (r *Report) Finish() {
	judgeWays(r)
	slices.SortStableFunc(r.Problems, func(a, b Problem) int { return a.rank() - b.rank() })
	r.judgeSites()
	r.Works = !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Blocks }) &&
		r.all(func(s Site) bool { return s.Works || s.Planned })
	some(&r.Sites)
	some(&r.Problems)
	some(&r.Mailboxes)
	some(&r.Clusters)
	some(&r.Hosts)
	some(&r.Incidents)
	some(&r.Queue.Copies)
	some(&r.Unrouted)
	some(&r.Canaries)
	some(&r.Beats)
	some(&r.Drills)
	some(&r.Pauses)
	some(&r.Handover)
	some(&r.Polls)
	some(&r.Notes)
	for i := range r.Hosts {
		some(&r.Hosts[i].Sites)
		some(&r.Hosts[i].Families)
	}
}

// rank puts first what was lost already, then what would be.
func (p Problem) rank() int {
	switch {
	case below(p.Key, UnroutedKey), p.Key == ExpiredKey:
		return 0
	case p.Blocks:
		return 1
	}
	return 2
}

func some[T any](list *[]T) {
	if *list == nil {
		*list = []T{}
	}
}
