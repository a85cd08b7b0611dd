package triage

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// Alerts that no site claims are counted by name, each once, over a restart too, until the
// configuration claims them or a day without one has passed; those that may not trigger
// are not.
func TestUnrouted(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	j := testJournal(t, st)
	defer func() { j.Close() }()
	j.now = func() time.Time { return incidenttest.T0.Add(time.Hour) }
	put := func(at time.Duration, cluster, node string, auth *evidence.Auth) {
		a := incidenttest.AlertAt(at, node, -1)
		a.Cluster, a.Auth = cluster, auth
		for range 2 { // seen twice, counted once
			add(t, j, a) // read a minute later
		}
	}
	conf := []incident.Site{{Name: "hq", Clusters: []string{"hq-prod"}}}
	if err := j.Configure(conf, j.conf.policy); err != nil {
		t.Fatal(err)
	}
	put(10*time.Minute, "HQ_PROD", "n1", nil)
	put(0, "hq_prod", "n2", nil)
	put(5*time.Minute, "HQ_PROD", "n3", &evidence.Auth{OK: true})
	put(5*time.Minute, "forged", "n4", &evidence.Auth{})
	put(5*time.Minute, "hq-prod", "n5", nil)
	put(6*time.Minute, "", "n6", nil)
	check := func(want string) {
		t.Helper()
		got := ""
		for _, u := range j.Unrouted() {
			got += fmt.Sprintf("%s/%s %d %s-%s ", u.Last.Cluster, u.Last.Node, u.Alerts, u.Since.Sub(incidenttest.T0), u.Till.Sub(incidenttest.T0))
		}
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	const all = "HQ_PROD/n1 3 1m0s-11m0s /n6 1 7m0s-7m0s "
	check(all)

	j.Close()
	var err error
	if j, err = OpenJournal(st, conf, j.conf.policy, j.log, func() time.Time { return incidenttest.T0.Add(time.Hour) }); err != nil {
		t.Fatal(err)
	}
	check(all)
	mended := []incident.Site{{Name: "hq", Clusters: []string{"hq-prod", "hq_prod"}}}
	if err := j.Configure(mended, j.conf.policy); err != nil {
		t.Fatal(err)
	}
	check("/n6 1 7m0s-7m0s ")
	if err := j.Configure(conf, j.conf.policy); err != nil {
		t.Fatal(err)
	}
	j.now = func() time.Time { return incidenttest.T0.Add(24*time.Hour + 8*time.Minute) }
	check("HQ_PROD/n1 3 1m0s-11m0s ")
	j.now = func() time.Time { return incidenttest.T0.Add(24*time.Hour + 12*time.Minute) }
	check("")
}

// However many names come, what is remembered is bounded, and every alert is counted; a
// further copy that finds a site takes its alert back.
func TestUnroutedBounds(t *testing.T) {
	u := unrouted{what: incident.Unrouted}
	rec := func(i int, cluster string, seen time.Duration) incident.AlertRecord {
		return incident.AlertRecord{Alert: evidence.Alert{ID: fmt.Sprint(i), Cluster: cluster}, Seen: incidenttest.T0.Add(seen), What: incident.Unrouted}
	}
	u.settle(incidenttest.T0)
	const n = 2 * maxUnroutedN
	for i := range n {
		u.enter(rec(i, fmt.Sprint("c", i%(maxUnrouted+5)), time.Duration(i)))
	}
	total := u.more.Alerts
	for _, got := range u.names {
		total += got.Alerts
	}
	if len(u.names) != maxUnrouted || len(u.counted) != maxUnroutedN || total != n || !u.more.Further || u.more.Last.Cluster != "" {
		t.Errorf("%d names, %d IDs, %d of %d counted", len(u.names), len(u.counted), total, n)
	}
	was := u.names["c0"].Alerts
	routed := rec(0, "c0", 0)
	routed.What = ""
	u.enter(routed)
	if u.names["c0"].Alerts != was-1 {
		t.Error("a routed alert still counts")
	}
	u.enter(rec(n, "new", 25*time.Hour)) // the others' day is over
	if len(u.names) != 1 || len(u.counted) != 1 || u.more.Alerts != 0 {
		t.Errorf("%d %d %d", len(u.names), len(u.counted), u.more.Alerts)
	}

	// What a store holds comes in any order.
	u = unrouted{what: incident.Unrouted}
	for _, i := range []int{2, 0, 3, 1} {
		u.enter(rec(i, "c", time.Duration(i)*20*time.Hour))
	}
	u.settle(incidenttest.T0.Add(61 * time.Hour))
	if got := u.names["c"]; got == nil || got.Alerts != 4 || !got.Since.Equal(incidenttest.T0) {
		t.Errorf("%+v", got)
	}
}

// Alerts that were too old when they were read are counted for a day, over a restart too.
func TestExpiredCounted(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	now := func(at time.Duration) func() time.Time {
		return func() time.Time { return incidenttest.T0.Add(at) }
	}
	policy := incidenttest.Policy()
	policy.MaxAge = 24 * time.Hour
	for _, at := range []time.Duration{time.Hour, 2 * time.Hour, 27 * time.Hour} {
		j, err := OpenJournal(st, incidenttest.Sites, policy, slog.New(slog.DiscardHandler), now(at))
		if err != nil {
			t.Fatal(err)
		}
		if at == time.Hour {
			for i, age := range []time.Duration{time.Minute, 25 * time.Hour, 30 * time.Hour} {
				a := incidenttest.AlertAt(-age, fmt.Sprint("n", i), -1)
				for range 2 { // seen twice, counted once
					if _, err := j.Add(t.Context(), a, []byte("mail"), false, incidenttest.T0.Add(time.Duration(i)*time.Minute)); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		list := j.Expired()
		if at > 26*time.Hour {
			if len(list) != 0 {
				t.Errorf("a day later: %+v", list)
			}
		} else if len(list) != 1 || list[0].Alerts != 2 || list[0].Till.Sub(list[0].Last.Time) != 30*time.Hour+2*time.Minute || len(j.Unrouted()) != 0 {
			t.Errorf("%s: %+v", at, list)
		}
		j.Close()
	}
}
