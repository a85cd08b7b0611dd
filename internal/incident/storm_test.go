package incident

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/evidence"
)

// stormAlert is one alert of a storm.
func stormAlert(at time.Time, node int) evidence.Alert {
	n := 3
	return evidence.Alert{ID: alertID(fmt.Sprint(at.UnixNano(), node)), Name: "PartiallyRegisteredPhone", Cluster: "c1", Node: fmt.Sprintf("cucm%02d", node), Count: &n, Time: at}
}

// fates counts what became of all alerts of a store, each of which must have one fate
// that holds.
func fates(t *testing.T, st *Store) map[What]int {
	t.Helper()
	list, err := st.ListAlerts()
	if err != nil {
		t.Fatal(err)
	}
	n := map[What]int{}
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
		if l.Sites[0].What == InIncident {
			members[l.Sites[0].Incident]++
		}
	}
	keys, err := st.keys()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		in, err := st.read(k)
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
	synctest.Test(t, func(t *testing.T) {
		const nodes, rounds = 10, 6 * 120
		b := newBench(t, fastStore(t, quickDir(t)))
		j := b.journal()
		stop := b.watch(j)
		begin := time.Now()
		for range rounds { // a look at the mailbox each
			for node := range nodes {
				a := stormAlert(time.Now(), node)
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
			if err != nil || in.State != Sealed || in.Coverage != evidence.Complete {
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
		if got[InIncident] != members || got[InIncident]+got[Repeat] != nodes*rounds || len(got) != 2 {
			t.Errorf("%v of %d mails; incidents have %d members", got, nodes*rounds, members)
		}
		t.Logf("%v", got)
	})
}

// A weekend's mails, read at once on Monday: what is too old is expired, each other
// one has its fate, and the newest incident is run first.
func TestWeekendsBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, fastStore(t, quickDir(t)))
		b.r.Parallel = 1
		j := b.journal()
		now := time.Now()
		const n = 1000
		for i := range n { // over 60 h, the newest a minute old
			a := stormAlert(now.Add(-time.Minute-time.Duration(n-1-i)*216*time.Second), i%10)
			if fresh, err := j.Take(context.Background(), a, []byte("mail"), false, now); !fresh || err != nil {
				t.Fatal(fresh, err)
			}
		}
		if len(fates(t, b.st)) > 0 && len(j.index.seen) == n {
			t.Error("all is entered before it is safe")
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
		if want := 600; total != n || got[Expired] < want || got[Expired] > want+2 || got[Undecided] > 0 {
			t.Errorf("%v", got)
		}
		var order []string
		for _, e := range b.events {
			if e.What == EventStarted {
				order = append(order, e.Incident)
			}
		}
		newest := slices.Clone(order)
		slices.Sort(newest)
		slices.Reverse(newest)
		if len(order) < 2 || !slices.Equal(order, newest) {
			t.Errorf("run in the order %v", order)
		}
		t.Logf("%v, %d incidents", got, len(order))
	})
}

