package checkup

import (
	"testing"
	"time"

	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
)

// A ring whose first increment is still being written has no last one, of whatever age.
func TestRingCost(t *testing.T) {
	now := time.Date(2026, 3, 2, 14, 14, 7, 0, time.UTC)
	for want, r := range map[string]evidence.RingFamily{
		"messages: 0 bytes on disk, no increment yet":                                                        {Family: "messages"},
		"messages: 1.0 KiB on disk, reaches back 1 min, to 2026-03-02 14:13:07 UTC, last increment 10 s ago": {Family: "messages", Bytes: 1 << 10, Since: now.Add(-time.Minute), Until: now.Add(-10 * time.Second)},
	} {
		if got := ringCost(r, now, time.UTC); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Where there is a ring it is not advised, and what it holds is not called lost.
func TestShallowWithRing(t *testing.T) {
	now := time.Date(2026, 3, 2, 14, 14, 7, 0, time.UTC)
	f := logset.Depth{Family: "messages", Files: 2, Oldest: now.Add(-10 * time.Minute), Written: now}
	for ring, want := range map[bool]string{
		false: "an alert needs 20 min plus the mail's delay: the start of its window would be lost; shorten window.before, log less at DEBUG, or keep a rolling copy: ring.enabled",
		true:  "an alert needs 20 min plus the mail's delay: the start of its window would be lost, but for what the ring holds; shorten window.before, or log less at DEBUG",
	} {
		if _, _, hint := judgeFamily(f, "/log", 20*time.Minute, now, human.Clock{Zone: time.UTC}, ring); hint != want {
			t.Errorf("%q", hint)
		}
	}
}
