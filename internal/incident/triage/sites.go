package triage

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/incident"
)

// savedAtOnce is of how many sites what their alerts start is written down at once: a disk that
// synchronises one file after the other makes hundreds of sites wait for the first of them.
const savedAtOnce = 32

// A sitePlan is what the alerts of one site start, and what of it is on disk.
type sitePlan struct {
	site      string
	s         *siteIndex
	incidents map[string]*incident.Incident // before
	verdicts  []verdict                     // those that say something new
	groups    []*group
	whole     bool // no alert of the site was left out

	changed []incident.Incident
	err     error
}

// decideSites judges the alerts of all sites, and writes down of each first the incidents, then what
// became of the alerts, and last what is no incident any more.
func decideSites(j *Journal, now time.Time) (changed []incident.Incident, errs []error) {
	plans := planSites(j, now)
	saveIncidents(j, plans)
	saveDecisions(j, plans)
	for _, p := range plans {
		if p.err == nil && p.whole {
			p.err = j.dissolve(p.incidents, p.groups)
		}
		changed = append(changed, p.changed...)
		if p.s.stale = p.err != nil; p.err != nil {
			errs = append(errs, fmt.Errorf("decide alerts of site %s: %w", p.site, p.err))
		}
	}
	return changed, errs
}

// planSites judges; nothing is written.
func planSites(j *Journal, now time.Time) (plans []*sitePlan) {
	for site, s := range j.index.sites {
		p := &sitePlan{site: site, s: s, incidents: j.table.OfSiteLocked(site)}
		var all []verdict
		all, p.whole = s.judgeAlerts(j.circumstances(site, p.incidents, now))
		p.verdicts, p.groups = unsettled(all)
		reuse(p.groups, waiting(p.incidents))
		plans = append(plans, p)
	}
	return plans
}

// saveIncidents brings the sites' incidents into line with their groups, several sites at a time.
func saveIncidents(j *Journal, plans []*sitePlan) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, savedAtOnce)
	for _, p := range plans {
		if len(p.groups) == 0 {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			saveGroups(j, p)
		})
	}
	wg.Wait()
}

func saveGroups(j *Journal, p *sitePlan) {
	for _, g := range p.groups {
		in, fresh, err := j.saveGroup(p.site, g)
		if err != nil {
			p.err = err
			return
		}
		if fresh {
			p.changed = append(p.changed, in)
		}
	}
}

// saveDecisions writes what was decided into the alerts' records: of all sites together, and if that
// fails of each by itself, so that one keeps no other.
func saveDecisions(j *Journal, plans []*sitePlan) {
	plans = slices.DeleteFunc(slices.Clone(plans), func(p *sitePlan) bool { return p.err != nil || len(p.verdicts) == 0 })
	if len(plans) > 1 && saveVerdicts(j, plans) == nil {
		return
	}
	for _, p := range plans {
		p.err = saveVerdicts(j, []*sitePlan{p})
	}
}

// saveVerdicts writes the decisions of some sites, so many at a time.
func saveVerdicts(j *Journal, plans []*sitePlan) error {
	d := decisions{j: j, files: incident.Batch{St: j.st}}
	defer d.files.Drop()
	for _, p := range plans {
		for _, v := range p.verdicts {
			if err := d.add(p.site, v); err != nil {
				return err
			}
		}
	}
	return d.commit()
}

// decisions are some that become safe together.
type decisions struct {
	j     *Journal
	files incident.Batch
	recs  map[string]incident.AlertRecord // by ID: an alert may be one of several sites
	fresh []decision
}

type decision struct {
	e *entry
	incident.Decision
}

func (d *decisions) add(site string, v verdict) error {
	is := v.decision(site)
	if is == v.e.d {
		return nil
	}
	if len(d.fresh) >= maxIntake {
		if err := d.commit(); err != nil {
			return err
		}
	}
	rec, ok := d.recs[v.e.id]
	if !ok {
		var err error
		if rec, err = d.j.st.Alert(v.e.id); err != nil {
			return err
		}
	}
	setDecision(&rec, is)
	if err := d.files.WriteRecord(rec); err != nil {
		return err
	}
	if d.recs == nil {
		d.recs = map[string]incident.AlertRecord{}
	}
	d.recs[v.e.id] = rec
	d.fresh = append(d.fresh, decision{v.e, is})
	return nil
}

// commit makes those that were added safe.
func (d *decisions) commit() error {
	err := d.files.Commit()
	if err == nil {
		for _, f := range d.fresh {
			f.e.d = f.Decision
			if f.What == incident.Limited {
				d.j.limits.count(f.Site, d.j.now(), d.j.conf.policy.Limit, d.j.log)
			}
		}
	}
	d.fresh, d.recs = nil, nil
	return err
}

// decided is an alert's record with a site's decision in it.
func decided(st *incident.Store, id string, d incident.Decision) (incident.AlertRecord, error) {
	rec, err := st.Alert(id)
	setDecision(&rec, d)
	return rec, err
}

// setDecision puts a site's decision into the record of an alert that went to it.
func setDecision(rec *incident.AlertRecord, d incident.Decision) {
	if i := slices.IndexFunc(rec.Sites, func(o incident.Decision) bool { return o.Site == d.Site }); i >= 0 {
		rec.Sites[i] = d
	}
}
