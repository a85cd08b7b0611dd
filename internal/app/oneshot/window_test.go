package oneshot

import (
	"testing"
	"time"

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
