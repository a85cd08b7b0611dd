package incident

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/evidence"
)

// During a pause alerts are recorded and start nothing, what is open goes on, and
// the storm that still lasts afterwards opens an incident of its own.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		b := newBench(t, fastStore(t, t.TempDir()))
		j := b.journal()
		stop := b.watch(j)
		take := func() What {
			a := stormAlert(time.Now(), 1)
			b.put(j, a)
			rec, err := b.st.Alert(a.ID)
			if err != nil {
				t.Fatal(err)
			}
			return rec.Sites[0].What
		}
		if got := take(); got != InIncident {
			t.Errorf("before: %s", got)
		}
		time.Sleep(time.Minute)
		if err := b.st.Pause(ctx, Pause{Site: "HQ", From: time.Now(), Until: time.Now().Add(2 * time.Hour), Reason: "upgrade\nto 15", By: "ann"}); err != nil {
			t.Fatal(err)
		}
		for range 2 * 120 {
			if got := take(); got != Paused {
				t.Fatalf("during the pause, at %s: %s", time.Now(), got)
			}
			time.Sleep(30 * time.Second)
		}
		if l := b.list(); len(l) != 1 || l[0].State != Sealed || l[0].Coverage != evidence.Complete {
			t.Errorf("what was open: %+v", l)
		}
		if got := take(); got != InIncident { // it has ended by itself
			t.Errorf("after: %s", got)
		}
		time.Sleep(time.Hour)
		stop()
		if l := b.list(); len(l) != 2 {
			t.Errorf("%+v", l)
		}
		list, err := b.st.ListAlerts()
		if err != nil || !strings.Contains(list[1].Sites[0].Why, "by ann: upgrade") || strings.Contains(list[1].Sites[0].Why, "\n") {
			t.Errorf("%+v, %v", list[1], err)
		}
		j = b.journal() // paused ones stay what they are
		defer j.Close()
		if in, err := j.Decide(time.Now()); err != nil || len(in) != 0 {
			t.Errorf("%v, %v", in, err)
		}
		if err := j.Prune(time.Now().Add(31 * 24 * time.Hour)); err != nil {
			t.Error(err)
		}
		if _, err := b.st.Alert(list[1].ID); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a paused alert after 31 days: %v", err)
		}
	})
}

func TestPauseAndResume(t *testing.T) {
	ctx := context.Background()
	st := testStore(t, t.TempDir())
	now := t0
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
	for _, bad := range []Pause{{Site: "hq", From: now, Until: now}, {Site: "hq", From: now, Until: now.Add(MaxPause + 1)}} {
		if st.Pause(ctx, bad) == nil {
			t.Errorf("a pause to %s was begun", bad.Until)
		}
	}
	for i, s := range []string{"hq", "west", ""} {
		if err := st.Pause(ctx, Pause{Site: s, From: now, Until: now.Add(time.Duration(i+1) * time.Hour), By: "ann"}); err != nil {
			t.Fatal(err)
		}
	}
	if got := sites(); !slices.Equal(got, []string{"hq", "west", ""}) {
		t.Error(got)
	}
	if _, err := st.Resume(ctx, "HQ", "bob", now); !errors.Is(err, ErrAllPaused) {
		t.Errorf("a site of all that are paused: %v", err)
	}
	now = now.Add(90 * time.Minute)
	if got := sites(); !slices.Equal(got, []string{"west", ""}) {
		t.Error(got)
	}
	if ended, err := st.Resume(ctx, "", "bob", now); err != nil || len(ended) != 2 || ended[0].EndedBy != "bob" {
		t.Error(ended, err)
	}
	if _, err := st.Resume(ctx, "hq", "bob", now); !errors.Is(err, ErrNoPause) {
		t.Error(err)
	}
	if got := sites(); len(got) != 0 {
		t.Error(got)
	}
	if err := os.WriteFile(st.pausesPath(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Pauses(now); err == nil {
		t.Error("a broken file is no error")
	}
	j := testJournal(t, st)
	defer j.Close()
	add(t, j, alertAt(0, "n1", 1))
	if in := decide(t, j); len(in) != 1 {
		t.Error("a broken file of pauses keeps alerts from triggering")
	}
}

// Quiet hours go by the site's clocks: over midnight, and where they are set.
func TestQuiet(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	night := Quiet{From: 22 * time.Hour, To: 6 * time.Hour}
	saturday := Quiet{Days: []time.Weekday{time.Saturday}, From: 22 * time.Hour, To: 6 * time.Hour}
	gap := Quiet{From: 2*time.Hour + 30*time.Minute, To: 5 * time.Hour}
	whole := Quiet{Days: []time.Weekday{time.Sunday}, To: 24 * time.Hour}
	for _, c := range []struct {
		q      Quiet
		at     string // in Berlin
		length time.Duration
	}{
		{night, "2026-03-02T21:59:59+01:00", 0},
		{night, "2026-03-02T22:00:00+01:00", 8 * time.Hour},
		{night, "2026-03-03T05:59:59+01:00", 8 * time.Hour},
		{night, "2026-03-03T06:00:00+01:00", 0},
		{night, "2026-03-29T01:00:00+01:00", 7 * time.Hour}, // set forward at 2
		{night, "2026-03-29T05:59:59+02:00", 7 * time.Hour},
		{night, "2026-10-25T05:00:00+01:00", 9 * time.Hour}, // set back at 3
		{gap, "2026-03-29T04:00:00+02:00", 90 * time.Minute},
		{saturday, "2026-03-07T23:00:00+01:00", 8 * time.Hour},
		{saturday, "2026-03-08T05:00:00+01:00", 8 * time.Hour}, // of Saturday
		{saturday, "2026-03-08T23:00:00+01:00", 0},
		{saturday, "2026-03-07T05:00:00+01:00", 0}, // would be of Friday
		{whole, "2026-03-08T00:00:00+01:00", 24 * time.Hour},
		{whole, "2026-03-29T23:59:59+02:00", 23 * time.Hour},
		{whole, "2026-03-09T00:00:00+01:00", 0},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		from, until, in := c.q.Span(at, berlin)
		if in != (c.length > 0) || until.Sub(from) != c.length {
			t.Errorf("%+v at %s: %v to %v, want %v", c.q, c.at, from.In(berlin), until.In(berlin), c.length)
		}
	}
	s := Site{Name: "hq", TimeZone: "Europe/Berlin", Quiet: []Quiet{{From: 22 * time.Hour, To: 23 * time.Hour}, night}}
	at := time.Date(2026, 3, 2, 22, 30, 0, 0, berlin)
	if got := QuietNow([]Site{s, {Name: "x"}}, at); len(got) != 1 || !got[0].Until.Equal(at.Add(7*time.Hour+30*time.Minute)) || got[0].By != BySchedule {
		t.Errorf("%+v", got)
	}
}

// Pauses that are over do not keep another one from beginning, however many.
func TestManyPauses(t *testing.T) {
	ctx, st := context.Background(), fastStore(t, t.TempDir())
	over := make([]Pause, maxPauses)
	for i := range over {
		over[i] = Pause{From: t0.Add(-2 * time.Hour), Until: t0.Add(time.Hour), Ended: t0.Add(-time.Hour)}
	}
	if err := st.writeJSON(st.pausesPath(), over); err != nil {
		t.Fatal(err)
	}
	if err := st.Pause(ctx, Pause{From: t0, Until: t0.Add(time.Hour)}); err != nil {
		t.Error(err)
	}
	if list, err := st.Pauses(t0); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
}
