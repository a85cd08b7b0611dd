package incident

import (
	"context"
	"testing"
	"time"
)

// Pauses that are over do not keep another one from beginning, however many.
func TestManyPauses(t *testing.T) {
	ctx, st, t0 := context.Background(), newStore(t), time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)
	over := make([]Pause, maxPauses)
	for i := range over {
		over[i] = Pause{From: t0.Add(-2 * time.Hour), Until: t0.Add(time.Hour), Ended: t0.Add(-time.Hour)}
	}
	if err := st.pausesFile().Save(over); err != nil {
		t.Fatal(err)
	}
	if err := st.Pause(ctx, Pause{From: t0, Until: t0.Add(time.Hour)}); err != nil {
		t.Error(err)
	}
	if list, err := st.Pauses(t0); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
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
