package triage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

func genuine(a evidence.Alert) evidence.Alert {
	a.Auth = &evidence.Auth{OK: true, How: "dkim"}
	return a
}

func take(t *testing.T, j *Journal, a evidence.Alert) {
	t.Helper()
	if fresh, err := j.Take(context.Background(), a, []byte("mail"), false, incidenttest.T0); !fresh || err != nil {
		t.Fatalf("fresh %v, %v", fresh, err)
	}
}

// The genuine copy of a mail lets the alert out in the same batch too.
func TestGenuineCopyInOneBatch(t *testing.T) {
	j := testJournal(t, incidenttest.Store(t, t.TempDir()))
	defer j.Close()
	a := heldAt(0, "n1")
	take(t, j, a)
	take(t, j, genuine(a))
	if fresh, err := j.Take(context.Background(), a, nil, false, incidenttest.T0); fresh || err != nil {
		t.Errorf("a third copy: %v, %v", fresh, err)
	}
	if err := j.Commit(0); err != nil {
		t.Fatal(err)
	}
	if in := decide(t, j); len(in) != 1 {
		t.Errorf("it started %v", in)
	}
	if rec, err := j.st.Alert(a.ID); err != nil || rec.What != "" {
		t.Errorf("%+v, %v", rec, err)
	}
}

// That an alert is known does not make safe the copy that lets it out.
func TestGenuineCopyOfWhichTheCommitFailed(t *testing.T) {
	st := incidenttest.Store(t, t.TempDir())
	failing := false
	st.Fault = func(op, _ string) error {
		if failing && op == "commit" {
			return errors.New("fault")
		}
		return nil
	}
	j := testJournal(t, st)
	defer j.Close()
	a := heldAt(0, "n1")
	add(t, j, a)
	take(t, j, genuine(a))
	failing = true
	if err := j.Commit(0); err == nil { // of another mailbox
		t.Fatal("no fault")
	}
	failing = false
	if err := j.Commit(0); err == nil {
		t.Error("the copy's own mailbox was not told")
	}
}

// A release by hand and a genuine copy at the same moment make one alert.
func TestReleaseWhileTheGenuineCopyIsTaken(t *testing.T) {
	j := testJournal(t, incidenttest.Store(t, t.TempDir()))
	defer j.Close()
	a := heldAt(0, "n1")
	add(t, j, a)
	take(t, j, genuine(a))
	if _, err := j.Release(a.ID, false); !errors.Is(err, ErrNotQuarantined) {
		t.Errorf("%v", err)
	}
	if err := j.Commit(0); err != nil {
		t.Fatal(err)
	}
	if n := len(j.index.sites["hq"].entries); n != 1 {
		t.Errorf("%d alerts", n)
	}
}

// An alert that could not be judged when it was read stays paused if its site was:
// nobody releases it who knows what he does.
func TestJudgedAgainWhilePaused(t *testing.T) {
	st := incidenttest.Store(t, t.TempDir())
	j := testJournal(t, st)
	defer j.Close()
	a := heldAt(0, "n1")
	a.Auth = &evidence.Auth{Why: "no DNS", Temporary: true}
	b := heldAt(0, "n2")
	if err := st.Pause(context.Background(), incident.Pause{From: incidenttest.T0.Add(-time.Hour), Until: incidenttest.T0.Add(2 * time.Hour), Reason: "upgrade", By: "me"}); err != nil {
		t.Fatal(err)
	}
	add(t, j, a)
	add(t, j, b)
	if _, err := j.Rejudge(a.ID, evidence.Auth{OK: true, How: "dkim"}); err != nil {
		t.Fatal(err)
	}
	if in := decide(t, j); len(in) != 0 {
		t.Errorf("it started %v", in)
	}
	if rec, err := st.Alert(a.ID); err != nil || len(rec.Sites) != 1 || rec.Sites[0].What != incident.Paused {
		t.Errorf("%+v, %v", rec, err)
	}
	if _, err := j.Release(b.ID, false); err != nil || len(decide(t, j)) != 1 {
		t.Errorf("a release by hand does not trigger: %v", err)
	}
}

// A record that cannot be written leaves nothing on the disk, however often.
func TestTakeLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	st := incidenttest.Store(t, dir)
	st.Fault = func(op, name string) error {
		if op == "write" && strings.HasSuffix(name, ".json") && strings.Contains(name, "alerts") {
			return errors.New("fault")
		}
		return nil
	}
	j := testJournal(t, st)
	defer j.Close()
	for range 3 {
		if _, err := j.Take(context.Background(), incidenttest.AlertAt(0, "n1", 1), []byte("mail"), false, incidenttest.T0); err == nil {
			t.Fatal("no fault")
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", "*.part")); len(left) > 0 {
		t.Errorf("left over: %d", len(left))
	}
}

// A quarantine that is full of mails which were read by a clock that was ahead does
// not hold up the mailbox.
func TestFullQuarantineByAnotherClock(t *testing.T) {
	j := testJournal(t, incidenttest.FastStore(t, t.TempDir()))
	defer j.Close()
	j.index.quarantine.known = map[string]bool{}
	for i := range maxSuspects {
		id := fmt.Sprintf("%064x", i)
		j.index.quarantine.list = append(j.index.quarantine.list, suspect{id: id, seen: incidenttest.T0.Add(1000 * time.Hour), size: -1})
		j.index.quarantine.known[id] = true
	}
	a := heldAt(0, "n1")
	take(t, j, a)
	if err := j.Commit(0); err != nil {
		t.Errorf("the cursor would stay for ever: %v", err)
	}
}

// A release that the disk has no room for is not forgotten.
func TestReleaseOnAFullDisk(t *testing.T) {
	st := incidenttest.Store(t, t.TempDir())
	full := false
	st.Fault = func(op, name string) error {
		if full && op == "write" {
			return syscall.ENOSPC
		}
		return nil
	}
	j := testJournal(t, st)
	defer j.Close()
	a := heldAt(0, "n1")
	add(t, j, a)
	if err := Ask(st, QuarantineRequest{Alert: a.ID, What: RequestRelease, Force: true}); err != nil {
		t.Fatal(err)
	}
	q := RequestQueue{Journal: j}
	for _, full = range []bool{true, true, false} {
		if changed := q.Answer(context.Background()); changed == full {
			t.Errorf("full %v, changed %v", full, changed)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(requestsDir(st), "*")); len(left) != 0 {
		t.Error("the request was not taken away")
	}
}
