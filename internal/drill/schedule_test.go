package drill

import (
	"testing"
	"time"
)

// Drills are due at their time of day in the site's zone, and one that was missed is made
// once, at that time.
func TestNext(t *testing.T) {
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		tm, err := time.ParseInLocation("2006-01-02 15:04", s, ny)
		if err != nil {
			t.Fatal(err)
		}
		return tm
	}
	week := Schedule{Every: 7 * 24 * time.Hour, At: 3 * time.Hour, Zone: ny, Delay: 20 * time.Minute}
	since := at("2026-03-01 12:00")
	for _, c := range []struct{ name, last, now, want string }{
		{"the first one", "", "2026-03-01 12:00", "2026-03-02 03:20"},
		{"due now", "", "2026-03-02 03:25", "2026-03-02 03:20"},
		{"missed since the start", "", "2026-03-02 09:00", "2026-03-03 03:20"},
		{"a week later, in summer time", "2026-03-02 03:20", "2026-03-02 03:21", "2026-03-09 03:20"},
		{"the one before began late", "2026-03-02 06:10", "2026-03-02 06:11", "2026-03-09 03:20"},
		{"missed for an hour", "2026-03-02 03:20", "2026-03-09 04:30", "2026-03-09 03:20"},
		{"missed for six hours", "2026-03-02 03:20", "2026-03-09 09:30", "2026-03-10 03:20"},
		{"missed many times", "2026-03-02 03:20", "2026-06-01 12:00", "2026-06-02 03:20"},
		{"the clock was set back a little", "2026-03-02 03:20", "2026-03-02 03:10", "2026-03-09 03:20"},
		{"the clock was years ahead", "2031-03-02 03:20", "2026-03-01 12:00", "2026-03-02 03:20"},
	} {
		var last time.Time
		if c.last != "" {
			last = at(c.last)
		}
		if got := week.Next(last, since, at(c.now)); !got.Equal(at(c.want)) {
			t.Errorf("%s: %s, want %s", c.name, got.In(ny), c.want)
		}
	}
	if Delay("hq") == Delay("branch") || Delay("hq") >= Spread {
		t.Error(Delay("hq"), Delay("branch"))
	}
}
