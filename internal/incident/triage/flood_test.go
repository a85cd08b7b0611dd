package triage

import (
	"fmt"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// flood adds alerts of as many nodes, which are news each, of the same minute, and decides.
func flood(t *testing.T, j *Journal, at time.Duration, name string, n int) (ids []string) {
	t.Helper()
	lost := j.Lost()
	for i := range n {
		a := incidenttest.AlertAt(at, fmt.Sprint(name, i), 1)
		ids = append(ids, a.ID)
		if _, err := j.Take(t.Context(), a, nil, false, j.now()); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Commit(lost); err != nil {
		t.Fatal(err)
	}
	decide(t, j)
	return ids
}

// Who sends thousands of mails has no incident grow without an end: what is of its minutes is written down as a
// repeat, and what widens its window joins still, after a restart too.
func TestFloodOfOneIncident(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	j := limitJournal(t, st, 12)
	defer func() { j.Close() }()
	members := func(want int, until time.Duration) {
		t.Helper()
		list := j.table.Unsealed()
		if len(list) != 1 || len(list[0].Members) != want || !list[0].Asked.Until.Equal(incidenttest.T0.Add(until)) {
			for _, in := range list {
				t.Errorf("%s: %d members, want %d; %v", in.ID, len(in.Members), want, in.Asked)
			}
			t.Fatalf("%d incidents", len(list))
		}
	}
	flood(t, j, 0, "a", maxMembers+20)
	members(maxMembers, time.Minute)
	startAll(t, j)
	for _, id := range flood(t, j, 0, "b", 20) {
		rec, err := st.Alert(id)
		if err != nil || len(rec.Sites) != 1 {
			t.Fatal(rec, err)
		}
		if d := rec.Sites[0]; d.What != incident.Repeat || !incident.IsID(d.Of) {
			t.Errorf("%+v", d)
		}
	}
	members(maxMembers, time.Minute)
	a := incidenttest.AlertAt(time.Minute, "true", 1)
	add(t, j, a)
	decide(t, j)
	members(maxMembers+1, 2*time.Minute)

	j.Close()
	j = limitJournal(t, st, 12)
	decide(t, j)
	members(maxMembers+1, 2*time.Minute)
	flood(t, j, -time.Second, "c", 20)
	members(maxMembers+1, 2*time.Minute)
	if since := incidenttest.T0.Add(-time.Minute - time.Second); !j.table.Unsealed()[0].Asked.Since.Equal(since) {
		t.Errorf("%v: what comes late widens it no more", j.table.Unsealed()[0].Asked)
	}
}

// Repeats by which others may be judged have a bound too: the oldest go.
func TestFloodOfRepeats(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	now := incidenttest.T0.Add(time.Minute)
	j := incidenttest.Must(OpenJournal(st, incidenttest.Sites, limitPolicy(12), nil, func() time.Time { return now }))(t)
	defer j.Close()
	j.index.records.most = 100
	first := flood(t, j, 0, "a", maxMembers)
	startAll(t, j)
	for i := range 400 {
		now = now.Add(time.Second)
		a := evidence.Alert{ID: incidenttest.AlertID(fmt.Sprint("fall", i)), Name: "Partial", Cluster: "c1", Node: "a0", Count: new(1000 - i), Time: incidenttest.T0}
		if i == 0 {
			a.Count = new(0)
		}
		add(t, j, a)
		decide(t, j)
	}
	now = now.Add(2 * time.Minute)
	add(t, j, incidenttest.AlertAt(time.Second, "a0", 0))
	if n := len(j.index.seen); n > maxMembers+100 {
		t.Errorf("%d alerts are remembered", n)
	}
	for _, id := range first {
		if _, err := st.Alert(id); err != nil {
			t.Fatalf("of an open incident, and forgotten: %v", err)
		}
	}
}
