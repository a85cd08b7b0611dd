package triage

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// A Preview is what would become of an alert at one site.
type Preview struct {
	incident.Decision
	Window evidence.Window // of the incident, the alert included; zero without one
}

// Draft is the record that Journal.Add would write of an alert.
func Draft(a evidence.Alert, truncated bool, seen time.Time, sites []incident.Site, policy incident.Policy) incident.AlertRecord {
	return routed(a, truncated, seen, config{sites, policy})
}

// PreviewAlert tells what would become of a drafted alert if it were decided about now,
// beside the alerts and incidents of the store. It changes nothing and needs no lock.
func PreviewAlert(st *incident.Store, rec incident.AlertRecord, policy incident.Policy, now time.Time) ([]Preview, error) {
	dry := &incident.Store{Dir: st.Dir, WriteFile: func(string, []byte) error { return nil }}
	j := newJournal(dry, config{nil, policy}, nil, func() time.Time { return now })
	was, _, _ := planFile(st).Load() // one that cannot be read the watcher writes anew
	j.cutoff = was.Cutoff
	if err := j.readAlerts(); err != nil && !errors.Is(err, fs.ErrNotExist) { // no store yet: an empty one
		return nil, err
	}
	keys, err := st.Keys()
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if in, err := st.Read(k); err == nil { // what cannot be read the watcher says
			if err := j.place(in); err != nil {
				return nil, err
			}
		}
	}

	j.enter(rec)
	var list []Preview
	for _, d := range rec.Sites {
		if d.What != "" { // settled
			list = append(list, Preview{Decision: d})
			continue
		}
		list = append(list, previewSite(j, d.Site, rec.Alert.ID, now))
	}
	return list, nil
}

// previewSite is what would become of the alert at one site.
func previewSite(j *Journal, site, id string, now time.Time) Preview {
	incidents := j.table.OfSiteLocked(site)
	verdicts, _ := j.index.sites[site].judgeAlerts(j.circumstances(site, incidents, now))
	var mine verdict
	for _, v := range verdicts {
		if v.e.id == id {
			mine = v
		}
	}
	p := Preview{Decision: mine.decision(site)}
	if mine.g == nil {
		return p
	}
	p.Window = mine.g.window
	if p.Incident == "" {
		others := slices.DeleteFunc(slices.Clone(mine.g.members), func(m incident.Member) bool { return m.Alert == id })
		p.Incident = reusable(&group{members: others}, waiting(incidents), nil)
	}
	return p
}
