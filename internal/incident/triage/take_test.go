package triage

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/incidenttest"
)

// What was taken is nothing until it is committed, for a crash or a fault alike, and
// whoever relies on it is told.
func TestTakeIsNothingWithoutCommit(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	st := incidenttest.Store(t, dir)
	fault := errors.New("fault")
	var failing bool
	st.Fault = func(op, _ string) error {
		if failing && op == "commit" {
			return fault
		}
		return nil
	}
	j := testJournal(t, st)
	a, b := incidenttest.AlertAt(0, "n1", 1), incidenttest.AlertAt(time.Minute, "n2", 1)
	take := func(a evidence.Alert, want bool) {
		t.Helper()
		if fresh, err := j.Take(ctx, a, []byte("mail"), false, incidenttest.T0); fresh != want || err != nil {
			t.Errorf("fresh %v, %v", fresh, err)
		}
	}
	take(a, true)
	take(a, false) // of another mailbox
	if in := decide(t, j); len(in) != 0 {
		t.Error("decided about what is not safe")
	}
	failing = true
	if err := j.Commit(0); !errors.Is(err, fault) {
		t.Errorf("%v", err)
	}
	failing = false
	if err := j.Commit(0); err == nil || !strings.Contains(err.Error(), "not saved") {
		t.Errorf("the other mailbox was not told: %v", err)
	}
	take(a, true)
	if err := j.Commit(1); err != nil {
		t.Error(err)
	}
	take(b, true)
	j.lock.Release() // a kill

	j, err := OpenJournal(incidenttest.Store(t, dir), incidenttest.Sites, incidenttest.Policy(), slog.New(slog.DiscardHandler), func() time.Time { return incidenttest.T0.Add(time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if left, _ := filepath.Glob(filepath.Join(dir, "*", "*.part")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	take(a, false)
	take(b, true)
	if err := j.Commit(0); err != nil {
		t.Error(err)
	}
	if in := decide(t, j); len(in) != 1 || len(in[0].Members) != 2 {
		t.Errorf("%+v", in)
	}
}

// Of a backlog only what was committed is entered before the end.
func TestBacklogIsEnteredWhenItIsSafe(t *testing.T) {
	j := testJournal(t, incidenttest.FastStore(t, incidenttest.QuickDir(t)))
	defer j.Close()
	const n = 1000
	for i := range n {
		if fresh, err := j.Take(context.Background(), incidenttest.StormAlert(incidenttest.T0.Add(time.Duration(i)*time.Second), i%10), []byte("mail"), false, incidenttest.T0.Add(time.Hour)); !fresh || err != nil {
			t.Fatal(fresh, err)
		}
	}
	if got := len(j.index.seen); got != maxIntake {
		t.Errorf("%d are entered before they are safe, want %d", got, maxIntake)
	}
	if err := j.Commit(0); err != nil {
		t.Fatal(err)
	}
	if got := len(j.index.seen); got != n {
		t.Errorf("%d of %d are entered", got, n)
	}
}
