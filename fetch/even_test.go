package fetch

import (
	"context"
	"testing"
	"time"

	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/leap/leaptest"
)

// clocked is a host that tells the time whenever it is asked.
type clocked struct{ *conntest.Local }

func (c clocked) MeasureClock(context.Context) (offset, doubt time.Duration, err error) {
	return c.Offset, 50 * time.Millisecond, nil
}

// TestSetForTheFirstTime: a grab that begins before the clock is set for the first time goes by the right
// time once it is.
func TestSetForTheFirstTime(t *testing.T) {
	for _, redial := range []bool{false, true} {
		w := fetchtest.NewWorld(t)
		w.Put("network_log", w.Text(5*time.Minute, 0), 0)
		const wrong = 20 * 365 * 24 * time.Hour
		conn := clocked{&conntest.Local{Offset: wrong}}
		g := newGrab(t, w.Dir, conn)
		base, now, by := time.Now(), time.Duration(0), -wrong
		g.now = func() time.Time { return leaptest.Leapt(base.Add(now), by) }
		asked := evidence.NewWindow(w.Now.Add(-time.Minute), w.Now.Add(20*time.Second))
		g.Pass(t.Context(), asked, nil)
		by, conn.Offset, now = 0, 0, 30*time.Second
		if redial {
			g.holder.Drop(true)
		}
		w.Grow("network_log", w.Text(0, -25*time.Second), -25*time.Second)
		row, err := g.Pass(t.Context(), asked, nil)
		if err != nil || row.Coverage != evidence.Complete || len(row.ClockSteps) != 0 || *row.ClockOffsetMS != 0 {
			t.Errorf("another line %v: %v, %s, clock %d ms, steps %+v, %+v", redial, err, row.Coverage, *row.ClockOffsetMS, row.ClockSteps, row.Files)
		}
		w.Honest(row, asked, func(family string) string { return slice(t, g, family) })
	}
}

// TestOwnLeap: when this machine's clock is set in the middle of a grab, or the machine sleeps, no
// minute counts as read that had not come yet, and in the end the window is whole.
func TestOwnLeap(t *testing.T) {
	for name, c := range map[string]struct {
		leap, host time.Duration // of this machine's clock, and of the host's as it sees it
		redial     bool
		steps      int
	}{
		"steady":                    {},
		"set forward":               {leap: 2 * time.Hour, host: -2 * time.Hour},
		"set back":                  {leap: -2 * time.Hour, host: 2 * time.Hour},
		"years ahead":               {leap: 26280 * time.Hour, host: -26280 * time.Hour},
		"a day back":                {leap: -24 * time.Hour, host: 24 * time.Hour},
		"slept":                     {leap: 3 * time.Hour},
		"set forward, another line": {leap: 2 * time.Hour, host: -2 * time.Hour, redial: true},
		"set back, another line":    {leap: -2 * time.Hour, host: 2 * time.Hour, redial: true},
		"slept, another line":       {leap: 3 * time.Hour, redial: true},
		"the host's was set":        {host: 5 * time.Minute, steps: 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := fetchtest.NewWorld(t)
			w.Put("network_log", w.Text(5*time.Minute, 0), 0)
			conn := clocked{&conntest.Local{}}
			g := newGrab(t, w.Dir, conn)
			base, now := time.Now(), time.Duration(0)
			leapt := time.Duration(0)
			g.now = func() time.Time { return leaptest.Leapt(base.Add(now), leapt) }
			asked := evidence.NewWindow(w.Now.Add(-time.Minute), w.Now.Add(20*time.Second))
			pass := func() evidence.Host {
				t.Helper()
				row, err := g.Pass(t.Context(), asked, nil)
				if err != nil {
					t.Fatal(err)
				}
				return row
			}
			pass()
			leapt, conn.Offset, now = c.leap, c.host, 5*time.Second
			if c.redial {
				g.holder.Drop(true)
			}
			if row := pass(); c.leap != c.host && c.leap+c.host == 0 && row.Coverage != evidence.Partial {
				t.Errorf("the window is not over: %s, %+v", row.Coverage, row.Files)
			}
			if now = 30 * time.Second; c.leap+c.host == 0 { // what the host has written meanwhile
				w.Grow("network_log", w.Text(0, -25*time.Second), -25*time.Second)
			} else {
				w.Grow("network_log", w.Text(0, -c.leap-25*time.Second), -c.leap-25*time.Second)
			}
			row := pass()
			if len(row.ClockSteps) != c.steps || row.Coverage != evidence.Complete {
				t.Errorf("%s, clock %v, steps %+v, %+v", row.Coverage, *row.ClockOffsetMS, row.ClockSteps, row.Files)
			}
			if c.steps == 0 {
				w.Honest(row, asked, func(family string) string { return slice(t, g, family) })
			}
		})
	}
}
