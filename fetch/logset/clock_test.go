package logset_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/fetch/internal/grabtest"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testrace"
)

var utcTimes = regexp.MustCompile(`UTCTime="[^"]*" ?`)

// TestNightOfDST: when daylight saving ends, the hour from one to two comes
// twice in local time. The offset in the prefix tells them apart, in files whose
// records have no UTCTime too.
func TestNightOfDST(t *testing.T) {
	testrace.Whole(t)
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	change := time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC) // 02:00 EDT is 01:00 EST
	for _, strip := range []bool{false, true} {
		var b bytes.Buffer
		var truth []lab.Record
		_, err := lab.WriteLog(&b, lab.BulkOptions{Since: change.Add(-2 * time.Hour), Until: change.Add(2 * time.Hour), Rate: 1,
			Log: lab.LogConfig{Zone: ny, Odd: -1, WholeSeconds: strip}, Each: func(_ int64, r lab.Record) { truth = append(truth, r) }})
		if err != nil {
			t.Fatal(err)
		}
		log := b.Bytes()
		if strip {
			log = utcTimes.ReplaceAll(log, nil)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "network_log"), log, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, linear := range []int64{0, 1 << 30} {
			defer logset.SetLinearBelow(linear)()
			for _, since := range []time.Duration{-70 * time.Minute, -10 * time.Minute, 20 * time.Minute, 55 * time.Minute} {
				w := evidence.NewWindow(change.Add(since), change.Add(since+20*time.Minute))
				g := grabtest.New(t, dir, &conntest.Local{})
				row, err := g.Pass(t.Context(), w, nil)
				if err != nil || row.Coverage != evidence.Complete {
					t.Fatalf("%v %+v", err, row)
				}
				got := grabtest.Slice(t, g, "network_log")
				want, rest := 0, got
				for _, r := range truth { // the slice has them in the order of the file
					at := r.Time
					if strip {
						at = r.Prefix
					}
					if w.Contains(at) {
						want++
						i := strings.Index(rest, r.Marker)
						if i < 0 {
							t.Errorf("strip %v, since %v: the record of %v is missing", strip, since, at)
							break
						}
						rest = rest[i:]
					}
				}
				if want == 0 || row.Files[0].Records > int64(want)+12 {
					t.Errorf("strip %v, since %v: %d records, want %d", strip, since, row.Files[0].Records, want)
				}
			}
		}
	}
}

// TestClockLeaps: a clock that leaps back by ten minutes writes the same minutes
// twice; both are in the slice, and the row says that a clock was set.
func TestClockLeaps(t *testing.T) {
	dir := t.TempDir()
	now := time.Now().UTC().Truncate(time.Second)
	n := 0
	a := fetchtest.Logs(t, filepath.Join(dir, "a"), now.Add(-time.Hour), now.Add(-20*time.Minute), &n)
	b := fetchtest.Logs(t, filepath.Join(dir, "b"), now.Add(-30*time.Minute), now, &n)
	if err := os.WriteFile(filepath.Join(dir, "network_log"), []byte(a+b), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, linear := range []int64{0, 1 << 30} {
		defer logset.SetLinearBelow(linear)()
		g := grabtest.New(t, dir, &conntest.Local{})
		w := evidence.NewWindow(now.Add(-25*time.Minute), now.Add(-22*time.Minute))
		row, err := g.Pass(t.Context(), w, nil)
		if err != nil || len(row.Notes) == 0 {
			t.Fatalf("%v %+v", err, row)
		}
		got := grabtest.Slice(t, g, "network_log")
		size := int64(len(got))
		if in := len(logset.Within(t, []byte(got), 0, size, w)); in != 360 {
			t.Errorf("linear %d: %d records of the window, want 180 twice", linear, in)
		}
	}
}
