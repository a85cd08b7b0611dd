package oneshot

import (
	"errors"
	"fmt"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
)

const longestWindow = 7 * 24 * time.Hour

// window is what the flags ask for.
func (g *Grab) window(f *Request, now time.Time) (evidence.Window, error) {
	at := now
	if f.At != "" {
		var err error
		if at, err = ParseTime(f.At, now, g.Zone); err != nil {
			return evidence.Window{}, fmt.Errorf("--at %q: %w", f.At, err)
		}
	}
	before := g.before
	if f.Before != nil {
		before = *f.Before
	}
	switch {
	case before < 0 || f.After < 0 || f.Patience < 0:
		return evidence.Window{}, errors.New("--before, --after and --patience must not be negative")
	case before+f.After == 0:
		return evidence.Window{}, errors.New("empty window: set --before or --after")
	case at.Year() < 1970:
		return evidence.Window{}, fmt.Errorf("--at %s is before 1970", f.At)
	case before > longestWindow || f.After > longestWindow || before+f.After > longestWindow: // a sum may wrap
		return evidence.Window{}, errors.New("the window is longer than seven days: give less for --before or --after")
	}
	if err := CheckWait("--patience", f.Patience); err != nil {
		return evidence.Window{}, err
	}
	w := evidence.NewWindow(at.Add(-before), at.Add(f.After))
	if w.Since.After(now) {
		return w, fmt.Errorf("the window begins in the future, at %s", human.Clock{Zone: g.Zone}.At(w.Since))
	}
	if err := CheckWait("the time until the window's end", max(0, w.Until.Sub(now))); err != nil {
		return w, err
	}
	return w, nil
}

// ErrForm is that something is no time.
var ErrForm = errors.New("want 2006-01-02T15:04:05Z, 2006-01-02T15:04:05 or 15:04[:05]")

// ParseTime reads RFC 3339, a local time with date, or the last such time of day. A local
// time that there was twice, or not at all, is none: an hour's guess would be a wrong window.
func ParseTime(s string, now time.Time, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return once(t, s, layout)
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		y, m, d := now.In(zone).Date()
		for back := range 3 {
			if at, ok := lastLocal(time.Date(y, m, d-back, t.Hour(), t.Minute(), t.Second(), 0, zone), t, now); ok {
				return at, nil
			}
		}
	}
	return time.Time{}, ErrForm
}

// once is t, which was read from s, if clocks showed that once.
func once(t time.Time, s, layout string) (time.Time, error) {
	said, err := time.Parse(layout, s)
	if err != nil || !wall(t).Equal(said) {
		return t, fmt.Errorf("clocks were set forward then: there was no such time in %s, give another", t.Location())
	}
	for shift := -2 * time.Hour; shift <= 2*time.Hour; shift += 30 * time.Minute {
		if c := t.Add(shift); shift != 0 && wall(c).Equal(said) {
			earlier, later := evidence.Earlier(t, c), evidence.Later(t, c)
			return t, fmt.Errorf("clocks were set back then, and showed it twice in %s: give %s or %s", t.Location(), earlier.Format(time.RFC3339), later.Format(time.RFC3339))
		}
	}
	return t, nil
}

// wall is what clocks show at t, as a time of UTC.
func wall(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// lastLocal is the last moment not after now at which clocks showed the time of day
// of clock, near at: when daylight saving ends an hour comes twice, and when it
// begins one is left out.
func lastLocal(at, clock, now time.Time) (best time.Time, ok bool) {
	for shift := -2 * time.Hour; shift <= 2*time.Hour; shift += 30 * time.Minute {
		c := at.Add(shift)
		same := c.Hour() == clock.Hour() && c.Minute() == clock.Minute() && c.Day() == at.Day()
		if same && !c.After(now) && (!ok || c.After(best)) {
			best, ok = c, true
		}
	}
	return best, ok
}

// Recovery says how to get what comes after a window that ended with its event.
func Recovery(asked evidence.Window, zone *time.Location, now time.Time) string {
	clock := human.Clock{Zone: zone}
	again, when := asked.Until.Add(5*time.Minute).Truncate(time.Second), ""
	if again.After(now) {
		when = " after " + clock.OfDay(again)
	}
	return fmt.Sprintf("the window ends at %s: to see the recovery run this again%s, with --at %s --after 5m", clock.OfDay(asked.Until.Truncate(time.Second)),
		when, asked.Until.Format(time.RFC3339))
}
