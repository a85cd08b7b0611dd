package fetch

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
)

// Whatever times stand in logs and clocks, the row of a host and the state of its grab can
// be written.
func TestForeignTimesAreWritten(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, offset := range []time.Duration{0, -99 * year, 99 * year, -20 * time.Hour} {
		for _, stamp := range []string{"9998-12-31T23:59:59.999+00:00", "9999-12-31T23:59:59.999-12:00", "1970-01-01T00:00:00.000+00:00", "0001-01-01T00:00:00.000+14:00"} {
			w := fetchtest.NewWorld(t)
			line := stamp + " expe01 tvcs: Event=\"x\"\n"
			w.Put("network_log.2", line+w.Text(40*time.Minute, 20*time.Minute)+line, 20*time.Minute)
			w.Put("network_log.1", strings.Repeat("\x00", 300<<10)+line, 10*time.Minute)
			w.Put("network_log", w.Text(10*time.Minute, 5*time.Minute)+line+strings.Repeat("\x00", 300<<10)+line+w.Text(5*time.Minute, 0)+line, 0)
			g := newGrab(t, w.Dir, &conntest.Local{Offset: offset})
			asked := w.Window(30*time.Minute, 0)
			row, err := g.Pass(t.Context(), asked, nil)
			if err != nil {
				t.Fatalf("%s, clock %v: %v", stamp, offset, err)
			}
			if _, err := json.Marshal(row); err != nil {
				t.Errorf("%s, clock %v: %v", stamp, offset, err)
			}
			if offset == 0 {
				w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
			}
		}
	}
}

// A clock that is years from the files' times is not the one by which they are written.
func TestStrangeClock(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, offset := range []time.Duration{200 * year, 3 * year, -3 * year, 48 * time.Hour} {
		w := fetchtest.NewWorld(t)
		w.Put("network_log.1", w.Text(40*time.Minute, 10*time.Minute), 10*time.Minute)
		w.Put("network_log", w.Text(10*time.Minute, 0), 0)
		g := newGrab(t, w.Dir, &conntest.Local{Offset: offset})
		asked := w.Window(20*time.Minute, 0)
		row, err := g.Pass(t.Context(), asked, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
		if m := row.Files[0].Missing; len(m) == 0 || m[0].Reason != evidence.ReasonClock {
			t.Errorf("clock %v: %s %v", offset, row.Coverage, m)
		}
	}
}
