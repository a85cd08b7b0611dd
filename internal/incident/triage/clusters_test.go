package triage

import (
	"fmt"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

// The last mail of each cluster is known by INTERNALDATE, repeats and a restart
// included; a server's date in the future is not believed, quarantine proves nothing,
// and mails cannot fill the memory with names.
func TestClusters(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	j := testJournal(t, st)
	put := func(cluster string, at time.Duration, received time.Duration) {
		a := incidenttest.AlertAt(at, cluster, -1)
		a.Cluster = cluster
		if got := incidenttest.T0.Add(received); received != 0 {
			a.Received = &got
		}
		add(t, j, a) // read a minute later
	}
	put("c1", 5*time.Minute, 5*time.Minute+2*time.Second)
	put("c1", 0, 2*time.Second) // came later, and is older
	put("c2", time.Minute, 24*time.Hour)
	put("c3\x1b[1m", time.Minute, 0)
	check := func() {
		t.Helper()
		got := fmt.Sprint(j.Clusters()["c1"].Sub(incidenttest.T0), j.Clusters()["c2"].Sub(incidenttest.T0), len(j.Clusters()))
		if got != "5m2s 2m0s 3" || j.Clusters()["c3 [1m"].IsZero() {
			t.Errorf("%s %v", got, j.Clusters())
		}
	}
	check()
	j.Close()
	j = testJournal(t, st)
	defer j.Close()
	check()

	h := clusters{}
	h.noteMail(incident.AlertRecord{Alert: evidence.Alert{Cluster: "c1"}, Seen: incidenttest.T0, What: "quarantined"})
	if len(h) > 0 {
		t.Error(h)
	}
	for i := range 2 * maxClusters {
		h.noteMail(incident.AlertRecord{Alert: evidence.Alert{Cluster: fmt.Sprint(i)}, Seen: incidenttest.T0.Add(time.Duration(i))})
	}
	if len(h) != maxClusters || !h["0"].IsZero() || h[fmt.Sprint(2*maxClusters-1)].IsZero() {
		t.Error(len(h))
	}
}

// What is open is listed by the journal and, beside it, by the store.
func TestOpen(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	j := testJournal(t, st)
	defer j.Close()
	add(t, j, incidenttest.AlertAt(0, "n1", -1))
	decide(t, j)
	for name, list := range map[string][]incident.OpenIncident{"journal": j.Open(), "store": incidenttest.Must(st.Open())(t)} {
		if len(list) != 1 || list[0].State != incident.Waiting || list[0].SoFar != "" || list[0].Site != "hq" {
			t.Errorf("%s: %+v", name, list)
		}
	}
	key := j.Open()[0].Key
	if _, err := j.table.Update(key, func(in *incident.Incident) { in.State = incident.Sealed }); err != nil {
		t.Fatal(err)
	}
	if list := incidenttest.Must(st.Open())(t); len(list)+len(j.Open()) > 0 {
		t.Errorf("%+v", list)
	}
}
