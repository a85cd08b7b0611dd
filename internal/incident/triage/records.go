package triage

import (
	"cmp"
	"errors"
	"log/slog"
	"os"
	"slices"
	"time"

	"rtmtgrab/internal/incident"
)

// maxRecords is how many alerts are remembered, those in quarantine aside, which have a bound
// of their own. What is undecided or belongs to an incident that is there stays even so, and what decides about
// later alerts does up to twice as many.
const maxRecords = 50_000

// A records bounds how many alerts are remembered.
type records struct {
	log  *slog.Logger
	most int
	said time.Time // that it was reached
	vain time.Time // nothing could be spared
}

// How an alert may be spared, the first to go first.
const (
	longPast   = iota // nothing that still can come is judged by it
	limited           // it is no news, and no older news, of anything
	redundant         // the one before and the one after it say the same, and mails so late are rare
	unassigned        // it is of no site
	lately            // redundant, but a mail that comes late with another counter would make it news
	telling           // a repeat by which others may be judged: it goes when there are twice as many
	kept
)

// lateMails is how late a mail may come and find all the alerts by which it is judged.
const lateMails = 2 * time.Hour

// boundRecords forgets what may be spared, the oldest first, if there are too many.
func (x *index) boundRecords(p incident.Policy, now time.Time) error {
	b := &x.records
	n := len(x.seen) - len(x.quarantine.known)
	if n <= b.most || now.Sub(b.vain).Abs() < time.Minute {
		return nil
	}
	spare, telling := x.spare(p, now)
	spare = spare[:min(len(spare), tooMany(n, b.most))]
	telling = telling[:min(len(telling), tooMany(n-len(spare), 2*b.most))]
	var errs []error
	gone := 0
	for _, id := range slices.Concat(spare, telling) {
		if err := errors.Join(x.st.Remove(x.st.AlertPath(id)), x.st.Remove(x.st.MailPath(id))); err != nil {
			errs = append(errs, err)
			continue
		}
		x.forget(id)
		gone++
	}
	if gone == 0 {
		b.vain = now
	} else {
		x.replan() // else the plan would remember them
	}
	if now.Sub(b.said) >= time.Hour {
		b.said = now
		b.log.Warn("more alerts than are remembered: the oldest that decide nothing any more are forgotten", "alerts", n, "most", b.most, "forgotten", gone)
	}
	return errors.Join(errs...)
}

// tooMany is how many of n are forgotten where most are remembered: not one with every mail.
func tooMany(n, most int) int {
	if n <= most {
		return 0
	}
	return n - (most - most/16)
}

// spare are the alerts that may be forgotten, in the order in which they are, and those that may if there are
// too many all the same.
func (x *index) spare(p incident.Policy, now time.Time) (spare, more []string) {
	horizon := now.Add(-max(24*time.Hour, p.MaxAge) - p.Cooldown - p.Max - widest(p)) // of limits by the day, too
	if p.MaxAge <= 0 {
		horizon = now.Add(-SeenFor) // what comes may be of any time
	}
	same := map[*siteIndex]map[string]bool{}
	for _, s := range x.sites {
		same[s] = s.redundant(p.Cooldown)
	}
	var lists [kept][]string
	for id := range x.seen {
		if x.quarantine.known[id] {
			continue
		}
		worth := x.recordWorth(id, horizon, same)
		if worth == redundant && now.Sub(x.seen[id]) < lateMails {
			worth = lately
		}
		if worth < kept {
			lists[worth] = append(lists[worth], id)
		}
	}
	for _, list := range lists {
		slices.SortFunc(list, func(a, b string) int { return cmp.Or(x.seen[a].Compare(x.seen[b]), cmp.Compare(a, b)) })
	}
	return slices.Concat(lists[:telling]...), lists[telling]
}

// recordWorth is why an alert may be forgotten: of several sites the one to which it is
// worth most decides.
func (x *index) recordWorth(id string, horizon time.Time, same map[*siteIndex]map[string]bool) (worth int) {
	assigned, old := false, x.seen[id].Before(horizon)
	for _, s := range x.sites {
		e := s.byID[id]
		if e == nil {
			continue
		}
		assigned = true
		past := old && e.t.Before(horizon)
		switch {
		case e.d.What == incident.Limited && !past:
			worth = max(worth, limited)
		case e.d.What == incident.Repeat && !past && same[s][id]:
			worth = max(worth, redundant)
		case e.d.What == incident.Repeat, e.d.What == incident.Limited:
			if !past {
				worth = max(worth, telling)
			}
		case e.d.What != incident.InIncident, e.d.Why != incident.WhyJoined, !past, x.isThere(e.d.Incident):
			return kept // it is undecided, opens or widens an incident, or one that is there has it
		}
	}
	if !assigned && !old {
		return unassigned
	}
	return worth
}

func (x *index) isThere(key string) bool {
	_, err := os.Stat(x.st.IncidentDir(key))
	return err == nil
}

// redundant are the repeats without which every alert that still comes is judged alike: the one of the node and name before it says the same, and the one after
// it comes less than a cooldown after that.
func (s *siteIndex) redundant(cooldown time.Duration) map[string]bool {
	type about struct{ kind, node, name, way, voice string }
	next := map[about]time.Time{} // from the end: of the one behind
	after := make([]time.Time, len(s.entries))
	for i, e := range slices.Backward(s.entries) {
		if e.d.What == incident.Limited {
			continue // nobody is judged by it
		}
		a := about{e.kind, e.node, e.name, e.way, e.voice()}
		after[i], next[a] = next[a], e.t
	}

	same, before := map[string]bool{}, map[about]*entry{}
	for i, e := range s.entries {
		if e.d.What == incident.Limited {
			continue
		}
		a := about{e.kind, e.node, e.name, e.way, e.voice()}
		prev := before[a]
		if e.d.What == incident.Repeat && prev != nil && !after[i].IsZero() && sameCount(prev.n, e.n) && after[i].Sub(prev.t) < cooldown {
			same[e.id] = true
			continue
		}
		before[a] = e
	}
	return same
}

func sameCount(a, b *int) bool { return a == b || a != nil && b != nil && *a == *b }
