package triage

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// A drill's mail changes nothing of what alerts come to: it joins nothing, is no news of
// its node or counter, takes no share of the limit, and no cluster was heard of by it. It
// is accounted for, and a copy of it is known.
func TestDrillIsNoAlert(t *testing.T) {
	outcome := func(drills bool) (whats []incident.What) {
		st := incidenttest.FastStore(t, t.TempDir())
		j := testJournal(t, st)
		defer j.Close()
		policy := incidenttest.Policy()
		policy.Limit = 2
		if err := j.Configure(incidenttest.Sites, policy); err != nil {
			t.Fatal(err)
		}
		rehearse := func(at time.Duration, node string, n int) {
			a := incidenttest.AlertAt(at, node, n)
			a.ID, a.Drill = incidenttest.AlertID("drill"+node+at.String()), "hq"
			a.Auth = &evidence.Auth{Why: "stranger"}
			if drills && (!add(t, j, a) || add(t, j, a)) {
				t.Error("fresh")
			}
			if rec, err := st.Alert(a.ID); drills && (err != nil || rec.What != incident.Drilled || len(rec.Sites) != 0) {
				t.Errorf("%+v, %v", rec, err)
			}
		}
		var ids []string
		for i, node := range []string{"n1", "n1", "n2", "n1"} {
			at := time.Duration(i) * 7 * time.Minute
			rehearse(at-time.Second, node, 90+i)
			if len(j.Clusters()) != min(i, 1) {
				t.Errorf("%v", j.Clusters())
			}
			a := incidenttest.AlertAt(at, node, 1+i/3)
			add(t, j, a)
			rehearse(at+time.Second, "n9", 99)
			decide(t, j)
			ids = append(ids, a.ID)
		}
		for _, id := range ids {
			rec, err := st.Alert(id)
			if err != nil || len(rec.Sites) != 1 {
				t.Fatal(rec, err)
			}
			whats = append(whats, rec.Sites[0].What, incident.What(rec.Sites[0].Why))
		}
		if n := len(j.Table().Unsealed()); n != 1 {
			t.Errorf("%d incidents", n)
		}
		return whats
	}
	with, without := outcome(true), outcome(false)
	for i := range with {
		if with[i] != without[i] {
			t.Errorf("with drills %v, without %v", with, without)
		}
	}
}

// A drill that was broken off with the program is removed at the next start, and nothing
// else is; its mail stays known.
func TestDrillLeftOver(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	j := testJournal(t, st)
	a := incidenttest.AlertAt(0, "n1", 1)
	a.Drill = "hq"
	add(t, j, a)
	add(t, j, incidenttest.AlertAt(time.Minute, "n2", 1))
	decide(t, j)
	made := map[incident.Kind]string{}
	for _, kind := range []incident.Kind{incident.KindDrill, incident.KindNow} {
		in := incident.Incident{ID: incident.MakeID(incidenttest.T0, "hq", a.ID) + "-" + string(kind), Site: "hq", Kind: kind, State: incident.Running, Members: []incident.Member{{Alert: a.ID}}, Revision: 1}
		in.Key = in.ID
		made[kind] = filepath.Join(st.Bundles(), in.ID+".zip")
		if err := st.Create(in.Key); err != nil {
			t.Fatal(err)
		}
		if err := st.Save(in); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(made[kind], []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if kind == incident.KindNow && incident.RemoveDrill(st, in) == nil {
			t.Error("an incident that is no drill was removed")
		}
	}
	j.Close()

	j = testJournal(t, st)
	defer j.Close()
	keys, err := st.Keys()
	if err != nil || len(keys) != 2 {
		t.Errorf("%v, %v", keys, err)
	}
	if _, err := os.Stat(made[incident.KindDrill]); !os.IsNotExist(err) {
		t.Error(err)
	}
	if _, err := os.Stat(made[incident.KindNow]); err != nil {
		t.Error(err)
	}
	if st.HasMail(a.ID) || add(t, j, a) {
		t.Error("the drill's mail")
	}
}
