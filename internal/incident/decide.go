package incident

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// Decide judges every alert that was added and writes down what it starts: which
// incidents there are, with which alerts and windows. It is to be called after a
// batch of mails; the incidents that have yet to be run, or whose window grew, are
// returned, and the Runner is woken. After an error the rest stays undecided until
// it is called again, which the Runner does by itself.
func (j *Journal) Decide(now time.Time) ([]Incident, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.dirty {
		return nil, nil
	}
	var changed []Incident
	var errs []error
	for site, x := range j.index {
		in, err := j.decideSite(site, x, now)
		changed = append(changed, in...)
		if err != nil {
			x.stale = true
			errs = append(errs, fmt.Errorf("decide alerts of site %s: %w", site, err))
		}
	}
	j.dirty, j.failed = len(errs) > 0, len(errs) > 0
	slices.SortFunc(changed, newestFirst)
	j.Wake()
	return changed, errors.Join(errs...)
}

// undecided reports whether Decide is to be called again.
func (j *Journal) undecided() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.dirty
}

// overdue reports whether Decide is to be called although no batch has ended: it failed,
// or nothing came for so long that nobody is about to. Half of a batch is not to be
// judged: its gaps would look like news, and what is older would run first.
func (j *Journal) overdue() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	quiet := j.now().Sub(j.came)
	return j.dirty && (j.failed || quiet < 0 || quiet >= decideQuiet)
}

func newestFirst(a, b Incident) int {
	if c := b.Asked.Until.Compare(a.Asked.Until); c != 0 {
		return c
	}
	return strings.Compare(b.ID, a.ID)
}

func (j *Journal) decideSite(site string, x *siteIndex, now time.Time) ([]Incident, error) {
	judged, whole := j.judge(site, x, now)
	var verdicts []verdict
	var groups []*group
	seen := map[*group]bool{}
	for _, v := range judged {
		if v.settled {
			continue
		}
		verdicts = append(verdicts, v)
		if v.g != nil && !seen[v.g] {
			seen[v.g] = true
			groups = append(groups, v.g)
		}
	}
	changed, kept, err := j.saveGroups(site, groups)
	if err != nil {
		return changed, err
	}
	if err := j.saveVerdicts(site, verdicts); err != nil {
		return changed, err
	}
	if whole {
		err = j.dissolve(site, kept)
	}
	if err == nil {
		x.stale = false
	}
	return changed, err
}

// saveGroups gives each group its incident and saves what changed. kept holds the
// keys of all groups' incidents.
func (j *Journal) saveGroups(site string, groups []*group) (changed []Incident, kept map[string]bool, err error) {
	kept = map[string]bool{}
	for _, g := range groups {
		if g.key != "" {
			kept[g.key] = true
		}
	}
	var waiting map[string]string
	for _, g := range groups {
		if g.key == "" {
			if waiting == nil {
				waiting = j.waiting(site)
			}
			g.key = reusable(g, waiting, kept)
		}
		in, fresh, err := j.saveGroup(site, g)
		if err != nil {
			return changed, kept, err
		}
		kept[g.key] = true
		if fresh {
			changed = append(changed, in)
		}
	}
	return changed, kept, nil
}

// waiting maps the alerts of incidents of which no host was asked to their keys.
func (j *Journal) waiting(site string) map[string]string {
	keys := map[string]string{}
	for _, in := range j.m {
		if in.Site == site && in.open() && in.State == Waiting {
			for _, m := range in.Members {
				keys[m.Alert] = in.Key
			}
		}
	}
	return keys
}

// reusable is the waiting incident in which a member of the group already is.
func reusable(g *group, waiting map[string]string, taken map[string]bool) string {
	for _, m := range g.members {
		if key := waiting[m.Alert]; key != "" && !taken[key] {
			return key
		}
	}
	return ""
}

// saveGroup brings one incident into line with its group.
func (j *Journal) saveGroup(site string, g *group) (in Incident, changed bool, err error) {
	if g.key == "" {
		in, err := j.claim(site, g)
		if err == nil {
			g.key = in.Key
		}
		return in, true, err
	}
	cur := j.m[g.key]
	first := g.members[0]
	id := makeID(first.Time, site, first.Alert)
	w := g.window // of a started one: never less than it was, see replan
	grew := !sameWindow(w, cur.Asked)
	if !grew && id == cur.ID && sameMembers(g.members, cur.Members) {
		return cur.clone(), false, nil
	}
	in, err = j.change(g.key, func(in *Incident) {
		if in.ID != id {
			in.Aliases = append(slices.DeleteFunc(in.Aliases, func(a string) bool { return a == id }), in.ID)
		}
		in.ID, in.Asked, in.Members = id, w, slices.Clone(g.members)
	})
	return in, grew, err
}

