package triage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

func testJournal(t testing.TB, st *incident.Store) *Journal {
	t.Helper()
	j, err := OpenJournal(st, incidenttest.Sites, incidenttest.Policy(), slog.New(slog.DiscardHandler), func() time.Time { return incidenttest.T0.Add(time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func add(t testing.TB, j *Journal, a evidence.Alert) bool {
	t.Helper()
	fresh, err := j.Add(context.Background(), a, []byte("mail "+a.ID), false, a.Time.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return fresh
}

func decide(t testing.TB, j *Journal) []incident.Incident {
	t.Helper()
	in, err := j.Decide(incidenttest.T0.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// onDisk shows all incidents as an observer finds them, without keys and aliases.
func onDisk(t testing.TB, st *incident.Store) string {
	t.Helper()
	all, err := st.IncidentsOnDisk(func(m string, a ...any) { t.Error(m, a) })
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, in := range all {
		s := fmt.Sprintf("%s %s..%s", in.ID, in.Asked.Since.Format("15:04:05"), in.Asked.Until.Format("15:04:05"))
		for _, m := range in.Members {
			s += fmt.Sprintf(" %.6s:%s", m.Alert, m.Why)
		}
		lines = append(lines, s)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestAddIsDurableAndOnce(t *testing.T) {
	dir := t.TempDir()
	st := incidenttest.Store(t, dir)
	j := testJournal(t, st)
	a := incidenttest.AlertAt(0, "n1", 1)
	if !add(t, j, a) {
		t.Error("a new alert is not fresh")
	}
	if add(t, j, a) {
		t.Error("the second sight is fresh")
	}
	j.Close()
	j = testJournal(t, incidenttest.Store(t, dir)) // without a Decide in between: a kill
	defer j.Close()
	if add(t, j, a) {
		t.Error("after a restart the alert is fresh")
	}
	if in := decide(t, j); len(in) != 1 || in[0].ID != "20260302T140000Z-hq-"+a.ID[:6] {
		t.Errorf("started %+v", in)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "mails", a.ID+".eml")); err != nil || string(b) != "mail "+a.ID {
		t.Errorf("mail: %q, %v", b, err)
	}
}

func TestAddRefusesWhatIsNoID(t *testing.T) {
	j := testJournal(t, incidenttest.Store(t, t.TempDir()))
	defer j.Close()
	for _, id := range []string{"", "../../x", strings.Repeat("G", 64), strings.Repeat("A", 64), strings.Repeat("a", 63)} {
		a := incidenttest.AlertAt(0, "n1", 1)
		a.ID = id
		if _, err := j.Add(context.Background(), a, nil, false, incidenttest.T0); err == nil {
			t.Errorf("ID %q was taken", id)
		}
	}
}

func TestAddTimeThatCannotBe(t *testing.T) {
	st := incidenttest.Store(t, t.TempDir())
	j := testJournal(t, st)
	defer j.Close()
	a := incidenttest.AlertAt(0, "n1", 1)
	a.Time = incidenttest.T0.AddDate(73, 0, 0)
	if _, err := j.Add(context.Background(), a, nil, true, incidenttest.T0); err != nil {
		t.Fatal(err)
	}
	rec, err := st.Alert(a.ID)
	if err != nil || !rec.Alert.Time.Equal(incidenttest.T0) || len(rec.Alert.Notes) != 1 || !rec.Alert.Truncated {
		t.Errorf("%+v, %v", rec, err)
	}
}

func TestExpiredAndUnrouted(t *testing.T) {
	var said strings.Builder
	st := incidenttest.Store(t, t.TempDir())
	j, err := OpenJournal(st, incidenttest.Sites, incidenttest.Policy(), slog.New(slog.NewTextHandler(&said, nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	old, foreign := incidenttest.AlertAt(0, "n1", 1), incidenttest.AlertAt(time.Minute, "n1", 1)
	foreign.Cluster = "elsewhere"
	for a, seen := range map[*evidence.Alert]time.Time{&old: incidenttest.T0.Add(24*time.Hour + time.Second), &foreign: incidenttest.T0.Add(time.Minute)} {
		if _, err := j.Add(context.Background(), *a, nil, false, seen); err != nil {
			t.Fatal(err)
		}
	}
	if in := decide(t, j); len(in) != 0 {
		t.Errorf("they started %v", in)
	}
	for id, want := range map[string]incident.What{old.ID: incident.Expired, foreign.ID: incident.Unrouted} {
		if rec, err := st.Alert(id); err != nil || rec.What != want {
			t.Errorf("recorded as %q, %v; want %q", rec.What, err, want)
		}
		if !strings.Contains(said.String(), "level=WARN msg=\"alert is "+string(want)) {
			t.Errorf("%s was not said aloud: %s", want, said.String())
		}
	}
	// What expired must not make a repeat of the first that did not.
	add(t, j, incidenttest.AlertAt(5*time.Minute, "n1", 1))
	if in := decide(t, j); len(in) != 1 {
		t.Errorf("the alert after an expired one started %v", in)
	}
}

func TestEverySiteThatClaims(t *testing.T) {
	sites := append(slices.Clone(incidenttest.Sites), incident.Site{Name: "west", Clusters: []string{"C1"}}, incident.Site{Name: "rest"})
	st := incidenttest.Store(t, t.TempDir())
	j, err := OpenJournal(st, sites, incidenttest.Policy(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	a := incidenttest.AlertAt(0, "n1", 1)
	add(t, j, a)
	in := decide(t, j)
	if len(in) != 2 {
		t.Fatalf("%d incidents, want one of hq and one of west", len(in))
	}
	rec, err := st.Alert(a.ID)
	if err != nil || len(rec.Sites) != 2 || rec.Sites[0].What != incident.InIncident || rec.Sites[1].What != incident.InIncident || rec.Sites[0].Incident == rec.Sites[1].Incident {
		t.Errorf("%+v, %v", rec, err)
	}
}

func TestEarlierAlertChangesTheID(t *testing.T) {
	st := incidenttest.Store(t, t.TempDir())
	j := testJournal(t, st)
	defer j.Close()
	late, early := incidenttest.AlertAt(time.Minute, "n1", 1), incidenttest.AlertAt(0, "n1", 1)
	add(t, j, late)
	was := decide(t, j)[0]
	add(t, j, early)
	now := decide(t, j)[0]
	if now.Key != was.Key || now.ID == was.ID || !strings.HasSuffix(now.ID, early.ID[:6]) {
		t.Errorf("was %s (%s), is %s (%s)", was.ID, was.Key, now.ID, now.Key)
	}
	for _, id := range []string{was.ID, now.ID} {
		if in, err := st.Load(id); err != nil || in.Key != was.Key {
			t.Errorf("Load(%s) = %s, %v", id, in.Key, err)
		}
	}
	if _, err := st.Load("nothing"); !errors.Is(err, incident.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestAfterSealing(t *testing.T) {
	st := incidenttest.Store(t, t.TempDir())
	j := testJournal(t, st)
	defer j.Close()
	add(t, j, incidenttest.AlertAt(0, "n1", 1))
	x := decide(t, j)[0]
	if _, err := j.table.Start(x.Key); err != nil {
		t.Fatal(err)
	}
	if _, err := j.table.Freeze(x.Key, evidence.Window{}, nil); !errors.Is(err, incident.ErrGrew) {
		t.Fatalf("frozen with another window: %v", err)
	}
	if _, err := j.table.Freeze(x.Key, x.Asked, func(incident.Incident) (evidence.Manifest, error) { return evidence.Manifest{}, nil }); err != nil {
		t.Fatal(err)
	}
	outcome := func(a evidence.Alert) incident.Decision {
		add(t, j, a)
		decide(t, j)
		rec, err := st.Alert(a.ID)
		if err != nil {
			t.Fatal(err)
		}
		return rec.Sites[0]
	}
	// Its window overlaps, but nothing joins a frozen incident.
	if d := outcome(incidenttest.AlertAt(time.Minute, "n1", 1)); d.What != incident.Repeat || d.Of != incidenttest.AlertAt(0, "n1", 1).ID {
		t.Errorf("without news: %+v", d)
	}
	if d := outcome(incidenttest.AlertAt(2*time.Minute, "n1", 2)); d.What != incident.InIncident || d.Incident == x.Key || d.Why != incident.WhyNews {
		t.Errorf("with news: %+v", d)
	}
}

// A policy that changes leaves yesterday's repeats alone.
func TestPolicyChange(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	j := testJournal(t, st)
	for i := range 60 { // 30 min: joins, then repeats
		add(t, j, incidenttest.AlertAt(time.Duration(i)*30*time.Second, "n1", 1))
	}
	decide(t, j)
	j.Close()
	before := onDisk(t, st)
	p := incidenttest.Policy()
	p.Cooldown = time.Second
	j, err := OpenJournal(st, incidenttest.Sites, p, nil, func() time.Time { return incidenttest.T0.Add(time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	decide(t, j)
	all, _ := st.Keys()
	if len(all) != 1 {
		t.Errorf("the new cooldown made %d incidents of one storm; before:\n%s", len(all), before)
	}
}

func TestPrune(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	j := testJournal(t, st)
	defer j.Close()
	var repeat evidence.Alert
	for i := range 60 {
		repeat = incidenttest.AlertAt(time.Duration(i)*30*time.Second, "n1", 1)
		add(t, j, repeat)
	}
	decide(t, j)
	first := incidenttest.AlertAt(0, "n1", 1)
	if err := j.Prune(incidenttest.T0.Add(25 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if st.HasMail(repeat.ID) || !st.HasMail(first.ID) {
		t.Error("after a day the mails of repeats go, those of members stay")
	}
	if add(t, j, repeat) {
		t.Error("a repeat was forgotten after a day")
	}
	if err := j.Prune(incidenttest.T0.Add(31 * 24 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Alert(repeat.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after 30 days: %v", err)
	}
	if _, err := st.Alert(first.ID); err != nil {
		t.Errorf("an alert of an incident that is there: %v", err)
	}
	if x := j.index.sites["hq"]; x.planned != len(x.entries) {
		t.Errorf("planned %d of %d", x.planned, len(x.entries))
	}
	if in := decide(t, j); len(in) != 0 {
		t.Errorf("forgetting started %v", in)
	}
}

// Alerts in order are judged one by one, not all again; one out of order is.
func TestDecideGoesOn(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	j := testJournal(t, st)
	defer j.Close()
	var plan *planner
	for i := range 100 {
		add(t, j, incidenttest.AlertAt(time.Duration(i)*30*time.Second, "n1", i))
		decide(t, j)
		if x := j.index.sites["hq"]; plan != nil && x.plan != plan {
			t.Fatalf("alert %d made everything be planned again", i)
		} else {
			plan = x.plan
		}
	}
	want := onDisk(t, st)
	j.Close()
	j = testJournal(t, st)
	decide(t, j)
	if got := onDisk(t, st); got != want {
		t.Errorf("planned whole:\n%s\none by one:\n%s", got, want)
	}
	plan = j.index.sites["hq"].plan
	add(t, j, incidenttest.AlertAt(5*time.Second, "n1", 0))
	decide(t, j)
	if j.index.sites["hq"].plan == plan {
		t.Error("an alert out of order was not")
	}
}
