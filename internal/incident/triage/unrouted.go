package triage

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// Bounds of what is remembered of alerts that no site claims: their names come from mails.
const (
	UnroutedFor  = 24 * time.Hour // after the last of a name
	maxUnrouted  = 20             // names; further ones are only counted
	maxUnroutedN = 5000           // alerts that are known one by one, not to be counted twice
)

// Unrouted are the alerts of one cluster, or of one node where none is named, that might have
// triggered, and that no site claims. Those that were too old are counted in the same way.
type Unrouted struct {
	Last        evidence.Alert // of it only what routes ask for, and its time
	Further     bool           // of all further names
	Alerts      int
	Since, Till time.Time // when the first and the last was read
}

// add counts an alert that was read at that time. After a day without one it begins anew.
func (u *Unrouted) add(n unroutedNote) {
	switch {
	case u.Alerts == 0 || n.seen.Sub(u.Till) > UnroutedFor:
		*u = Unrouted{Last: n.alert, Alerts: 1, Since: n.seen, Till: n.seen}
		return
	case n.seen.After(u.Till):
		u.Last, u.Till = n.alert, n.seen
	case n.seen.Before(u.Since): // the clock was set back
		u.Since = n.seen
	}
	u.Alerts++
}

// setBack has what was read by a clock that was ahead be of now, and so be forgotten a day from now.
func (u *Unrouted) setBack(now time.Time) {
	if now = now.Add(aheadBy); u.Till.After(now) {
		u.Since, u.Till = evidence.Earlier(u.Since, now), now
	}
}

// unroutedNote is one of them.
type unroutedNote struct {
	id    string
	seen  time.Time
	alert evidence.Alert
}

// name is what they are counted by.
func (n unroutedNote) name() string {
	return cmp.Or(strings.ToLower(n.alert.Cluster), "\x00"+incident.FoldNode(n.alert.Node))
}

// unrouted counts alerts of which it was decided as a whole that nothing is grabbed.
type unrouted struct {
	what    incident.What // Unrouted or Expired
	names   map[string]*Unrouted
	more    Unrouted
	counted map[string]string // alert ID -> name; at most maxUnroutedN
	loading []unroutedNote    // to be counted in the order in which they were read
	loaded  bool
}

// enter takes a record into account, or what has become of it.
func (u *unrouted) enter(rec incident.AlertRecord) {
	name, known := u.counted[rec.Alert.ID]
	switch {
	case rec.What == u.what && !known:
		a := rec.Alert
		n := unroutedNote{a.ID, rec.Seen, evidence.Alert{Cluster: strings.TrimSpace(evidence.Printable(a.Cluster, 80)), Node: evidence.Printable(a.Node, 80),
			Time: a.Time, Kind: a.Kind, Mailbox: a.Mailbox, Folder: a.Folder, Recipients: a.Recipients}}
		if !u.loaded {
			u.loading = append(u.loading, n)
			return
		}
		u.count(n)
	case rec.What != u.what && known: // a further copy has found a site
		delete(u.counted, rec.Alert.ID)
		if got := u.names[name]; got != nil {
			if got.Alerts--; got.Alerts <= 0 {
				delete(u.names, name)
			}
		}
	}
}

// settle counts what the store holds, once it was read.
func (u *unrouted) settle(now time.Time) {
	slices.SortFunc(u.loading, func(a, b unroutedNote) int { return cmp.Or(a.seen.Compare(b.seen), strings.Compare(a.id, b.id)) })
	for _, n := range u.loading {
		u.count(n)
	}
	u.loading, u.loaded = nil, true
	u.forget(now)
}

func (u *unrouted) count(n unroutedNote) {
	name := n.name()
	if u.names[name] == nil {
		u.forget(n.seen)
		if len(u.names) >= maxUnrouted {
			n.alert = evidence.Alert{Time: n.alert.Time}
			u.more.add(n)
			u.more.Further = true
			return
		}
		if u.names == nil {
			u.names, u.counted = map[string]*Unrouted{}, map[string]string{}
		}
		u.names[name] = &Unrouted{}
	}
	u.names[name].add(n)
	if len(u.counted) < maxUnroutedN {
		u.counted[n.id] = name
	}
}

// forget drops the names of which none came for a day.
func (u *unrouted) forget(now time.Time) {
	for name, got := range u.names {
		if now.Sub(got.Till) > UnroutedFor {
			delete(u.names, name)
		}
	}
	for id, name := range u.counted {
		if u.names[name] == nil {
			delete(u.counted, id)
		}
	}
	if now.Sub(u.more.Till) > UnroutedFor {
		u.more = Unrouted{}
	}
}

// list is what is remembered of the last day, the first name first, and at the end further
// names.
func (u *unrouted) list(now time.Time) []Unrouted {
	for _, got := range u.names {
		got.setBack(now)
	}
	u.more.setBack(now)
	u.forget(now)
	var list []Unrouted
	for _, got := range u.names {
		list = append(list, *got)
	}
	slices.SortFunc(list, func(a, b Unrouted) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Last.Cluster, b.Last.Cluster), strings.Compare(a.Last.Node, b.Last.Node))
	})
	if u.more.Alerts > 0 {
		list = append(list, u.more)
	}
	return list
}
