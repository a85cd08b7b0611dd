package incident

import (
	"cmp"
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
)

// A Site is a set of peers that are asked together, and what it claims.
type Site struct {
	Name     string
	Clusters []string // claimed clusters, as in the mail's subject
	Nodes    []string // claimed nodes; without clusters and nodes it takes what no other claims
	CUCM     []string // clusters that are asked about it: it claims what polls of them find
	TimeZone string   // IANA name, for people
	Hosts    []HostRef
	Families []string
	Quiet    []Quiet // hours in which its alerts trigger nothing
}

// A Policy holds the times that decide. See docs/alerts.md, "News, repeats and storms".
type Policy struct {
	Before   time.Duration `json:"before"` // an alert at t asks for [t-Before, t+After)
	After    time.Duration `json:"after"`
	Max      time.Duration `json:"max"`      // longest window of one incident; zero: no bound
	Settle   time.Duration `json:"settle"`   // after the window's end, before the second pass
	Patience time.Duration `json:"patience"` // after the window's end, for reaching a host
	Cooldown time.Duration `json:"cooldown"`
	Again    time.Duration `json:"again"`   // zero: an unchanged storm never opens a second incident
	MaxAge   time.Duration `json:"max_age"` // zero: no alert is too old
	Keep     time.Duration `json:"keep"`    // keep.age; zero: for ever

	KeepSize int64 `json:"keep_size,omitempty"` // keep.size, in bytes; zero: no bound

	Limit int `json:"limit,omitempty"` // incidents of alerts an hour and site; zero: no limit

	Kinds []KindPolicy `json:"kinds,omitempty"` // of the alert kinds beside evidence.DefaultKind
	Nodes Nodes        `json:"nodes,omitempty"` // by which names nodes are spelled; nil: no table
	Rules []Rule       `json:"-"`               // where alerts go, before the sites' own claims
	Late  Late         `json:"-"`               // when what came late is sealed
}

// Late says when what came to a sealed incident makes a further revision of its bundle.
type Late struct {
	Quiet time.Duration // nothing more has come for so long; zero: 10 min
	Apart time.Duration // so long after the last such revision; zero: 30 min
}

// A KindPolicy is what the alerts of one kind ask for. Alerts of different kinds
// never share an incident, and are no news to each other.
type KindPolicy struct {
	Name     string        `json:"name"`
	Before   time.Duration `json:"before"`
	After    time.Duration `json:"after"`
	Families []string      `json:"families,omitempty"` // in place of those of each host; empty: those
}

// Of is what a kind asks for; one that is not configured (any more) asks for what
// the default kind does.
func (p Policy) Of(kind string) KindPolicy {
	if i := slices.IndexFunc(p.Kinds, func(k KindPolicy) bool { return k.Name == kind }); i >= 0 {
		return p.Kinds[i]
	}
	return KindPolicy{Name: kind, Before: p.Before, After: p.After}
}

// Window is what one alert of the default kind asks for.
func (p Policy) Window(t time.Time) evidence.Window {
	return p.WindowOf(evidence.DefaultKind, t)
}

// WindowOf is what one alert of a kind asks for.
func (p Policy) WindowOf(kind string, t time.Time) evidence.Window {
	k := p.Of(KindOf(kind))
	return evidence.NewWindow(t.Add(-k.Before), t.Add(k.After))
}

// KindOf is the kind by its one name.
func KindOf(kind string) string { return cmp.Or(kind, evidence.DefaultKind) }
