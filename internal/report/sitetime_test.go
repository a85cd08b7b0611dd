package report

import (
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/registration"
)

func siteOf(zone string, near time.Time) siteClock {
	return newSiteClock(&registration.Report{TimeZone: zone, Phones: []registration.Phone{{Transactions: []registration.Transaction{{At: near}}}}})
}

func said2(spans []span) string {
	var b strings.Builder
	for _, s := range spans {
		b.WriteString(s.Text)
	}
	return strings.ReplaceAll(b.String(), unbroken, " ")
}

// The times of a sentence are the site's, with UTC in brackets.
func TestSay(t *testing.T) {
	winter, night := start, time.Date(2026, 3, 8, 6, 59, 0, 0, time.UTC) // at 07:00 UTC New York's clocks go forward
	for _, c := range []struct {
		zone     string
		near     time.Time
		in, want string
	}{
		{"", winter, "dropped at 14:10:40 UTC", "dropped at 14:10:40 UTC"},
		{"No/Where", winter, "at 14:10:40 UTC", "at 14:10:40 UTC"},
		{"America/New_York", winter, "expc01 -> cucm01 dropped at 14:10:40.123 UTC.", "expc01 → cucm01 dropped at 09:10:40.123 EST (14:10:40.123 UTC)."},
		{"America/New_York", winter, "between 14:10:43 and 14:12:23 UTC after", "between 09:10:43 and 09:12:23 EST (14:10:43 and 14:12:23 UTC) after"},
		{"America/New_York", winter, "2026-03-02 14:10:43 UTC, 14:10:43", "2026-03-02 09:10:43 EST (2026-03-02 14:10:43 UTC), 14:10:43"},
		{"America/New_York", night, "between 06:59:43 and 07:00:10 UTC", "between 01:59:43 EST and 03:00:10 EDT (06:59:43 and 07:00:10 UTC)"},
		{"America/New_York", night, "at 23:59:59 UTC", "at 18:59:59 EST (23:59:59 UTC)"},
		{"America/Sao_Paulo", winter, "at 14:00:00 UTC", "at 11:00:00 UTC-03 (14:00:00 UTC)"},
		{"America/New_York", winter, "at 99:10:40 UTC and 1.2.3.4:14:10:40 UTC", "at 99:10:40 UTC and 1.2.3.4:09:10:40 EST (14:10:40 UTC)"},
	} {
		if got := said2(siteOf(c.zone, c.near).say(c.in)); got != c.want {
			t.Errorf("%s: %q becomes %q, want %q", c.zone, c.in, got, c.want)
		}
	}
}

func TestSiteTimes(t *testing.T) {
	c, evening := siteOf("America/New_York", start), time.Date(2026, 3, 3, 2, 30, 0, 0, time.UTC)
	for got, want := range map[string]string{
		c.both(start):   "2026-03-02 09:00:00.000 EST (14:00:00.000 UTC)",
		c.both(evening): "2026-03-02 21:30:00.000 EST (2026-03-03 02:30:00.000 UTC)",
		c.of(start):     "09:00:00.000 EST (14:00:00.000 UTC)",
		c.window(start, start.Add(20*time.Minute)):                              "2026-03-02 09:00 to 09:20 EST (14:00 to 14:20 UTC)",
		c.window(evening, evening.Add(90*time.Second)):                          "2026-03-02 21:30:00 to 21:31:30 EST (2026-03-03 02:30:00 to 02:31:30 UTC)",
		siteOf("", start).window(start, evening):                                "2026-03-02 14:00 to 2026-03-03 02:30 UTC",
		siteOf("", start).both(start):                                           "2026-03-02 14:00:00.000 UTC",
		c.both((*time.Time)(nil)) + c.of(time.Time{}):                           "",
		said2(mustHead(t, "It dropped (likely).", "likely", c)):                 "It dropped",
		said2(mustHead(t, "It dropped (cannot be told for sure)", "cannot", c)): "It dropped",
		said2(mustHead(t, "It is refused (403 Forbidden).", "", c)):             "It is refused (403 Forbidden).",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func mustHead(t *testing.T, s, sure string, c siteClock) []span {
	t.Helper()
	spans, got := headline(s, c)
	if got == nil && sure != "" || got != nil && got.Key != sure {
		t.Errorf("the confidence of %q is %+v", s, got)
	}
	return spans
}
