package fetch

import (
	"testing"
	"time"

	"rtmtgrab/fetch/logset"
)

// A clock is compared with what it was when it was asked for in this grab, not with what it
// was days ago.
func TestCompareClock(t *testing.T) {
	at := time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)
	known := func(d time.Duration) logset.Clock {
		return logset.Clock{Offset: d, Doubt: 100 * time.Millisecond, Known: true}
	}
	for name, tt := range map[string]struct {
		was, is logset.Clock
		after   time.Duration
		want    bool
	}{
		"the same":      {known(0), known(time.Second), time.Minute, false},
		"ahead":         {known(0), known(3 * time.Second), time.Minute, true},
		"back":          {known(time.Hour), known(0), time.Minute, true},
		"not measured":  {known(0), logset.Clock{}, time.Minute, false},
		"nor before":    {logset.Clock{}, known(time.Hour), time.Minute, false},
		"the day after": {known(0), known(time.Hour), 24 * time.Hour, false},
	} {
		s := &state{}
		s.setClock(tt.was, at)
		s.compareClock(tt.was, tt.is, at.Add(tt.after))
		if got := len(s.Leaps) == 1; got != tt.want || got && (s.Leaps[0].AfterMS != tt.is.Offset.Milliseconds() || !s.Leaps[0].Since.Equal(at.Add(-clockAge))) {
			t.Errorf("%s: %+v", name, s.Leaps)
		}
	}
}
