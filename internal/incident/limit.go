package incident

import (
	"slices"
	"time"
)

// limitDay times Policy.Limit incidents are opened in a day: the times of alerts
// are what mails say, and a day's worth of them can come at once.
const limitDay = 4

// full reports whether one more incident of an alert at t would be too many: of any
// hour by the times of alerts, or of any day. What joins an incident is not counted.
func (p *planner) full(t time.Time) bool {
	n := p.policy.Limit
	return n > 0 && (crowded(p.taken, t, time.Hour, n) || crowded(p.taken, t, 24*time.Hour, limitDay*n))
}

// charge counts an incident that an alert at t opens.
func (p *planner) charge(t time.Time) {
	i, _ := slices.BinarySearchFunc(p.taken, t, time.Time.Compare)
	p.taken = slices.Insert(p.taken, i, t)
}

// crowded reports whether, with one more at t, more than n of the sorted times
// would lie in one half-open span.
func crowded(taken []time.Time, t time.Time, span time.Duration, n int) bool {
	lo, _ := slices.BinarySearchFunc(taken, t.Add(-span), time.Time.Compare)
	hi, _ := slices.BinarySearchFunc(taken, t.Add(span), time.Time.Compare)
	near := slices.Clone(taken[lo:hi])
	at, _ := slices.BinarySearchFunc(near, t, time.Time.Compare)
	near = slices.Insert(near, at, t)
	for i := max(0, at-n); i <= at && i+n < len(near); i++ {
		if near[i+n].Sub(near[i]) < span {
			return true
		}
	}
	return false
}

// openings are the times at which the incidents were opened which stay whatever is
// planned: hosts were asked for them. An earlier alert that joined one since, and
// leads its members now, does not move its opening: what was judged beside it stays
// judged alike, after a restart too.
func (j *Journal) openings(entries []*entry) []time.Time {
	var times []time.Time
	seen := map[string]bool{}
	for _, e := range entries {
		if e.d.What != InIncident || e.d.Why == WhyJoined || seen[e.d.Incident] {
			continue
		}
		opened := e.opened
		if in := j.m[e.d.Incident]; in != nil {
			if in.open() && in.State == Waiting {
				continue // planned anew
			}
			opened = j.openedAt(*in)
		}
		if opened.IsZero() { // its incident is gone
			opened = e.t
		}
		seen[e.d.Incident] = true
		times = append(times, opened)
	}
	slices.SortFunc(times, time.Time.Compare)
	return times
}

// openedAt is the time of the first alert of an incident when the first host was
// asked: what joins without news widens no window.
func (j *Journal) openedAt(in Incident) time.Time {
	if in.Opened.Since.IsZero() {
		return time.Time{}
	}
	return in.Opened.Since.Add(j.policy.of(in.AlertKind).Before)
}

// Limiting is what Policy.Limit kept from being grabbed at one site.
type Limiting struct {
	Site   string
	Alerts int       // since Since
	Since  time.Time // of the first, after an hour without
	Last   time.Time
	said   time.Time
}

// sayLimited counts an alert that was limited and says so, once an hour and site.
func (j *Journal) sayLimited(d Decision) {
	if d.What != Limited {
		return
	}
	now := j.now().UTC().Round(0)
	l := j.limits[d.Site]
	if l == nil || now.Sub(l.Last) >= time.Hour {
		l = &Limiting{Site: d.Site, Since: now}
		if j.limits == nil {
			j.limits = map[string]*Limiting{}
		}
		j.limits[d.Site] = l
	}
	l.Alerts, l.Last = l.Alerts+1, now
	if now.Sub(l.said) >= time.Hour {
		l.said = now
		j.log.Warn("alerts.limit is reached: alerts that would open another incident are recorded as limited", "site", d.Site, "limit", j.policy.Limit, "alerts", l.Alerts)
	}
}

// Limits tells at which sites alerts were limited in the last hour, by site.
func (j *Journal) Limits() []Limiting {
	j.mu.Lock()
	defer j.mu.Unlock()
	var list []Limiting
	for _, l := range j.limits {
		if j.now().Sub(l.Last) < time.Hour {
			list = append(list, *l)
		}
	}
	slices.SortFunc(list, func(a, b Limiting) int {
		if a.Site < b.Site {
			return -1
		}
		return 1
	})
	return list
}