// claim makes a new incident of a group.
func (j *Journal) claim(site string, g *group) (Incident, error) {
	first := g.members[0]
	in := Incident{
		ID: makeID(first.Time, site, first.Alert), Site: site, Kind: KindAlert, State: Waiting,
		Asked: g.window, AlertKind: g.kind, Members: slices.Clone(g.members), Revision: 1,
	}
	if i := slices.IndexFunc(j.sites, func(s Site) bool { return s.Name == site }); i >= 0 {
		s := j.sites[i]
		in.TimeZone, in.Hosts, in.Families = s.TimeZone, slices.Clone(s.Hosts), slices.Clone(s.Families)
	}
	if only := j.policy.of(g.kind).Families; len(only) > 0 {
		in.Only, in.Families = slices.Clone(only), slices.Clone(only)
	}
	in.Key = in.ID
	for n := 2; ; n++ {
		err := j.st.create(in.Key)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) || n > 100 {
			return in, fmt.Errorf("claim incident %s: %w", in.ID, err)
		}
		in.Key = fmt.Sprintf("%s-k%d", in.ID, n) // a crash left an empty folder, or an incident's ID has moved on
	}
	in.Created = j.now().UTC().Round(0)
	if err := j.st.save(in); err != nil {
		j.st.remove(j.st.incidentDir(in.Key)) // an empty folder is removed at the next start too
		return in, err
	}
	j.m[in.Key] = &in
	return in.clone(), nil
}

// saveVerdicts writes what was decided into the alerts' records.
func (j *Journal) saveVerdicts(site string, verdicts []verdict) error {
	for some := range slices.Chunk(verdicts, maxIntake) {
		if err := j.saveSome(site, some); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) saveSome(site string, verdicts []verdict) error {
	files := storeBatch{st: j.st}
	defer files.b.Drop()
	decided := map[*entry]Decision{}
	for _, v := range verdicts {
		d := Decision{Site: site, What: Repeat, Of: v.of}
		if v.limited {
			d = Decision{Site: site, What: Limited}
		}
		if v.g != nil {
			d = Decision{Site: site, What: InIncident, Incident: v.g.key, Why: v.why}
		}
		if d == v.e.d {
			continue
		}
		rec, err := j.decided(v.e.id, d)
		if err == nil {
			err = files.writeJSON(j.st.alertPath(v.e.id), rec)
		}
		if err != nil {
			return err
		}
		decided[v.e] = d
	}
	if err := files.commit(); err != nil {
		return err
	}
	for e, d := range decided {
		e.d = d
		j.sayLimited(d)
	}
	return nil
}

func (j *Journal) saveDecision(id string, d Decision) error {
	rec, err := j.decided(id, d)
	if err != nil {
		return err
	}
	return j.st.writeJSON(j.st.alertPath(id), rec)
}

// decided is an alert's record with a site's decision in it.
func (j *Journal) decided(id string, d Decision) (AlertRecord, error) {
	rec, err := j.st.Alert(id)
	if i := slices.IndexFunc(rec.Sites, func(o Decision) bool { return o.Site == d.Site }); i >= 0 {
		rec.Sites[i] = d
	}
	return rec, err
}

// dissolve removes waiting incidents of which nothing is left: their alerts have
// gone into others.
func (j *Journal) dissolve(site string, kept map[string]bool) error {
	for key, in := range j.m {
		if in.Site != site || in.Kind != KindAlert || in.State != Waiting || kept[key] {
			continue
		}
		if err := j.st.remove(j.st.incidentDir(key)); err != nil {
			return fmt.Errorf("dissolve incident %s: %w", in.ID, err)
		}
		delete(j.m, key)
	}
	return nil
}

func sameMembers(a, b []Member) bool {
	return slices.EqualFunc(a, b, func(a, b Member) bool {
		return a.Alert == b.Alert && a.Why == b.Why && a.Time.Equal(b.Time)
	})
}