// Kinds are strangers to each other: they do not join, they are no news, and each
// asks for its own window and families. The limit counts them together.
func TestKindsAreStrangers(t *testing.T) {
	p := testPolicy()
	p.Kinds = []KindPolicy{{Name: "trunk", Before: time.Minute, After: 2 * time.Minute, Families: []string{"developer_log"}}}
	st := fastStore(t, quickDir(t))
	j, err := OpenJournal(st, testSites, p, nil, func() time.Time { return t0.Add(time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	for i, kind := range []string{"partial", "trunk", "", "trunk"} { // "": as older versions wrote it
		a := alertAt(time.Duration(i)*10*time.Second, "n1", 1)
		a.Kind = kind
		add(t, j, a)
	}
	decide(t, j)
	check := func() {
		t.Helper()
		var got []string
		for _, l := range []string{"partial", "trunk"} {
			for _, in := range j.table.Unsealed() {
				if in.AlertKind == l {
					got = append(got, fmt.Sprintf("%s %s %d %v %v", l, in.Asked.Length(), len(in.Members), in.Families, in.Only))
				}
			}
		}
		if got, want := strings.Join(got, "; "), "partial 20m0s 2 [network_log messages] []; trunk 3m0s 2 [developer_log] [developer_log]"; got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	check()
	j.Close()
	j, err = OpenJournal(st, testSites, p, nil, func() time.Time { return t0.Add(time.Hour) }) // decided anew from disk
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if j.cutoff != (time.Time{}) {
		t.Error("the same policy counts as another one")
	}
	decide(t, j)
	check()
}

func TestRouteAlert(t *testing.T) {
	sites := []Site{{Name: "hq", Clusters: []string{"c1"}}, {Name: "west"}, {Name: "east"}}
	rules := []Rule{
		{To: "rtmt+hq@example.com", Sites: []string{"hq"}},
		{To: "rtmt+*@example.com", Kind: "trunk", Sites: []string{"hq", "east"}},
		{Folder: "Alerts/*", Node: "cucm01", Sites: []string{"west"}},
		{Cluster: "west*", Sites: []string{"west"}},
		{Node: "edge*.example.com", Sites: []string{"east"}},
	}
	for _, c := range []struct {
		a         evidence.Alert
		want, why string
	}{
		{evidence.Alert{Recipients: []string{"a@x", "RTMT+HQ@Example.com"}, Cluster: "west1"}, "hq", "routes[0] (to rtmt+hq@example.com)"},
		{evidence.Alert{Recipients: []string{"rtmt+x@example.com"}, Kind: "trunk"}, "hq east", "routes[1]"},
		{evidence.Alert{Recipients: []string{"rtmt+x@example.com"}, Cluster: "c1"}, "hq", `no route matches; claimed by cluster "c1"`},
		{evidence.Alert{Folder: "alerts/west", Node: "CUCM01.example.com"}, "west", "routes[2]"},
		{evidence.Alert{Folder: "alerts", Node: "cucm01"}, "west east", "no route matches; no site claims"},
		{evidence.Alert{Cluster: "West-2 "}, "west", "routes[3]"},
		{evidence.Alert{Node: "Edge7.Example.com."}, "east", "routes[4]"},
	} {
		got, why := RouteAlert(sites, rules, c.a)
		if strings.Join(got, " ") != c.want || !strings.HasPrefix(why, c.why) {
			t.Errorf("%+v: %v, %s; want %s, %s", c.a, got, why, c.want, c.why)
		}
	}
	if got, why := RouteAlert(sites[:1], nil, evidence.Alert{Cluster: "x"}); got != nil || !strings.HasPrefix(why, "no site claims") {
		t.Error(got, why)
	}
	for _, c := range [][3]string{{"*", "", "y"}, {"a*b*c", "aXbYc", "y"}, {"a*b*c", "acb", ""}, {"ab*ba", "aba", ""}, {"*a*", "bab", "y"}, {"a", "A", "y"}, {"a*", "ba", ""}} {
		if alike(c[0], c[1]) != (c[2] == "y") {
			t.Errorf("%q and %q", c[0], c[1])
		}
	}
}

// quickDir is a folder in memory where there is one: a storm is many small files.
func quickDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "storm")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// BenchmarkIntake is a backlog of 1,000 mails made safe and judged, with every fsync:
// by batches of 512, and one by one.
func BenchmarkIntake(b *testing.B) {
	for _, batch := range []int{512, 1} {
		b.Run(fmt.Sprint("batch ", batch), func(b *testing.B) {
			for b.Loop() {
				j := testJournal(b, testStore(b, b.TempDir()))
				for i := range 1000 {
					a := stormAlert(t0.Add(time.Duration(i)*3*time.Second), i%10)
					if _, err := j.Take(context.Background(), a, make([]byte, 4000), false, t0.Add(time.Hour)); err != nil {
						b.Fatal(err)
					}
					if (i+1)%batch == 0 {
						if err := j.Commit(0); err != nil {
							b.Fatal(err)
						}
					}
				}
				if err := j.Commit(0); err != nil {
					b.Fatal(err)
				}
				if _, err := j.Decide(t0.Add(time.Hour)); err != nil {
					b.Fatal(err)
				}
				j.Close()
			}
		})
	}
}
