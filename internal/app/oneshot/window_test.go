package oneshot

import (
	"math"
	"testing"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/wiring"
)

func TestParseTime(t *testing.T) {
	ny := wiring.ZoneNamed("America/New_York")
	utc := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, tt := range []struct{ in, now, want string }{
		{"2026-03-02T14:14:07Z", "2026-03-02T15:00:00Z", "2026-03-02T14:14:07Z"},
		{"2026-03-02T09:14:07", "2026-03-02T15:00:00Z", "2026-03-02T14:14:07Z"},
		{"09:14", "2026-03-02T15:00:00Z", "2026-03-02T14:14:00Z"},
		{"11:00", "2026-03-02T15:00:00Z", "2026-03-01T16:00:00Z"}, // still to come today: yesterday's
		{"01:30", "2026-11-01T07:00:00Z", "2026-11-01T06:30:00Z"}, // 02:00 EST: the second 01:30
		{"01:30", "2026-11-01T06:10:00Z", "2026-11-01T05:30:00Z"}, // 01:10 EST: the first
		{"02:30", "2026-03-08T12:00:00Z", "2026-03-07T07:30:00Z"}, // there was none that day
		{"24:00", "2026-03-08T12:00:00Z", ""},
		{"2026-03-08T02:30:00", "2026-03-09T12:00:00Z", ""}, // there was none
		{"2026-11-01T01:30:00", "2026-11-02T12:00:00Z", ""}, // there were two
		{"2026-11-01T01:30", "2026-11-02T12:00:00Z", ""},
		{"2026-11-01T01:30:00-05:00", "2026-11-02T12:00:00Z", "2026-11-01T06:30:00Z"},
		{"2026-11-01T02:00:00", "2026-11-02T12:00:00Z", "2026-11-01T07:00:00Z"},
		{"2026-11-01T00:59:59", "2026-11-02T12:00:00Z", "2026-11-01T04:59:59Z"},
		{"2026-03-02T9:14:07", "2026-03-02T15:00:00Z", "2026-03-02T14:14:07Z"},
		{"2026-03-02T09:14:07.25", "2026-03-02T15:00:00Z", "2026-03-02T14:14:07.25Z"},
		{"2026-11-01T1:30", "2026-11-02T12:00:00Z", ""},
		{"yesterday", "2026-03-08T12:00:00Z", ""},
	} {
		got, err := ParseTime(tt.in, utc(tt.now), ny)
		if tt.want == "" {
			if err == nil {
				t.Errorf("%s: %v", tt.in, got)
			}
			continue
		}
		if err != nil || !got.Equal(utc(tt.want)) {
			t.Errorf("%s at %s: %v %v, want %s", tt.in, tt.now, got.UTC(), err, tt.want)
		}
	}
}

// TestLongWaits: whoever may ask the watcher for a grab must not have it wait for ever.
func TestLongWaits(t *testing.T) {
	day, most := 24*time.Hour, time.Duration(math.MaxInt64)
	g := &Grab{Zone: time.UTC, before: time.Minute}
	for _, q := range []Request{{Patience: most}, {Patience: day + 1}, {After: day + time.Second}, {After: most}, {After: most, Before: &most}, {Patience: -1}} {
		if w, err := g.window(&q, time.Now()); err == nil {
			t.Errorf("%+v: %v", q, w)
		}
	}
	for _, q := range []Request{{Patience: day}, {After: day - time.Minute}, {At: "2026-01-01T00:00:00Z", After: 3 * day}} {
		if _, err := g.window(&q, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)); err != nil {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if _, err := Retry(t.Context(), &config.Config{}, nil, "", runner.RetryRequest{Patience: most}, Effort{}); advice.Exit(err) != advice.BadUsage {
		t.Errorf("retry: %v", err)
	}
}
