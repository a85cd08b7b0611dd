package triage

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// Alerts in every order of arrival, in batches of any size, with restarts in
// between, give the same incidents, and each alert has one outcome.
func TestOrderOfArrival(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var alerts []evidence.Alert
		at := time.Duration(0)
		for i := range rapid.IntRange(1, 9).Draw(rt, "alerts") {
			at += time.Duration(rapid.IntRange(0, 12*60).Draw(rt, "gap")) * time.Second * time.Duration(rapid.IntRange(0, 2).Draw(rt, "stretch"))
			a := incidenttest.AlertAt(at, rapid.SampledFrom([]string{"n1", "n2", "N1"}).Draw(rt, "node"), rapid.IntRange(-1, 2).Draw(rt, "n"))
			a.ID = incidenttest.AlertID(fmt.Sprint(i))
			a.Source = rapid.SampledFrom([]string{"", "", evidence.SourcePoll, evidence.SourceWebhook}).Draw(rt, "source")
			if was := rapid.IntRange(-1, 1).Draw(rt, "was"); a.Source == evidence.SourcePoll && was >= 0 {
				a.Was = &was
			}
			alerts = append(alerts, a)
		}
		dir, err := os.MkdirTemp("", "order")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		ref := incidenttest.FastStore(t, filepath.Join(dir, "ref"))
		j := testJournal(t, ref)
		for _, a := range alerts {
			add(t, j, a)
		}
		decide(t, j)
		j.Close()
		want := onDisk(t, ref)

		st := incidenttest.FastStore(t, filepath.Join(dir, "got"))
		j = testJournal(t, st)
		for _, a := range rapid.Permutation(alerts).Draw(rt, "order") {
			add(t, j, a)
			switch rapid.IntRange(0, 3).Draw(rt, "then") {
			case 1:
				decide(t, j)
			case 2:
				j.Close()
				j = testJournal(t, st)
			}
		}
		decide(t, j)
		j.Close()
		if got := onDisk(t, st); got != want {
			rt.Fatalf("got\n%s\nwant\n%s", got, want)
		}
		accounted(rt, st, alerts)
	})
}

// accounted checks that each alert is a member of the one incident that it says,
// or a repeat of another alert.
func accounted(t rapid.TB, st *incident.Store, alerts []evidence.Alert) {
	for _, a := range alerts {
		rec, err := st.Alert(a.ID)
		if err != nil || len(rec.Sites) != 1 {
			t.Fatalf("alert %.6s: %+v, %v", a.ID, rec, err)
		}
		switch d := rec.Sites[0]; d.What {
		case incident.InIncident:
			in, err := st.Read(d.Incident)
			if err != nil || !slices.ContainsFunc(in.Members, func(m incident.Member) bool { return m.Alert == a.ID && m.Why == d.Why }) {
				t.Fatalf("alert %.6s says %+v, incident has %+v, %v", a.ID, d, in.Members, err)
			}
		case incident.Repeat:
			if _, err := st.Alert(d.Of); err != nil {
				t.Fatalf("alert %.6s repeats %q: %v", a.ID, d.Of, err)
			}
		default:
			t.Fatalf("alert %.6s is %q", a.ID, d.What)
		}
	}
}

// Whatever is started in between: no started incident vanishes or shrinks, its
// opener stays, and windows keep to the limit.
func TestStartedNeverShrinks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "started")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		st := incidenttest.FastStore(t, dir)
		j := testJournal(t, st)
		var alerts []evidence.Alert
		promised := map[string]incident.Incident{}
		for i := range rapid.IntRange(2, 10).Draw(rt, "steps") {
			a := incidenttest.AlertAt(time.Duration(rapid.IntRange(0, 60*60).Draw(rt, "at"))*time.Second, rapid.SampledFrom([]string{"n1", "n2"}).Draw(rt, "node"), rapid.IntRange(-1, 2).Draw(rt, "n"))
			a.ID = incidenttest.AlertID(fmt.Sprint(i))
			alerts = append(alerts, a)
			add(t, j, a)
			decide(t, j)
			for _, in := range j.table.Unsealed() {
				switch {
				case in.State == incident.Waiting && rapid.Bool().Draw(rt, "start"):
					in, err = j.table.Start(in.Key)
					promised[in.Key] = in
				case in.Joinable() && in.State == incident.Running && rapid.IntRange(0, 4).Draw(rt, "freeze") == 0:
					in, err = j.table.Freeze(in.Key, in.Asked, func(incident.Incident) (evidence.Manifest, error) { return evidence.Manifest{}, nil })
					promised[in.Key] = in
				}
				if err != nil {
					rt.Fatal(err)
				}
			}
			if rapid.IntRange(0, 5).Draw(rt, "restart") == 0 {
				j.Close()
				j = testJournal(t, st)
				decide(t, j)
			}
			for key, was := range promised {
				in, err := st.Read(key)
				if err != nil {
					rt.Fatalf("started incident %s is gone: %v", was.ID, err)
				}
				if in.Asked.Union(was.Asked) != in.Asked || in.Asked.Length() > j.conf.policy.Max {
					rt.Fatalf("window was %v, is %v", was.Asked, in.Asked)
				}
				if was.Frozen && (in.ID != was.ID || !sameMembers(in.Members, was.Members)) {
					rt.Fatalf("frozen incident changed from %+v to %+v", was, in)
				}
				for _, m := range was.Members {
					if m.Why != incident.WhyJoined && !slices.ContainsFunc(in.Members, func(o incident.Member) bool { return o.Alert == m.Alert }) {
						rt.Fatalf("%.6s left %s", m.Alert, in.ID)
					}
				}
				promised[key] = in
			}
		}
		j.Close()
		accounted(rt, st, alerts)
	})
}
