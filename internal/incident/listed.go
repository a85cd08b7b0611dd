package incident

import (
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
)

// A Listed is one line of `grab list`.
type Listed struct {
	Incident string            `json:"incident"`
	Site     string            `json:"site"`
	State    State             `json:"state"`
	Coverage evidence.Coverage `json:"coverage"` // of an open incident: so far; "" before any host was asked
	Bundle   string            `json:"bundle"`   // "" until sealed

	Time     time.Time `json:"time"` // of the first alert; by hand: when it was asked for
	Until    time.Time `json:"until"`
	TimeZone string    `json:"time_zone,omitempty"`
	Kind     Kind      `json:"kind"`
	By       string    `json:"by,omitempty"` // who had the watcher do it

	Pinned    bool   `json:"pinned,omitempty"`
	PinReason string `json:"pin_reason,omitempty"`

	RemovedAt  time.Time `json:"removed,omitzero"` // of state removed
	RemovedWhy string    `json:"removed_why,omitempty"`

	StandingBy   *string      `json:"standing_by,omitempty"`  // the collector that seals it, "" before one is known; absent: it does not stand by
	StandingFor  string       `json:"standing_for,omitempty"` // "delivery": that collector has sealed it and is to deliver it; absent: it seals it
	Unclaimed    bool         `json:"unclaimed,omitempty"`
	SupplementOf []fleet.Link `json:"supplement_of,omitempty"`
	Supplements  []fleet.Link `json:"supplements,omitempty"`
	Left         bool         `json:"left,omitempty"`     // of an open one: nobody works at it, who did was killed
	InPlace      bool         `json:"in_place,omitempty"` // of supplement_of: it has the same logs, and was made because those were not delivered
	In           []fleet.Link `json:"in,omitempty"`       // of state removed: other collectors' incidents that have its alerts

	Brief
	Key   string `json:"-"`
	Known bool   `json:"-"` // Brief is; false: an earlier version sealed the bundle, which says it
}

// StandingForDelivery is a Listed.StandingFor.
const StandingForDelivery = "delivery"

// A Brief is what lists say of a sealed revision, so that nobody has to open its bundle.
type Brief struct {
	Node    string      `json:"node,omitempty"`    // of the first alert
	Source  string      `json:"source,omitempty"`  // how that came; empty: by mail, or there is none
	Verdict string      `json:"verdict,omitempty"` // of the report; empty: there is none, or not yet
	Phones  []NamedFate `json:"phones,omitempty"`  // those that something happened to, at most maxFates
	More    int         `json:"more_phones,omitempty"`
	Bytes   int64       `json:"bytes,omitempty"` // of the bundle
}

// A NamedFate is what a report says of a phone, in a word.
type NamedFate struct {
	Device  string `json:"device"`
	Verdict string `json:"verdict"`
}

// maxFates bounds the phones that an incident's record names.
const maxFates = 5

// BriefOf is the brief of a bundle with that manifest and size.
func BriefOf(m evidence.Manifest, bytes int64) Brief {
	b := Brief{Bytes: bytes}
	if len(m.Alerts) > 0 {
		b.Node, b.Source = evidence.Printable(m.Alerts[0].Node, 100), evidence.Printable(m.Alerts[0].Source, 50)
	}
	reg := m.Registration
	if reg == nil {
		return b
	}
	b.Verdict, b.More = reg.Verdict, reg.More
	for _, p := range reg.Phones {
		switch {
		case p.Verdict == "registered" || p.Verdict == "unknown": // it was asked for, and nothing happened to it
		case len(b.Phones) == maxFates:
			b.More++
		default:
			b.Phones = append(b.Phones, NamedFate{evidence.Printable(p.Device, 100), evidence.Printable(p.Verdict, 50)})
		}
	}
	return b
}
