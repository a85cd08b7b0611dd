package triage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// Of what no host was asked for yet the newest have the limit, in whatever order they
// came, and a restart changes nothing.
func TestLimitIsSpentNewestFirst(t *testing.T) {
	for at, want := range map[string]string{
		"0 10 20 50 61 62 90 121 122":                  "A-B-CcDEe",
		"0 1 2 3 4 30 31 40 59 60":                     "-------ABb",
		"0 10 60 70 120 130 180 190 240 600 1439 1440": "---ABCDEFGHh",
		"50 0 10 20 30 40":                             "----AB",
	} {
		st := incidenttest.FastStore(t, t.TempDir())
		j := limitJournal(t, st, 2)
		var alerts []evidence.Alert
		for i, s := range strings.Fields(at) {
			var min int
			fmt.Sscan(s, &min)
			a := incidenttest.AlertAt(time.Duration(min)*time.Minute, fmt.Sprint("new", i), -1)
			alerts = append(alerts, a)
			add(t, j, a)
			decide(t, j)
		}
		for _, what := range []string{"at once", "after a restart"} {
			slices.SortFunc(alerts, func(a, b evidence.Alert) int { return a.Time.Compare(b.Time) })
			if got := outcomes(t, st, alerts); got != want {
				t.Errorf("%s, %s: %s, want %s", at, what, got, want)
			}
			j.Close()
			j = limitJournal(t, st, 2)
			decide(t, j)
		}
		j.Close()
	}
}

// arrive adds an alert that reached the mail server at came, and has its hosts asked.
func arrive(t testing.TB, j *Journal, a evidence.Alert, came time.Time) {
	t.Helper()
	a.Received = &came
	if _, err := j.Add(context.Background(), a, nil, false, came.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	decide(t, j)
	startAll(t, j)
}

func decisionOf(t testing.TB, st *incident.Store, id string) incident.Decision {
	t.Helper()
	rec, err := st.Alert(id)
	if err != nil || len(rec.Sites) != 1 {
		t.Fatalf("%+v, %v", rec, err)
	}
	return rec.Sites[0]
}

// Sixty forged mails with times of a whole day, each of a node and a sender of its
// own, open no more than their own budget, and the alert of now is grabbed for.
func TestBackdatedMailsSilenceNobody(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	p := limitPolicy(12)
	now := incidenttest.T0.Add(time.Hour)
	j, err := OpenJournal(st, incidenttest.Sites, p, nil, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var forged []evidence.Alert
	for i := range 60 {
		a := incidenttest.AlertAt(time.Hour-10*time.Minute-time.Duration(i)*20*time.Minute, fmt.Sprint("forged", i), -1)
		a.Sender = fmt.Sprintf("x%d@evil.net", i)
		forged = append(forged, a)
		arrive(t, j, a, now)
	}
	honest := incidenttest.AlertAt(time.Hour, "cucm01", 3)
	honest.Sender = "rtmt@example.com"
	arrive(t, j, honest, now.Add(10*time.Second))

	if d := decisionOf(t, st, honest.ID); d.What != incident.InIncident || d.Why != incident.WhyNews {
		t.Errorf("the honest alert: %+v", d)
	}
	opened, said := 0, 0
	for _, a := range forged {
		d := decisionOf(t, st, a.ID)
		if d.What == incident.InIncident {
			opened++
		}
		if d.Note == noteLate {
			said++
		}
	}
	if opened == 0 || opened > 12 || said != 60-opened {
		t.Errorf("%d of the forged opened an incident, %d are said to be late", opened, said)
	}
}

// Alerts that come in time, of which others take as much as they may: one node, one
// sender, nodes that the site does not name. The honest one has its share.
func TestSharesOfTheLimit(t *testing.T) {
	named := slices.Clone(incidenttest.Sites)
	named[0].Nodes = []string{"cucm01.example.com"}
	for name, c := range map[string]struct {
		node, sender func(i int) string
		sites        []incident.Site
		note         string
	}{
		"one node":   {func(int) string { return "n1" }, func(i int) string { return fmt.Sprint(i, "@evil.net") }, incidenttest.Sites, noteNode},
		"one sender": {func(i int) string { return fmt.Sprint("n", i) }, func(int) string { return "X@evil.net" }, incidenttest.Sites, noteSender},
		"strangers":  {func(i int) string { return fmt.Sprint("n", i) }, func(i int) string { return fmt.Sprint(i, "@evil.net") }, named, noteStranger},
	} {
		t.Run(name, func(t *testing.T) {
			st := incidenttest.FastStore(t, t.TempDir())
			p := limitPolicy(12)
			p.Cooldown = time.Minute
			now := incidenttest.T0
			j, err := OpenJournal(st, c.sites, p, nil, func() time.Time { return now })
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			var forged []evidence.Alert
			for i := range 15 { // three minutes apart: none joins another
				now = incidenttest.T0.Add(time.Duration(i) * 3 * time.Minute)
				a := incidenttest.AlertAt(now.Sub(incidenttest.T0), c.node(i), -1)
				a.Sender = c.sender(i)
				forged = append(forged, a)
				arrive(t, j, a, now)
			}
			honest := incidenttest.AlertAt(50*time.Minute, "cucm01", 3)
			honest.Sender = "rtmt@example.com"
			now = honest.Time
			arrive(t, j, honest, now)

			if d := decisionOf(t, st, honest.ID); d.What != incident.InIncident {
				t.Errorf("the honest alert: %+v", d)
			}
			if got := outcomes(t, st, forged); got != "ABCDEFGHI------" {
				t.Errorf("the others: %s", got)
			}
			if d := decisionOf(t, st, forged[14].ID); d.Note != c.note {
				t.Errorf("said: %+v", d)
			}
			j.Close()
			if j, err = OpenJournal(st, c.sites, p, nil, func() time.Time { return now }); err != nil {
				t.Fatal(err)
			}
			decide(t, j)
			if got := outcomes(t, st, append(forged, honest)); got != "ABCDEFGHI------J" {
				t.Errorf("after a restart: %s", got)
			}
		})
	}
}
