package incident

import (
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

// A Preview is what would become of an alert at one site.
type Preview struct {
	Decision
	Window evidence.Window // of the incident, the alert included; zero without one
}

// Draft is the record that Journal.Add would write of an alert.
func Draft(a evidence.Alert, truncated bool, seen time.Time, sites []Site, policy Policy) AlertRecord {
	return newRecord(a, truncated, seen, sites, policy)
}

// Preview tells what would become of a drafted alert if it were decided about now,
// beside the alerts and incidents of the store. It changes nothing and needs no lock.
func (s *Store) Preview(rec AlertRecord, policy Policy, now time.Time) ([]Preview, error) {
	j := &Journal{
		records: records{st: &Store{Dir: s.Dir, write: func(string, []byte) error { return nil }}, m: map[string]*Incident{}},
		log:     slog.New(slog.DiscardHandler), now: func() time.Time { return now }, policy: policy,
		index: map[string]*siteIndex{}, seen: map[string]time.Time{},
	}
	var was planState
	if err := atomicfile.ReadJSON(s.planPath(), &was); err == nil {
		j.cutoff = was.Cutoff
	}
	if err := j.readAlerts(); err != nil && !errors.Is(err, fs.ErrNotExist) { // no store yet: an empty one
		return nil, err
	}
	keys, err := s.keys()
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if in, err := s.read(k); err == nil { // what cannot be read the watcher says
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
		list = append(list, j.preview(d.Site, rec.Alert.ID, now))
	}
	return list, nil
}

func (j *Journal) preview(site, id string, now time.Time) Preview {
	x := j.index[site]
	var mine verdict
	judged, _ := j.judge(site, x, now)
	for _, v := range judged {
		if v.e.id == id {
			mine = v
		}
	}
	p := Preview{Decision: Decision{Site: site, What: Repeat, Of: mine.of}}
	switch {
	case mine.limited:
		p.Decision = Decision{Site: site, What: Limited}
	case mine.g != nil:
		p.Decision = Decision{Site: site, What: InIncident, Why: mine.why, Incident: mine.g.key}
		p.Window = mine.g.window
		if p.Incident == "" {
			others := slices.DeleteFunc(slices.Clone(mine.g.members), func(m Member) bool { return m.Alert == id })
			p.Incident = reusable(&group{members: others}, j.waiting(site), nil)
		}
	}
	return p
}
