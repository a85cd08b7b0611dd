package fetch

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
)

// NULs in the place of a block of a file are records that were lost, however few blocks
// that are: the row says between which records. A few NULs are part of a record.
func TestNULsWithin(t *testing.T) {
	for size, gap := range map[int]bool{100: false, 4095: false, 4096: true, 60_000: true, 2 << 20: true} {
		dir, now, n := t.TempDir(), time.Now().UTC().Truncate(time.Second), 0
		log := filepath.Join(dir, "network_log")
		fetchtest.Logs(t, log, now.Add(-2*time.Minute), now, &n)
		b, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.LastIndexByte(b[:len(b)*3/4], '\n') + 1 // in the middle of the window
		b = append(b[:at:at], append(make([]byte, size), b[at:]...)...)
		if err := os.WriteFile(log, b, 0o600); err != nil {
			t.Fatal(err)
		}
		row, err := newGrab(t, dir, &conntest.Local{}).Pass(t.Context(), evidence.NewWindow(now.Add(-time.Minute), now), nil)
		if err != nil {
			t.Fatal(err)
		}
		missing := row.Files[0].Missing
		if gap && (len(missing) != 1 || missing[0].Reason != evidence.ReasonRead || missing[0].Until.Sub(missing[0].Since) > 3*time.Second) || !gap && len(missing) > 0 {
			t.Errorf("%d NULs: %s, missing %v", size, row.Coverage, missing)
		}
	}
}
