package leap

import (
	"testing"
	"time"

	"rtmtgrab/internal/leap/leaptest"
)

const years = 3 * 365 * 24 * time.Hour

func TestBy(t *testing.T) {
	from := time.Now()
	for _, by := range []time.Duration{0, 2 * time.Hour, -2 * time.Hour, years, -24 * time.Hour} {
		now := leaptest.Leapt(from.Add(time.Minute), by)
		if got := By(from, now); got != by {
			t.Errorf("a leap by %v: %v", by, got)
		}
		if got := By(from.Round(0), now); got != 0 {
			t.Errorf("a time from a file tells of a leap by %v", got)
		}
		if got := Even(from, now); !got.Equal(from.Round(0).Add(time.Minute)) {
			t.Errorf("evenly, after a leap by %v: %v", by, got)
		}
		if due := Until(from, from.Round(0).Add(time.Minute)); now.Before(due) || !from.Before(due) {
			t.Errorf("a leap by %v moves what is due in a minute", by)
		}
	}
}

func TestWatch(t *testing.T) {
	w, now, by := Watch{}, time.Now(), time.Duration(0)
	for i, look := range []struct {
		after, leap time.Duration
		want        bool
	}{
		{0, 0, true},
		{time.Hour, 0, true},
		{48 * time.Hour, time.Hour, true}, // that is no age
		{time.Minute, years, false},
		{59 * time.Minute, 0, false},
		{30 * time.Second, -years, false}, // set right
		{59 * time.Minute, 0, false},
		{2 * time.Minute, 0, true},
		{time.Hour, years, false},
		{time.Hour, 0, true}, // it lasts
	} {
		now, by = now.Add(look.after), by+look.leap
		if got := w.Believable(leaptest.Leapt(now, by)); got != look.want {
			t.Errorf("look %d: %v", i, got)
		}
	}
}
