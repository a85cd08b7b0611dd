package triage

import (
	"context"
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

func posted(at time.Duration, node string, n int) evidence.Alert {
	a := incidenttest.AlertAt(at, node, n)
	a.Source = evidence.SourceWebhook
	a.ID = incidenttest.AlertID("webhook" + a.ID)
	return a
}

// What came by another way than mail is kept byte for byte beside the mails, is found after
// a restart, is forgotten with its alert, and without one is removed.
func TestKeptAsItCame(t *testing.T) {
	dir := t.TempDir()
	st := incidenttest.Store(t, dir)
	j := testJournal(t, st)
	a := posted(0, "n1", 1)
	add(t, j, a)
	orphan := filepath.Join(dir, "mails", incidenttest.AlertID("orphan")+".json")
	if err := os.WriteFile(orphan, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	j.Close()
	j = testJournal(t, st)
	defer j.Close()
	if raw, err := st.Mail(a.ID); err != nil || string(raw) != "mail "+a.ID || !strings.HasSuffix(st.MailPath(a.ID), ".json") {
		t.Errorf("%q, %v", raw, err)
	}
	if _, err := os.Stat(orphan); err == nil {
		t.Error("what nobody knows is still there")
	}
	if len(j.Clusters()) != 0 {
		t.Error("it counts as a mail of its cluster")
	}
	decide(t, j)
	sealAll(t, j)
	if err := st.Remove(st.IncidentDir(onlyKey(t, st))); err != nil {
		t.Fatal(err)
	}
	if err := j.Prune(incidenttest.T0.Add(SeenFor + time.Hour)); err != nil {
		t.Fatal(err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*", a.ID+"*")); len(files) > 0 {
		t.Errorf("left: %v", files)
	}
}

func onlyKey(t *testing.T, st *incident.Store) string {
	t.Helper()
	keys := incidenttest.Must(st.Keys())(t)
	if len(keys) != 1 {
		t.Fatal(keys)
	}
	return keys[0]
}

// When the budget for mails is spent nothing else is cut to fit: it is kept whole or not.
func TestBudgetOfOtherWays(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	j := testJournal(t, st)
	defer j.Close()
	j.index.mails.budget = 100
	a := posted(0, "n1", 1)
	raw := []byte(strings.Repeat("x", 200))
	if fresh, err := j.Add(context.Background(), a, raw, false, a.Time); !fresh || err != nil {
		t.Fatal(fresh, err)
	}
	rec := incidenttest.Must(st.Alert(a.ID))(t)
	if st.HasMail(a.ID) || !slices.Contains(rec.Alert.Notes, notKept) || rec.Alert.Truncated {
		t.Errorf("%+v", rec)
	}
	if in := decide(t, j); len(in) != 1 {
		t.Errorf("%+v", in)
	}
}

// A site's pause holds for every way, and so does the limit, of which one way has a share.
func TestPausedAndLimitedWays(t *testing.T) {
	st := incidenttest.FastStore(t, t.TempDir())
	p := incidenttest.Policy()
	p.Limit = 4
	j, err := OpenJournal(st, incidenttest.Sites, p, nil, func() time.Time { return incidenttest.T0.Add(time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for i := range 4 { // each an incident of its own: apart by more than the window
		a := posted(time.Duration(i)*-time.Minute, "n"+string(rune('a'+i)), 1)
		a.Kind, a.Sender = "kind"+string(rune('a'+i)), a.Source
		if _, err := j.Add(context.Background(), a, nil, false, a.Time); err != nil {
			t.Fatal(err)
		}
	}
	m := incidenttest.AlertAt(time.Minute, "nm", 1)
	m.Kind = "kindm"
	add(t, j, m)
	if in := decide(t, j); len(in) != 4 || !slices.ContainsFunc(in, func(in incident.Incident) bool { return in.AlertKind == "kindm" }) {
		t.Errorf("%d incidents: %+v", len(in), in)
	}
	now := incidenttest.T0.Add(10 * time.Minute)
	if err := st.Pause(context.Background(), incident.Pause{Site: "hq", From: now.Add(-time.Minute), Until: now.Add(time.Hour), Reason: "upgrade", By: "test"}); err != nil {
		t.Fatal(err)
	}
	a := posted(10*time.Minute, "late", 9)
	if _, err := j.Add(context.Background(), a, nil, false, now); err != nil {
		t.Fatal(err)
	}
	if rec := incidenttest.Must(st.Alert(a.ID))(t); len(rec.Sites) != 1 || rec.Sites[0].What != incident.Paused {
		t.Errorf("%+v", rec.Sites)
	}
}
