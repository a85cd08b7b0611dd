package triage

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

func unsureAt(at time.Duration, node string) evidence.Alert {
	a := incidenttest.AlertAt(at, node, 1)
	a.Auth = &evidence.Auth{Why: "no DNS", Temporary: true}
	return a
}

// While the DNS is away an alert has its turns, ever more seldom, until it is older
// than max_age; after a restart it has them again.
func TestTurnsOfTheUnsure(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	now := incidenttest.T0.Add(time.Minute)
	var said bytes.Buffer
	open := func() *Journal {
		t.Helper()
		j, err := OpenJournal(st, incidenttest.Sites, incidenttest.Policy(), slog.New(slog.NewTextHandler(&said, nil)), func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	j := open()
	a, b := unsureAt(0, "n1"), unsureAt(time.Second, "n2")
	add(t, j, a)
	add(t, j, b)
	turns := func(until time.Time, each time.Duration) (n int) {
		t.Helper()
		for ; now.Before(until); now = now.Add(each) {
			if ids := j.Unsure(now); len(ids) > 0 { // as grab watch does: one, for the DNS is away
				n++
				j.StillUnsure(ids[0], now)
			}
		}
		return n
	}
	if n := turns(incidenttest.T0.Add(16*time.Minute), 30*time.Second); n < 28 || n > 30 {
		t.Errorf("%d turns in the first quarter of an hour", n)
	}
	if n := turns(incidenttest.T0.Add(24*time.Hour), 30*time.Second); n < 2*250 || n > 2*340 { // every 5 min at last, each of the two
		t.Errorf("%d turns in the first day", n)
	}
	j.Close()
	j = open()
	if ids := j.Unsure(now); !slices.Equal(ids, []string{a.ID, b.ID}) {
		t.Errorf("after a restart: %v", ids)
	}
	if n := turns(incidenttest.T0.Add(48*time.Hour), time.Minute); n < 2 || n > 4 || strings.Count(said.String(), "stays in quarantine") != 2 {
		t.Errorf("%d turns after max_age\n%s", n, &said)
	}
	if all, _, _ := j.QuarantineCounts(time.Time{}); all != 2 {
		t.Errorf("%d are held", all)
	}
	j.Close()
	j = open()
	defer j.Close()
	if ids := j.Unsure(now); len(ids) != 2 {
		t.Errorf("after another restart: %v", ids)
	}
	// too late: recorded, and said aloud
	rec, err := j.Rejudge(a.ID, evidence.Auth{OK: true, How: "dkim"})
	if err != nil || rec.What != incident.Expired || len(rec.Sites) != 0 || rec.Released.IsZero() || !strings.Contains(said.String(), "alert is expired: nothing is grabbed") {
		t.Errorf("%+v, %v\n%s", rec, err, &said)
	}
	if in, err := j.Decide(now); err != nil || len(in) != 0 {
		t.Errorf("it started %v, %v", in, err)
	}
	list, err := st.ListAlerts()
	if i := slices.IndexFunc(list, func(l incident.ListedAlert) bool { return l.ID == a.ID }); err != nil || list[i].What != incident.Expired || !strings.Contains(list[i].Why, "could be verified") {
		t.Errorf("%+v, %v", list, err)
	}
}
