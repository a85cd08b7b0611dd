package triage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
)

func TestPauseAndResume(t *testing.T) {
	ctx := context.Background()
	st := incidenttest.Store(t, t.TempDir())
	now := incidenttest.T0
	sites := func() (got []string) {
		t.Helper()
		list, err := st.Pauses(now)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list {
			got = append(got, p.Site)
		}
		return got
	}
	for _, bad := range []incident.Pause{{Site: "hq", From: now, Until: now}, {Site: "hq", From: now, Until: now.Add(incident.MaxPause + 1)}} {
		if st.Pause(ctx, bad) == nil {
			t.Errorf("a pause to %s was begun", bad.Until)
		}
	}
	for i, s := range []string{"hq", "west", ""} {
		if err := st.Pause(ctx, incident.Pause{Site: s, From: now, Until: now.Add(time.Duration(i+1) * time.Hour), By: "ann"}); err != nil {
			t.Fatal(err)
		}
	}
	if got := sites(); !slices.Equal(got, []string{"hq", "west", ""}) {
		t.Error(got)
	}
	if _, err := st.Resume(ctx, "HQ", "bob", now); !errors.Is(err, incident.ErrAllPaused) {
		t.Errorf("a site of all that are paused: %v", err)
	}
	now = now.Add(90 * time.Minute)
	if got := sites(); !slices.Equal(got, []string{"west", ""}) {
		t.Error(got)
	}
	if ended, err := st.Resume(ctx, "", "bob", now); err != nil || len(ended) != 2 || ended[0].EndedBy != "bob" {
		t.Error(ended, err)
	}
	if _, err := st.Resume(ctx, "hq", "bob", now); !errors.Is(err, incident.ErrNoPause) {
		t.Error(err)
	}
	if got := sites(); len(got) != 0 {
		t.Error(got)
	}
	if err := os.WriteFile(filepath.Join(st.Dir, "pauses.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Pauses(now); err == nil {
		t.Error("a broken file is no error")
	}
	j := testJournal(t, st)
	defer j.Close()
	add(t, j, incidenttest.AlertAt(0, "n1", 1))
	if in := decide(t, j); len(in) != 1 {
		t.Error("a broken file of pauses keeps alerts from triggering")
	}
}
