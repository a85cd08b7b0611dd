//go:build linux

package chaos

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/manifest"
)

// settle waits until every alert is in the store and every incident is sealed.
func (r *rig) settle(sent letters) {
	r.t.Helper()
	began := time.Now()
	for deadline := began.Add(5 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		r.alive()
		missing, open := r.behind(sent)
		if missing == 0 && open == 0 {
			r.settled = time.Since(began)
			return
		}
		if time.Now().After(deadline) {
			r.t.Errorf("after %v %d alerts are not in the store and %d incidents are open", time.Since(began).Round(time.Second), missing, open)
			return
		}
	}
}

func (r *rig) behind(sent letters) (missing, open int) {
	for id := range sent.alerts {
		b, err := os.ReadFile(filepath.Join(r.dir, "store", "alerts", id+".json"))
		var rec incident.AlertRecord
		if err != nil || json.Unmarshal(b, &rec) != nil || rec.What == "" && (len(rec.Sites) != 1 || rec.Sites[0].What == "") {
			missing++
		}
	}
	if missing > 0 {
		return missing, 0
	}
	return 0, r.open()
}

func (r *rig) open() (n int) {
	list, err := r.store().List()
	r.check(err)
	for _, in := range list {
		if in.State != incident.Sealed {
			n++
		}
	}
	return n
}

func (r *rig) store() *incident.Store { return &incident.Store{Dir: filepath.Join(r.dir, "store")} }

// accounts is what became of all alerts.
type accounts struct {
	by        map[string]int // outcome -> alerts
	incidents int
}

// account compares the store with what was sent.
func (r *rig) account(sent letters) accounts {
	r.t.Helper()
	a := accounts{by: map[string]int{}}
	st := r.store()
	members := r.members(st, &a)
	list, err := os.ReadDir(filepath.Join(r.dir, "store", "alerts"))
	r.check(err)
	found := 0
	for _, e := range list {
		id, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok {
			continue
		}
		found++
		want, ok := sent.alerts[id]
		if !ok {
			r.t.Errorf("alert %.12s was never sent", id)
			continue
		}
		rec, err := st.Alert(id)
		r.check(err)
		got, in := outcome(rec)
		a.by[got]++
		if want == routed && got != string(incident.InIncident) && got != string(incident.Repeat) || want != routed && got != want {
			r.t.Errorf("alert %.12s (%s) is %s", id, want, got)
		}
		switch {
		case got == string(incident.InIncident) && (len(members[id]) != 1 || members[id][0] != in):
			r.t.Errorf("alert %.12s is of incident %s, and a member of %v", id, in, members[id])
		case got != string(incident.InIncident) && len(members[id]) > 0:
			r.t.Errorf("alert %.12s is %s and a member of %v", id, got, members[id])
		}
	}
	if found != len(sent.alerts) {
		r.t.Errorf("%d alerts in the store, %d were sent", found, len(sent.alerts))
	}
	if r.said("panic") {
		r.t.Error("the watcher has panicked")
	}
	return a
}

func outcome(rec incident.AlertRecord) (what, key string) {
	if rec.What != "" {
		return string(rec.What), ""
	}
	if len(rec.Sites) != 1 {
		return "of no site or several", ""
	}
	return string(rec.Sites[0].What), rec.Sites[0].Incident
}

// members maps each alert to the incidents whose sealed manifest names it, and
// verifies their bundles.
func (r *rig) members(st *incident.Store, a *accounts) map[string][]string {
	r.t.Helper()
	out := map[string][]string{}
	list, err := st.List()
	r.check(err)
	for _, l := range list {
		a.incidents++
		in, err := st.Load(l.Incident)
		r.check(err)
		man, err := manifest.Of(st, in)
		r.check(err)
		if len(in.Revisions) != 1 {
			r.t.Errorf("incident %s has %d revisions", in.ID, len(in.Revisions))
		}
		for _, al := range man.Alerts {
			out[al.ID] = append(out[al.ID], in.Key)
		}
		res, err := bundle.Verify(r.t.Context(), l.Bundle)
		if err != nil || !res.OK {
			r.t.Errorf("bundle %s: %v %v", l.Bundle, res.Bad, err)
		}
	}
	bundles, err := filepath.Glob(filepath.Join(st.Bundles(), "*.zip"))
	r.check(err)
	if len(bundles) != a.incidents {
		r.t.Errorf("%d bundles of %d incidents", len(bundles), a.incidents)
	}
	return out
}
