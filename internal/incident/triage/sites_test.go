package triage

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// manySites is a journal of sites, each of which has a cluster of its own, and all of them "all".
func manySites(t *testing.T, st *incident.Store, n int) *Journal {
	t.Helper()
	var sites []incident.Site
	for i := range n {
		sites = append(sites, incident.Site{Name: fmt.Sprint("s", i), Clusters: []string{fmt.Sprint("c", i), "all"}, Families: []string{"network_log"},
			Hosts: []incident.HostRef{{Name: fmt.Sprint("h", i), Role: "C", Address: fmt.Sprintf("10.0.0.%d:22", i+1)}}})
	}
	j, err := OpenJournal(st, sites, incidenttest.Policy(), slog.New(slog.DiscardHandler), func() time.Time { return incidenttest.T0.Add(time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// Many sites' incidents are made side by side: none waits until the disk has synchronised those of the
// others.
func TestSitesSideBySide(t *testing.T) {
	const n = 20
	st := incidenttest.Store(t, t.TempDir())
	var mu sync.Mutex
	creating, all := 0, make(chan struct{})
	st.Fault = func(op, _ string) error {
		if op != "create" {
			return nil
		}
		mu.Lock()
		if creating++; creating == n {
			close(all)
		}
		mu.Unlock()
		select {
		case <-all:
			return nil
		case <-time.After(time.Minute):
			return errors.New("the others do not come before this one is made")
		}
	}
	j := manySites(t, st, n)
	for i := range n {
		a := incidenttest.AlertAt(0, fmt.Sprint("n", i), -1)
		a.Cluster = fmt.Sprint("c", i)
		add(t, j, a)
	}
	if in := decide(t, j); len(in) != n {
		t.Errorf("%d incidents", len(in))
	}
}

// One alert of many sites: each decision is in its record, now and after a restart.
func TestOneAlertOfManySites(t *testing.T) {
	const n = 10
	st := incidenttest.Store(t, t.TempDir())
	j := manySites(t, st, n)
	a := incidenttest.AlertAt(0, "n", -1)
	a.Cluster = "all"
	add(t, j, a)
	if in := decide(t, j); len(in) != n {
		t.Errorf("%d incidents", len(in))
	}
	rec, err := st.Alert(a.ID)
	if err != nil || len(rec.Sites) != n {
		t.Fatalf("%+v, %v", rec, err)
	}
	for _, d := range rec.Sites {
		if in, err := st.Read(d.Incident); d.What != incident.InIncident || err != nil || in.Site != d.Site {
			t.Errorf("%+v: %v", d, err)
		}
	}
	j.Close()
	again := manySites(t, st, n)
	if in, err := again.Decide(incidenttest.T0.Add(time.Hour)); err != nil || len(in) != 0 {
		t.Errorf("after a restart %v, %v", in, err)
	}
}

// A site whose incident cannot be made keeps no other one, and has it made as soon as it can.
func TestSiteThatCannotBeSaved(t *testing.T) {
	st := incidenttest.Store(t, t.TempDir())
	var mu sync.Mutex
	failing := "-s1-"
	st.Fault = func(op, name string) error {
		mu.Lock()
		defer mu.Unlock()
		if op == "create" && failing != "" && strings.Contains(name, failing) {
			return errors.New("fault")
		}
		return nil
	}
	j := manySites(t, st, 3)
	for i := range 3 {
		a := incidenttest.AlertAt(0, fmt.Sprint("n", i), -1)
		a.Cluster = fmt.Sprint("c", i)
		add(t, j, a)
	}
	in, err := j.Decide(incidenttest.T0.Add(time.Hour))
	if len(in) != 2 || err == nil || !strings.Contains(err.Error(), "site s1") || !j.Undecided() {
		t.Errorf("%v, %v, undecided: %v", in, err, j.Undecided())
	}
	failing = ""
	if in, err := j.Decide(incidenttest.T0.Add(time.Hour)); err != nil || len(in) != 1 || in[0].Site != "s1" || j.Undecided() {
		t.Errorf("then %v, %v, undecided: %v", in, err, j.Undecided())
	}
}

// Where the records of all sites cannot be written together, each site's are by themselves.
func TestRecordsOneByOne(t *testing.T) {
	st := incidenttest.Store(t, t.TempDir())
	commits, failing := 0, false
	st.Fault = func(op, _ string) error {
		if op == "commit" && failing {
			if commits++; commits <= 2 { // all together, and then those of one site
				return errors.New("fault")
			}
		}
		return nil
	}
	j := manySites(t, st, 3)
	for i := range 3 {
		a := incidenttest.AlertAt(0, fmt.Sprint("n", i), -1)
		a.Cluster = fmt.Sprint("c", i)
		add(t, j, a)
	}
	failing = true
	if in, err := j.Decide(incidenttest.T0.Add(time.Hour)); len(in) != 3 || err == nil {
		t.Errorf("%v, %v", in, err)
	}
	written := 0
	for i := range 3 {
		if rec, err := st.Alert(incidenttest.AlertAt(0, fmt.Sprint("n", i), -1).ID); err == nil && rec.Sites[0].What == incident.InIncident {
			written++
		}
	}
	if in, err := j.Decide(incidenttest.T0.Add(time.Hour)); written != 2 || err != nil || len(in) != 0 || j.Undecided() {
		t.Errorf("%d records were written; then %v, %v, undecided: %v", written, in, err, j.Undecided())
	}
}
