package runner

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/testrace"
)

// fates counts what became of all alerts of a store, each of which must have one fate
// that holds.
func fates(t *testing.T, st *incident.Store) map[incident.What]int {
	t.Helper()
	list, err := st.ListAlerts()
	if err != nil {
		t.Fatal(err)
	}
	n := map[incident.What]int{}
	members := map[string]int{}
	for _, l := range list {
		if l.What != "" {
			n[l.What]++
			continue
		}
		if len(l.Sites) != 1 {
			t.Fatalf("%+v", l)
		}
		n[l.Sites[0].What]++
		if l.Sites[0].What == incident.InIncident {
			members[l.Sites[0].Incident]++
		}
	}
	keys, err := st.Keys()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		in, err := st.Read(k)
		if err != nil || len(in.Members) != members[in.ID] {
			t.Errorf("incident %s has %d members, %d alerts say so (%v)", in.ID, len(in.Members), members[in.ID], err)
		}
	}
	return n
}

// Ten nodes, every 30 s a mail from each, for six hours, taken as they come while
// incidents are opened, run and sealed: one at the beginning, and fresh ones an hour
// and two more hours after the last news, which was the tenth node's first alert.
func TestStormOfTenNodes(t *testing.T) {
	testrace.Whole(t)
	synctest.Test(t, func(t *testing.T) {
		const nodes, rounds = 10, 6 * 120
		b := newBench(t, incidenttest.FastStore(t, incidenttest.QuickDir(t)))
		j := b.journal()
		stop := b.watch(j)
		begin := time.Now()
		for range rounds { // a look at the mailbox each
			for node := range nodes {
				a := incidenttest.StormAlert(time.Now(), node)
				if _, err := j.Take(context.Background(), a, []byte("mail"), false, time.Now()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Second)
			}
			if err := j.Commit(0); err != nil {
				t.Fatal(err)
			}
			if _, err := j.Decide(time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		stop()
		var opened []string
		members := 0
		for _, l := range b.list() {
			in, err := b.st.Load(l.Incident)
			if err != nil || in.State != incident.Sealed || in.Coverage != evidence.Complete {
				t.Fatalf("%+v, %v", in, err)
			}
			opened = append(opened, in.Members[0].Time.Sub(begin).String())
			members += len(in.Members)
		}
		slices.Sort(opened)
		if got, want := strings.Join(opened, " "), "0s 1h0m27s 3h0m27s"; got != want {
			t.Errorf("opened at %s, want %s", got, want)
		}
		got := fates(t, b.st)
		if got[incident.InIncident] != members || got[incident.InIncident]+got[incident.Repeat] != nodes*rounds || len(got) != 2 {
			t.Errorf("%v of %d mails; incidents have %d members", got, nodes*rounds, members)
		}
		t.Logf("%v", got)
	})
}

// A weekend's mails, read at once on Monday: what is too old is expired, each other
// one has its fate, and all incidents are run at once.
func TestWeekendsBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, incidenttest.FastStore(t, incidenttest.QuickDir(t)))
		b.r.Parallel = 1
		j := b.journal()
		now := time.Now()
		const n = 1000
		for i := range n { // over 60 h, the newest a minute old
			a := incidenttest.StormAlert(now.Add(-time.Minute-time.Duration(n-1-i)*216*time.Second), i%10)
			if fresh, err := j.Take(context.Background(), a, []byte("mail"), false, now); !fresh || err != nil {
				t.Fatal(fresh, err)
			}
		}
		if err := j.Commit(0); err != nil {
			t.Fatal(err)
		}
		if _, err := j.Decide(now); err != nil {
			t.Fatal(err)
		}
		stop := b.watch(j)
		time.Sleep(time.Hour)
		stop()
		got := fates(t, b.st)
		total := 0
		for _, k := range got {
			total += k
		}
		if want := 600; total != n || got[incident.Expired] < want || got[incident.Expired] > want+2 || got[incident.Undecided] > 0 {
			t.Errorf("%v", got)
		}
		started := 0
		for _, e := range b.events {
			if e.What != EventStarted {
				continue
			}
			if started++; e.Time.Sub(now) > time.Second {
				t.Errorf("%s was begun after %v", e.Incident, e.Time.Sub(now))
			}
		}
		if started < 2 {
			t.Error("no incidents were begun")
		}
		t.Logf("%v, %d incidents", got, started)
	})
}
