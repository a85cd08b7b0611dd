package triage

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// An index is all alerts that are remembered, as they are judged.
type index struct {
	st         *incident.Store
	seen       map[string]time.Time // alert ID -> when its mail was read
	unsent     map[string]bool      // those that may yet turn out to be other collectors', see Forward; true: there was no room
	sites      map[string]*siteIndex
	quarantine quarantine
	clusters   clusters
	unrouted   unrouted
	expired    unrouted
	mails      *mailSpace
	records    records
	nodes      incident.Nodes
}

func newIndex(st *incident.Store, log *slog.Logger) *index {
	return &index{
		st: st, seen: map[string]time.Time{}, unsent: map[string]bool{}, sites: map[string]*siteIndex{},
		quarantine: quarantine{st: st, log: log, known: map[string]bool{}}, clusters: clusters{},
		unrouted: unrouted{what: incident.Unrouted}, expired: unrouted{what: incident.Expired},
		mails:   &mailSpace{st: st, log: log, kept: map[string]keptMail{}, budget: mailBudget},
		records: records{log: log, most: maxRecords},
	}
}

// siteIndex is what one site makes of its alerts.
type siteIndex struct {
	entries []*entry // in alert order
	byID    map[string]*entry
	plan    *planner
	planned int  // entries[:planned] went through plan
	stale   bool // an alert came out of order: plan from the beginning
}

// An entry is one alert as one site sees it.
type entry struct {
	id   string
	t    time.Time
	seen time.Time
	node string // see incident.Nodes
	name string // folded; empty: it is no mail, and has no name of its own
	kind string // KindOf
	n    *int   // the counter
	was  *int   // the counter before, if that is known
	origin
	spelling

	d      incident.Decision
	frozen bool // member of an incident that nothing joins any more
	fixed  bool // frozen, or too old to be judged again
	pin    pin
	opened time.Time // of the frozen incident, see openings
}

// An origin is where an alert came from.
type origin struct {
	way   string // evidence.Alert.Source
	from  string // the sender's address, in lower case
	late  bool   // see lateAfter
	known bool   // it is no mail, or its sender was judged
}

// A spelling is a node as the alert has it.
type spelling struct{ cluster, spelled string }

func (e *entry) before(o *entry) int {
	if c := e.t.Compare(o.t); c != 0 {
		return c
	}
	return strings.Compare(e.id, o.id)
}

// enter puts a record into the index, or what is new in it, and reports whether there
// is anything to decide now.
func (x *index) enter(rec incident.AlertRecord) (undecided bool) {
	a := rec.Alert
	x.seen[a.ID] = rec.Seen
	x.quarantine.enter(rec)
	x.mails.note(rec)
	x.clusters.noteMail(rec)
	x.unrouted.enter(rec)
	x.expired.enter(rec)
	if delete(x.unsent, a.ID); awaitsOthers(rec) {
		x.unsent[a.ID] = len(rec.UnsentTo) > 0
	}

	for _, d := range rec.Sites {
		if d.What == incident.Paused || d.What == incident.Expired { // it is no news, and no older news, of anything
			continue
		}
		s := x.sites[d.Site]
		if s == nil {
			s = &siteIndex{byID: map[string]*entry{}, stale: true}
			x.sites[d.Site] = s
		}
		if s.byID[a.ID] != nil { // a further copy added other sites
			continue
		}
		e := &entry{id: a.ID, t: a.Time, seen: rec.Seen, node: x.nodes.Known(a.Cluster, a.Node), name: strings.ToLower(strings.TrimSpace(a.Name)), kind: incident.KindOf(a.Kind), n: a.Count, was: a.Was, d: d,
			origin: origin{a.Source, strings.ToLower(evidence.Printable(rec.Sender, 254)), isLate(rec), !a.IsMail() || a.Auth != nil}, spelling: spelling{a.Cluster, a.Node}}
		if !a.IsMail() {
			e.name = ""
		}
		s.insert(e)
		undecided = true
	}
	return undecided
}

