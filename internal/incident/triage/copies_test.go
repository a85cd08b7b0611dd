package triage

import (
	"context"
	"fmt"
	"log/slog"
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

var copySites = []incident.Site{
	{Name: "hq", Clusters: []string{"c1"}, TimeZone: "UTC"}, {Name: "west", Clusters: []string{"-"}, TimeZone: "UTC"}, {Name: "east", Clusters: []string{"-"}, TimeZone: "UTC"},
}

func copyPolicy() incident.Policy {
	p := incidenttest.Policy()
	p.Rules = []incident.Rule{{Folder: "West", Sites: []string{"west"}}, {To: "both@*", Sites: []string{"east", "west"}}, {Folder: "East", Cluster: "c1", Sites: []string{"east"}}}
	return p
}

// copyJournal opens a journal with routes by folder and recipient, an hour after t0.
func copyJournal(t testing.TB, st *incident.Store, log *slog.Logger) *Journal {
	t.Helper()
	j, err := OpenJournal(st, copySites, copyPolicy(), log, func() time.Time { return incidenttest.T0.Add(time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func inFolder(a evidence.Alert, folder string, to ...string) evidence.Alert {
	a.Mailbox, a.Folder, a.Recipients = "m", folder, to
	return a
}

func siteNames(rec incident.AlertRecord) (names []string) {
	for _, d := range rec.Sites {
		names = append(names, d.Site)
	}
	slices.Sort(names)
	return names
}

// Mails whose copies lie in several places, read in any order, in batches of any size,
// with restarts in between, go to the sites of all copies, to each once.
func TestOrderOfCopies(t *testing.T) {
	places := []struct {
		folder string
		to     []string
		sites  []string
	}{
		{"INBOX", nil, []string{"hq"}}, {"West", nil, []string{"west"}}, {"East", nil, []string{"east"}}, {"INBOX", []string{"both@x"}, []string{"east", "west"}},
	}
	rapid.Check(t, func(rt *rapid.T) {
		var copies []evidence.Alert
		want := map[string][]string{} // alert -> its sites
		at := time.Duration(0)
		for i := range rapid.IntRange(1, 5).Draw(rt, "alerts") {
			at += time.Duration(rapid.IntRange(0, 24*60).Draw(rt, "gap")) * time.Second
			a := incidenttest.AlertAt(at, rapid.SampledFrom([]string{"n1", "n2"}).Draw(rt, "node"), rapid.IntRange(-1, 2).Draw(rt, "n"))
			a.ID = incidenttest.AlertID(fmt.Sprint(i))
			for range rapid.IntRange(1, 4).Draw(rt, "copies") {
				p := rapid.SampledFrom(places).Draw(rt, "place")
				copies = append(copies, inFolder(a, p.folder, p.to...))
				want[a.ID] = append(want[a.ID], p.sites...)
			}
			slices.Sort(want[a.ID])
			want[a.ID] = slices.Compact(want[a.ID])
		}
		dir, err := os.MkdirTemp("", "copies")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		ref := incidenttest.FastStore(t, filepath.Join(dir, "ref"))
		j := copyJournal(t, ref, nil)
		for _, a := range copies {
			add(t, j, a)
		}
		decide(t, j)
		j.Close()

		st := incidenttest.FastStore(t, filepath.Join(dir, "got"))
		j = copyJournal(t, st, nil)
		for _, a := range rapid.Permutation(copies).Draw(rt, "order") {
			lost := j.Lost()
			if _, err := j.Take(context.Background(), a, []byte("mail "+a.ID), false, a.Time.Add(time.Minute)); err != nil {
				rt.Fatal(err)
			}
			then := rapid.IntRange(0, 4).Draw(rt, "then") // 0, 4: one batch with the next
			if then == 0 || then == 4 {
				continue
			}
			if err := j.Commit(lost); err != nil {
				rt.Fatal(err)
			}
			switch then {
			case 2:
				decide(t, j)
			case 3:
				j.Close()
				j = copyJournal(t, st, nil)
			}
		}
		if err := j.Commit(j.Lost()); err != nil {
			rt.Fatal(err)
		}
		decide(t, j)
		j.Close()
		if got, want := onDisk(t, st), onDisk(t, ref); got != want {
			rt.Fatalf("got\n%s\nwant\n%s", got, want)
		}
		for id, sites := range want {
			rec, err := st.Alert(id)
			if err != nil || !slices.Equal(siteNames(rec), sites) {
				rt.Fatalf("alert %.6s goes to %v, want %v (%v)", id, siteNames(rec), sites, err)
			}
			for _, d := range rec.Sites {
				in, err := st.Read(d.Incident)
				if d.What != incident.Repeat && (err != nil || in.Site != d.Site || !slices.ContainsFunc(in.Members, func(m incident.Member) bool { return m.Alert == id })) {
					rt.Fatalf("alert %.6s says %+v: %+v, %v", id, d, in, err)
				}
			}
		}
	})
}

// A copy that comes when the first site's incident is on its way, or sealed, starts
// the other site's alone.
func TestCopyAfterTheStart(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	j := copyJournal(t, st, nil)
	defer func() { j.Close() }()
	a := incidenttest.AlertAt(0, "n1", 1)
	add(t, j, inFolder(a, "INBOX"))
	first := decide(t, j)[0]
	if _, err := j.table.Start(first.Key); err != nil {
		t.Fatal(err)
	}
	frozen, err := j.table.Freeze(first.Key, first.Asked, func(incident.Incident) (evidence.Manifest, error) { return evidence.Manifest{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	if add(t, j, inFolder(a, "West")) {
		t.Error("a copy is fresh")
	}
	if in := decide(t, j); len(in) != 1 || in[0].Site != "west" || in[0].Members[0].Alert != a.ID {
		t.Fatalf("the copy started %+v", in)
	}
	for range 2 { // again, and after a restart
		add(t, j, inFolder(a, "West"))
		add(t, j, inFolder(a, "INBOX"))
		if in := decide(t, j); len(in) != 0 {
			t.Errorf("another look started %+v", in)
		}
		j.Close()
		j = copyJournal(t, st, nil)
		decide(t, j)
	}
	rec, err := st.Alert(a.ID)
	if err != nil || len(rec.Sites) != 2 || rec.Sites[0].Incident != frozen.Key || rec.Sites[1].What != incident.InIncident || !strings.Contains(rec.Routed, "a copy in West: routes[0]") {
		t.Errorf("%+v, %v", rec, err)
	}
	if len(j.index.sites["hq"].entries) != 1 || len(j.index.sites["west"].entries) != 1 {
		t.Error("an alert stands twice at one site")
	}
}

// What a copy may not do: change the sites by its being read again under other
// routes, trigger too late, or if it is forged.
func TestCopiesThatAddNothing(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	var said strings.Builder
	j := copyJournal(t, st, slog.New(slog.NewTextHandler(&said, nil)))
	defer j.Close()
	sitesOf := func(a evidence.Alert) string {
		t.Helper()
		rec, err := st.Alert(a.ID)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(siteNames(rec), " ")
	}
	a := incidenttest.AlertAt(0, "n1", 1)
	add(t, j, inFolder(a, "INBOX"))
	bad := inFolder(a, "East")
	bad.Auth = forged
	if add(t, j, bad); sitesOf(a) != "hq" {
		t.Error("a forged copy adds " + sitesOf(a))
	}
	other := copyPolicy()
	other.Rules = []incident.Rule{{Folder: "INBOX", Sites: []string{"east"}}}
	if err := j.Configure(copySites, other); err != nil {
		t.Fatal(err)
	}
	if add(t, j, inFolder(a, "INBOX")); sitesOf(a) != "hq" {
		t.Error("the same copy under other routes adds " + sitesOf(a))
	}
	if err := j.Configure(copySites, copyPolicy()); err != nil {
		t.Fatal(err)
	}
	late := inFolder(a, "West")
	for range 2 {
		if _, err := j.Add(t.Context(), late, nil, false, incidenttest.T0.Add(25*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	rec, err := st.Alert(a.ID)
	if err != nil || len(rec.Sites) != 2 || rec.Sites[1].What != incident.Expired || rec.Sites[1].Note == "" || strings.Count(said.String(), "alert expired for one more site") != 1 {
		t.Errorf("%+v, %v\n%s", rec, err, &said)
	}
	if in := decide(t, j); len(in) != 1 || in[0].Site != "hq" {
		t.Errorf("they started %+v", in)
	}
	// of an alert that no site claimed, a copy may find one; a pause holds for it too
	b := incidenttest.AlertAt(time.Minute, "n2", 1)
	b.Cluster = "nowhere"
	add(t, j, inFolder(b, "INBOX"))
	if rec, _ := st.Alert(b.ID); rec.What != incident.Unrouted {
		t.Errorf("%+v", rec)
	}
	if err := st.Pause(t.Context(), incident.Pause{Site: "east", From: incidenttest.T0, Until: incidenttest.T0.Add(time.Hour), Reason: "upgrade"}); err != nil {
		t.Fatal(err)
	}
	add(t, j, inFolder(b, "INBOX", "both@x"))
	if in := decide(t, j); len(in) != 1 || in[0].Site != "west" {
		t.Errorf("the copy started %+v", in)
	}
	if rec, _ := st.Alert(b.ID); rec.What != "" || rec.Sites[0].What != incident.Paused || rec.Sites[1].What != incident.InIncident {
		t.Errorf("%+v", rec)
	}
}

// Copies in quarantine whose sender cannot be verified yet count as soon as it can,
// by another look or by another copy.
func TestCopiesInQuarantine(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	j := copyJournal(t, st, nil)
	defer func() { j.Close() }()
	a, b := unsureAt(0, "n1"), unsureAt(time.Minute, "n2")
	for _, x := range []evidence.Alert{a, b} {
		add(t, j, inFolder(x, "INBOX"))
		add(t, j, inFolder(x, "West"))
	}
	j.Close()
	j = copyJournal(t, st, nil)
	if rec, _ := st.Alert(a.ID); rec.What != incident.Quarantined || len(rec.Sites) != 0 || len(rec.Copies) != 1 {
		t.Errorf("%+v", rec)
	}
	if _, err := j.Rejudge(a.ID, evidence.Auth{OK: true, How: "dkim"}); err != nil {
		t.Fatal(err)
	}
	if !add(t, j, inFolder(genuine(b), "East")) {
		t.Error("the genuine copy is not fresh")
	}
	decide(t, j)
	for id, want := range map[string]string{a.ID: "hq west", b.ID: "east hq west"} {
		if rec, err := st.Alert(id); err != nil || strings.Join(siteNames(rec), " ") != want || rec.Sites[0].What != incident.InIncident {
			t.Errorf("%+v, %v", rec, err)
		}
	}
}
