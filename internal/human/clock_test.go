package human

import (
	"strings"
	"testing"
	"time"
)

func newYork(t testing.TB) Clock {
	t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	return Clock{Zone: zone, Near: time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)}
}

func TestClock(t *testing.T) {
	c := newYork(t)
	at := time.Date(2026, 3, 2, 14, 14, 7, 0, time.UTC)
	night := time.Date(2026, 3, 2, 3, 0, 0, 250e6, time.UTC)
	for got, want := range map[string]string{
		c.At(at):                           "2026-03-02 09:14:07 EST (14:14:07 UTC)",
		c.At(night):                        "2026-03-01 22:00:00.250 EST (2026-03-02 03:00:00.250 UTC)",
		c.OfDay(at):                        "09:14:07 EST (14:14:07 UTC)",
		c.Short(at):                        "2026-03-02 09:14:07 EST",
		c.Span(at, at.Add(20*time.Minute)): "2026-03-02 09:14:07 to 09:34:07 EST (14:14:07 to 14:34:07 UTC)",
		Clock{}.At(at):                     "2026-03-02 14:14:07 UTC",
		Clock{Zone: time.UTC}.OfDay(at):    "14:14:07 UTC",
		c.Say("back at 14:14:07 UTC, lost between 14:10:43 and 14:12:23.500 UTC"): "back at 09:14:07 EST (14:14:07 UTC), lost between 09:10:43 and 09:12:23.500 EST (14:10:43 and 14:12:23.500 UTC)",
		c.Say("end at 14:14:07.000 UTC"):                                          "end at 09:14:07.000 EST (14:14:07.000 UTC)",
		c.Say("until 2026-03-02 14:14:07 UTC"):                                    "until 2026-03-02 09:14:07 EST (14:14:07 UTC)",
		c.Say("until 2026-03-02 03:14:07 UTC"):                                    "until 2026-03-01 22:14:07 EST (2026-03-02 03:14:07 UTC)",
		c.Say("at 2026-03-02T14:14:07Z by ann"):                                   "at 2026-03-02 09:14:07 EST (14:14:07 UTC) by ann",
		c.Say("`grab now --at 2026-03-02T14:14:07Z`"):                             "`grab now --at 2026-03-02T14:14:07Z`",
		c.Say(`--at "2026-03-02T14:14:07Z": want 2006-01-02T15:04:05Z, 15:04`):    `--at "2026-03-02T14:14:07Z": want 2006-01-02T15:04:05Z, 15:04`,
		c.Say("20260302T141407Z-hq-3fa2c1"):                                       "20260302T141407Z-hq-3fa2c1",
		Clock{}.Say("at 14:14:07 UTC"):                                            "at 14:14:07 UTC",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// FuzzSay: what was said once stays as it is, and nothing of a sentence is lost.
func FuzzSay(f *testing.F) {
	for _, s := range []string{"back at 14:14:07 UTC.", "2026-03-02 14:10:43 UTC, 14:10:43 to 2026-03-03 00:10:43.123 UTC", "(14:14:07 UTC)", "at 2026-03-02T14:14:07.123456789Z!", "99:99:99 UTC", "0000-01-01 00:00:00 UTC"} {
		f.Add(s)
	}
	c := newYork(f)
	f.Fuzz(func(t *testing.T, s string) {
		said := c.Say(s)
		if again := c.Say(said); again != said {
			t.Errorf("%q becomes %q and then %q", s, said, again)
		}
		if (Clock{}).Say(s) != s {
			t.Errorf("in UTC %q becomes %q", s, Clock{}.Say(s))
		}
		if strings.Count(said, " UTC") < strings.Count(s, " UTC") {
			t.Errorf("%q becomes %q", s, said)
		}
	})
}