func (s *siteIndex) insert(e *entry) {
	i, _ := slices.BinarySearchFunc(s.entries, e, (*entry).before)
	s.entries = slices.Insert(s.entries, i, e)
	s.byID[e.id] = e
	s.stale = s.stale || i < s.planned
}

func (s *siteIndex) remove(id string) {
	e := s.byID[id]
	if e == nil {
		return
	}
	delete(s.byID, id)
	i, ok := slices.BinarySearchFunc(s.entries, e, (*entry).before)
	if !ok {
		return
	}
	s.entries = slices.Delete(s.entries, i, i+1)
	if i < s.planned {
		s.planned--
	}
}

// forget takes an alert out of the index.
func (x *index) forget(id string) {
	delete(x.seen, id)
	delete(x.unsent, id)
	x.quarantine.remove(id)
	x.mails.forget(id)
	for _, s := range x.sites {
		s.remove(id)
	}
}

// replan has all alerts judged again, as far as they may be.
func (x *index) replan() {
	for _, s := range x.sites {
		s.stale = true
	}
}

// name puts another table of nodes in force.
func (x *index) name(nodes incident.Nodes) {
	x.nodes = nodes
	for _, s := range x.sites {
		for _, e := range s.entries {
			e.node = nodes.Known(e.cluster, e.spelled)
		}
	}
}

// place says of an incident's members what the incident says of them. It returns the
// IDs of those of which it was not known.
func (x *index) place(in incident.Incident, policy incident.Policy) (changed []incident.Member) {
	s := x.sites[in.Site]
	if s == nil || in.Kind != incident.KindAlert {
		return nil
	}
	for _, m := range in.Members {
		e := s.byID[m.Alert]
		if e == nil {
			continue
		}
		d := memberOf(in, m)
		if e.d != d {
			changed = append(changed, m)
		}
		e.d, e.frozen, e.opened = d, in.Frozen, openedAt(in, policy)
	}
	return changed
}

func memberOf(in incident.Incident, m incident.Member) incident.Decision {
	return incident.Decision{Site: in.Site, What: incident.InIncident, Incident: in.Key, Why: m.Why}
}

// freeze is told that nothing joins the incident any more.
func (x *index) freeze(in incident.Incident, policy incident.Policy) {
	s := x.sites[in.Site]
	if s == nil {
		return
	}
	for _, m := range in.Members {
		if e := s.byID[m.Alert]; e != nil {
			e.frozen, e.opened = true, openedAt(in, policy)
		}
	}
	if s.plan != nil {
		s.plan.drop(in.Key)
	}
}

// enterAll is enter for many, with the quarantine kept to its bounds.
func (x *index) enterAll(recs []incident.AlertRecord) (undecided bool) {
	for _, rec := range recs {
		undecided = x.enter(rec) || undecided
	}
	x.boundQuarantine()
	return undecided
}

// boundQuarantine keeps the quarantine to its bounds.
func (x *index) boundQuarantine() {
	for _, id := range x.quarantine.bound() {
		x.forget(id)
	}
}

// maxClusters is how many clusters are remembered: their names come from mails.
const maxClusters = 200

// clusters is when the last mail came from each cluster, by INTERNALDATE.
type clusters map[string]time.Time

// noteMail takes a mail into account. One that is in quarantine proves nothing: its
// sender may be anyone. Nor does a drill's: it is not the cluster's. What is no mail says
// nothing of the way of mails.
func (c clusters) noteMail(rec incident.AlertRecord) {
	name := strings.TrimSpace(evidence.Printable(rec.Alert.Cluster, 80))
	if name == "" || rec.What == incident.Quarantined || rec.What == incident.Drilled || !rec.Alert.IsMail() {
		return
	}
	at := rec.Seen
	if rec.Alert.Received != nil && !rec.Alert.Received.After(rec.Seen.Add(time.Minute)) {
		at = rec.Alert.Received.UTC()
	}
	if at.After(c[name]) {
		c[name] = at
	}
	if len(c) > maxClusters {
		delete(c, slices.MinFunc(slices.Collect(maps.Keys(c)), func(a, b string) int { return c[a].Compare(c[b]) }))
	}
}
