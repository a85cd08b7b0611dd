package ring_test

import (
	"strings"
	"testing"
	"time"

	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/fetch/internal/grabtest"
	"rtmtgrab/internal/evidence"
)

// The ring has a file that the host has compressed since. Where they overlap they are
// compared: what agrees is taken from the ring, with the rest from the sibling; of
// what does not the host is believed, also by a sibling that is shorter than what the
// ring has.
func TestRingOverlapsGzip(t *testing.T) {
	for what, spoil := range map[string]func(string) string{
		"agrees":              func(s string) string { return s },
		"another last record": func(s string) string { return s[:len(s)-9] + "y" + s[len(s)-8:] },
		"shorter, and another": func(s string) string {
			s = s[:len(s)-len(fetchtest.Line(time.Now(), 0))*10]
			return s[:len(s)-9] + "y" + s[len(s)-8:]
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := fetchtest.NewWorld(t)
			r := newRing(t, w.Dir, &conntest.Local{})
			old := w.Text(20*time.Minute, 12*time.Minute)
			w.Put("network_log", old, 12*time.Minute)
			step(t, r)
			rest := w.Text(12*time.Minute, 10*time.Minute) // the ring has not seen it
			if what != "agrees" {
				rest = ""
			}
			host := spoil(old) + rest
			live := w.Text(10*time.Minute, 0)
			w.Put("network_log.1.gz", string(fetchtest.Zipped(host)), 10*time.Minute)
			w.Put("network_log", live, 0)
			g := grabtest.New(t, w.Dir, &conntest.Local{})
			g.Ring = r.Dir
			row := passOf(w, g, w.Window(20*time.Minute, 0))
			got, disagrees := grabtest.Slice(t, g, "network_log"), strings.Contains(strings.Join(row.Notes, ";"), "differs from the host's")
			if got != host+live || row.Coverage != evidence.Complete {
				t.Errorf("%d bytes, want %d: %s %+v", len(got), len(host+live), row.Coverage, row.Files[0].Missing)
			}
			if agrees := what == "agrees"; disagrees == agrees || from(row, evidence.FromRing) > 0 != agrees {
				t.Errorf("%d bytes are the ring's: %+v %v", from(row, evidence.FromRing), row.Files[0].Sources, row.Notes)
			}
			if what == "agrees" && (from(row, evidence.FromRing) != int64(len(old)) || from(row, "host") != int64(len(rest+live))) {
				t.Errorf("%+v", row.Files[0].Sources)
			}
		})
	}
}
