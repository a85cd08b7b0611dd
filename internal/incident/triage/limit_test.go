package triage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

func limitPolicy(n int) incident.Policy {
	p := incidenttest.Policy()
	p.Limit, p.Before, p.After, p.Max = n, time.Minute, time.Minute, 10*time.Minute
	return p
}

func limitJournal(t testing.TB, st *incident.Store, n int) *Journal {
	t.Helper()
	j, err := OpenJournal(st, incidenttest.Sites, limitPolicy(n), nil, func() time.Time { return incidenttest.T0.Add(time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// outcomes shows what became of alerts: "A" opened the first incident, "a" joined it.
func outcomes(t testing.TB, st *incident.Store, alerts []evidence.Alert) string {
	t.Helper()
	var keys []string
	var out strings.Builder
	for _, a := range alerts {
		rec, err := st.Alert(a.ID)
		if err != nil || len(rec.Sites) != 1 {
			t.Fatalf("%+v, %v", rec, err)
		}
		switch d := rec.Sites[0]; {
		case d.What == incident.Limited:
			out.WriteByte('-')
		case d.What == incident.Repeat:
			out.WriteByte('.')
		case slices.Contains(keys, d.Incident):
			out.WriteByte(byte('a' + slices.Index(keys, d.Incident)))
		default:
			out.WriteByte(byte('A' + len(keys)))
			keys = append(keys, d.Incident)
		}
	}
	return out.String()
}

// startAll has the hosts of all incidents asked, as happens at once.
func startAll(t testing.TB, j *Journal) {
	t.Helper()
	for _, in := range j.table.Unsealed() {
		if in.State == incident.Waiting {
			if _, err := j.table.Start(in.Key); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestLimit(t *testing.T) {
	for name, c := range map[string]struct {
		at, want string
		again    string // after a restart: what was limited may join an incident that came later
	}{
		"two an hour, by minutes": {"0 10 20 50 61 62 90 121 122", "AB--CcDEe", "AB--CcDEe"},
		"joins are no openings":   {"0 1 2 3 4 30 31 40 59 60", "AaaaaBb--C", "AaaaaBb-Cc"},
		"eight a day":             {"0 10 60 70 120 130 180 190 240 600 1439 1440", "ABCDEFGH---I", "ABCDEFGH--Ii"},
	} {
		t.Run(name, func(t *testing.T) {
			st := incidenttest.FastStore(t, t.TempDir())
			j := limitJournal(t, st, 2)
			defer func() { j.Close() }()
			var alerts []evidence.Alert
			for i, s := range strings.Fields(c.at) {
				var min int
				fmt.Sscan(s, &min)
				a := incidenttest.AlertAt(time.Duration(min)*time.Minute, fmt.Sprint("new", i), -1) // ever new nodes
				alerts = append(alerts, a)
				add(t, j, a)
				decide(t, j)
				startAll(t, j)
			}
			if got := outcomes(t, st, alerts); got != c.want {
				t.Errorf("%s: %s, want %s", c.at, got, c.want)
			}
			j.Close()
			j = limitJournal(t, st, 2)
			decide(t, j)
			if got := outcomes(t, st, alerts); got != c.again {
				t.Errorf("after a restart: %s, want %s", got, c.again)
			}
		})
	}
}

// What lies within the window of an incident that the limit allows is in it, whatever comes
// late and takes the news from it; but no opening moves to where there is no room.
func TestLimitedWithin(t *testing.T) {
	for name, c := range map[string]struct {
		at   string // seconds and node, in the order of arrival
		want string
	}{
		"an older one comes late":   {"400n1 399n2 0n2", "Aa-"},
		"which was there before":    {"0n2 399n2 400n1", "-Aa"},
		"a storm, of which its end": {"0n0 100n1 200n2 300n3 400n4 500n5 600n6 700n7 800n8 900n9 1000n10", "------Aaaaa"},
		"of three":                  {"0n2 370n2 380n2 400n1 450n3", "-Aaaa"},
		"no room before it":         {"0n1 3300n2 3599n2 3600n3", "A--B"},
	} {
		t.Run(name, func(t *testing.T) {
			st := incidenttest.FastStore(t, t.TempDir())
			j := limitJournal(t, st, 1)
			defer func() { j.Close() }()
			var alerts []evidence.Alert
			for i, s := range strings.Fields(c.at) {
				var sec, node int
				fmt.Sscanf(s, "%dn%d", &sec, &node)
				a := incidenttest.AlertAt(time.Duration(sec)*time.Second, fmt.Sprint("n", node), -1)
				a.ID = incidenttest.AlertID(fmt.Sprint(i))
				alerts = append(alerts, a)
				add(t, j, a)
				decide(t, j)
			}
			if got := outcomes(t, st, alerts); got != c.want {
				t.Errorf("%s: %s, want %s", c.at, got, c.want)
			}
		})
	}
}

// A long storm of short windows takes no step for each of its alerts: the incident of its end reaches some way back, the
// rest stays limited.
func TestLimitedSteps(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	policy := limitPolicy(1)
	policy.Before, policy.After = time.Second, time.Second
	j, err := OpenJournal(st, incidenttest.Sites, policy, nil, func() time.Time { return incidenttest.T0.Add(time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var alerts []evidence.Alert
	for i := range 410 { // over 10 min and 15 s: the limit has room for the last 15 s
		a := incidenttest.AlertAt(time.Duration(i)*1500*time.Millisecond, fmt.Sprint("n", i), -1)
		alerts = append(alerts, a)
		if _, err := j.Take(t.Context(), a, nil, false, a.Time.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Commit(0); err != nil {
		t.Fatal(err)
	}
	decide(t, j)
	got := outcomes(t, st, alerts)
	if limited := strings.Count(got, "-"); !strings.HasSuffix(got, "aaaaaaaaaaaaaaaaaaaa") || limited < 410-20-2*mostSteps {
		t.Errorf("%d limited: %s", limited, got)
	}
}

// A limited alert has its turn by the next mail of its node, though that brings
// nothing new, as soon as there is room.
func TestLimitedIsStillNews(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	j := limitJournal(t, st, 1)
	defer j.Close()
	alerts := []evidence.Alert{incidenttest.AlertAt(0, "n1", 1)}
	for min := 50; min < 65; min++ {
		alerts = append(alerts, incidenttest.AlertAt(time.Duration(min)*time.Minute, "n2", 1))
	}
	for _, a := range alerts {
		add(t, j, a)
		decide(t, j)
		startAll(t, j)
	}
	if got, want := outcomes(t, st, alerts), "A----------Bb..."; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if l := j.Limits(); len(l) != 1 || l[0].Site != "hq" || l[0].Alerts != 10 {
		t.Errorf("%+v", l)
	}
}

// In every order of arrival, with restarts and incidents that are started in
// between, no hour has more openings than the limit, and what nobody started yet
// is as if all had come in order.
func TestLimitHolds(t *testing.T) {
	const limit = 1
	rapid.Check(t, func(rt *rapid.T) {
		var alerts []evidence.Alert
		for i := range rapid.IntRange(1, 6).Draw(rt, "alerts") {
			a := incidenttest.AlertAt(time.Duration(rapid.IntRange(0, 110*60).Draw(rt, "at"))*time.Second, fmt.Sprint("n", rapid.IntRange(0, 9).Draw(rt, "node")), -1)
			a.ID = incidenttest.AlertID(fmt.Sprint(i))
			alerts = append(alerts, a)
		}
		dir, err := os.MkdirTemp("", "limit")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		run := func(name string, alerts []evidence.Alert, steps, start bool) string {
			st := incidenttest.FastStore(t, filepath.Join(dir, name))
			j := limitJournal(t, st, limit)
			for _, a := range alerts {
				if _, err := j.Add(context.Background(), a, nil, false, a.Time.Add(time.Minute)); err != nil {
					rt.Fatal(err)
				}
				then := 0
				if steps {
					then = rapid.IntRange(0, 3).Draw(rt, "then")
				}
				switch then {
				case 1:
					decide(t, j)
				case 2:
					j.Close()
					j = limitJournal(t, st, limit)
				case 3:
					decide(t, j)
					noneTooMany(rt, j, st)
					for _, in := range j.table.Unsealed() {
						if start && in.State == incident.Waiting && rapid.Bool().Draw(rt, "start") {
							if _, err := j.table.Start(in.Key); err != nil {
								rt.Fatal(err)
							}
						}
					}
				}
			}
			decide(t, j)
			noneTooMany(rt, j, st)
			j.Close()
			return onDisk(t, st)
		}
		if rapid.Bool().Draw(rt, "some are started") {
			run("started", rapid.Permutation(alerts).Draw(rt, "order"), true, true)
		} else if got, want := run("got", rapid.Permutation(alerts).Draw(rt, "order"), true, false), run("ref", alerts, false, false); got != want {
			rt.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// noneTooMany checks the openings of every hour.
func noneTooMany(rt *rapid.T, j *Journal, st *incident.Store) {
	all, err := st.IncidentsOnDisk(func(m string, a ...any) { rt.Error(m, a) })
	if err != nil {
		rt.Fatal(err)
	}
	var times []time.Time
	for _, in := range all {
		i := slices.IndexFunc(in.Members, func(m incident.Member) bool { return m.Why != incident.WhyJoined })
		at := in.Members[max(i, 0)].Time
		if in.State != incident.Waiting { // what joined it since opened nothing
			at = openedAt(in, j.conf.policy)
		}
		times = append(times, at)
	}
	slices.SortFunc(times, time.Time.Compare)
	for i := j.conf.policy.Limit; i < len(times); i++ {
		if times[i].Sub(times[i-j.conf.policy.Limit]) < time.Hour {
			rt.Fatalf("openings %v", times)
		}
	}
}

// What a preview says is what happens, and it leaves no trace.
func TestPreview(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "preview")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		st := incidenttest.FastStore(t, dir)
		j := limitJournal(t, st, 1)
		now := incidenttest.T0.Add(time.Hour)
		for i := range rapid.IntRange(1, 6).Draw(rt, "alerts") {
			a := incidenttest.AlertAt(time.Duration(rapid.IntRange(0, 60*60).Draw(rt, "at"))*time.Second, rapid.SampledFrom([]string{"n1", "n2", "n3"}).Draw(rt, "node"), rapid.IntRange(-1, 2).Draw(rt, "n"))
			a.ID = incidenttest.AlertID(fmt.Sprint(i))
			seen := a.Time.Add(time.Minute)
			before := onDisk(t, st)
			list, err := PreviewAlert(&incident.Store{Dir: dir}, Draft(a, false, seen, incidenttest.Sites, j.conf.policy), j.conf.policy, now)
			if err != nil || len(list) != 1 || onDisk(t, st) != before {
				rt.Fatalf("%+v, %v", list, err)
			}
			if _, err := j.Add(context.Background(), a, nil, false, seen); err != nil {
				rt.Fatal(err)
			}
			decide(t, j)
			rec, err := st.Alert(a.ID)
			if err != nil {
				rt.Fatal(err)
			}
			p, d := list[0], rec.Sites[0]
			if p.What != d.What || p.Why != d.Why || p.Of != d.Of || p.Incident != "" && p.Incident != d.Incident {
				rt.Fatalf("preview %+v, then %+v", p, d)
			}
			if d.What == incident.InIncident {
				if in, err := st.Read(d.Incident); err != nil || !incident.SameWindow(in.Asked, p.Window) {
					rt.Fatalf("window %v, then %v, %v", p.Window, in.Asked, err)
				}
			}
			for _, in := range j.table.Unsealed() {
				var err error
				switch {
				case in.State == incident.Waiting && rapid.Bool().Draw(rt, "start"):
					_, err = j.table.Start(in.Key)
				case in.State == incident.Running && rapid.IntRange(0, 3).Draw(rt, "freeze") == 0:
					_, err = j.table.Freeze(in.Key, in.Asked, func(incident.Incident) (evidence.Manifest, error) { return evidence.Manifest{}, nil })
				}
				if err != nil {
					rt.Fatal(err)
				}
			}
			if rapid.IntRange(0, 3).Draw(rt, "restart") == 0 {
				j.Close()
				j = limitJournal(t, st, 1)
				decide(t, j)
			}
		}
		j.Close()
	})
}

// An alert earlier than a started incident's first joins it and opens nothing: the
// limit counts on as before, here, in a preview and after a restart.
func TestLimitEarlierJoins(t *testing.T) {
	for _, restart := range []bool{false, true} {
		st := incidenttest.FastStore(t, t.TempDir())
		j := limitJournal(t, st, 1)
		add(t, j, incidenttest.AlertAt(time.Second, "n1", 0))
		decide(t, j)
		if _, err := j.table.Start(j.table.Unsealed()[0].Key); err != nil {
			t.Fatal(err)
		}
		alerts := []evidence.Alert{incidenttest.AlertAt(0, "n1", 0), incidenttest.AlertAt(time.Hour, "n1", 0)}
		for i, a := range alerts {
			a.ID = incidenttest.AlertID(fmt.Sprint("later", i))
			alerts[i] = a
			add(t, j, a)
			decide(t, j)
			if restart {
				j.Close()
				j = limitJournal(t, st, 1)
				decide(t, j)
			}
		}
		if got, want := outcomes(t, st, alerts), "A-"; got != want {
			t.Errorf("restart %t: %s, want %s", restart, got, want)
		}
		j.Close()
	}
}
