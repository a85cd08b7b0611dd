package triage

import (
	"cmp"
	"log/slog"
	"slices"
	"time"
)

// Limiting is what Policy.Limit kept from being grabbed at one site.
type Limiting struct {
	Site   string
	Alerts int       // since Since
	Since  time.Time // of the first, after an hour without
	Last   time.Time
	said   time.Time
}

// limits is what Policy.Limit keeps back, by site.
type limits map[string]*Limiting

// count counts an alert that was limited and says so, once an hour and site.
func (l limits) count(site string, now time.Time, limit int, log *slog.Logger) {
	now = now.UTC().Round(0)
	s := l[site]
	if s == nil || now.Sub(s.Last) >= time.Hour {
		s = &Limiting{Site: site, Since: now}
		l[site] = s
	}
	s.Alerts, s.Last = s.Alerts+1, now
	if now.Sub(s.said) >= time.Hour {
		s.said = now
		log.Warn("alerts.limit reached: further alerts are only recorded, as limited", "site", site, "limit", limit, "alerts", s.Alerts)
	}
}

// lately are the sites at which alerts were limited in the last hour.
func (l limits) lately(now time.Time) (list []Limiting) {
	for _, s := range l {
		if now.Sub(s.Last) < time.Hour {
			list = append(list, *s)
		}
	}
	slices.SortFunc(list, func(a, b Limiting) int { return cmp.Compare(a.Site, b.Site) })
	return list
}
