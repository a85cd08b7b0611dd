package human

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0 s", time.Microsecond: "0 s", 12 * time.Millisecond: "12 ms", 400 * time.Millisecond: "0.4 s", 1234 * time.Millisecond: "1.2 s", 2 * time.Second: "2 s", 20 * time.Second: "20 s",
		10 * time.Minute: "10 min", 61 * time.Second: "1m1s", 2 * time.Hour: "2 h", 90 * time.Minute: "1h30m", 50 * time.Hour: "2d2h", 48*time.Hour + time.Minute: "2 days",
		24 * time.Hour: "1 day", 720 * time.Hour: "30 days", -time.Hour: "-1 h", 9999 * time.Millisecond: "10 s"} {
		if got := Span(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{-1: "-1 bytes", 0: "0 bytes", 1: "1 bytes", 1023: "1023 bytes", 1024: "1.0 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1024.0 KiB",
		5 << 20: "5.0 MiB", 3 << 30: "3.0 GiB", 3 << 40: "3072.0 GiB"} {
		if got := Size(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1 << 30: "1.0 GiB"} {
		if got := ShortSize(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{-time.Second: "in the future", 0: "0 s ago", 1600 * time.Millisecond: "1.6 s ago", 90 * time.Minute: "1h30m ago",
		2 * time.Hour: "2 hours ago", 47*time.Hour + 59*time.Minute: "47 hours ago", 48 * time.Hour: "2 days ago", 1000 * time.Hour: "41 days ago"} {
		if got := Ago(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}

// A foreign clock may be as far away as can be.
func TestExtremes(t *testing.T) {
	for _, d := range []time.Duration{math.MinInt64, math.MinInt64 + 1, math.MaxInt64} {
		if got := strings.TrimPrefix(Span(d), "-"); got != "106751d23h" && got != "106751 days" {
			t.Errorf("%d: %s", d, got)
		}
		if Exactly(d) == "" || Seconds(d) == "" || Ago(d) == "" {
			t.Error(d)
		}
	}
}

func TestDurations(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		0: {"less than a second", "0 ms"}, 999 * time.Millisecond: {"less than a second", "999 ms"}, 1500 * time.Millisecond: {"2s", "1.5 s"},
		3*time.Minute + 53*time.Second + 250400*time.Microsecond: {"3m53s", "3m53.25s"}, 20 * time.Minute: {"20m", "20 min"}, time.Hour: {"1h", "1 h"}, -time.Minute: {"less than a second", "-1 min"},
	} {
		if got := [2]string{Seconds(d), Exactly(d)}; got != want {
			t.Errorf("%v: %q", d, got)
		}
	}
}

func TestWords(t *testing.T) {
	for n, want := range map[int]string{0: "0 phones", 1: "1 phone", 2: "2 phones", 1234: "1234 phones", -1: "-1 phones"} {
		if got := Plural(n, "phone"); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	if got := Dash("") + Dash("x"); got != "-x" {
		t.Error(got)
	}
}

func TestZoneName(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	winter := time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)
	if got := ZoneName(winter, zone) + ZoneName(winter.AddDate(0, 4, 0), zone) + ZoneName(winter, time.UTC); got != "ESTEDTUTC" {
		t.Error(got)
	}
}
