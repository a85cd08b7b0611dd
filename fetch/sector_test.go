package fetch

import (
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/pkg/sftp"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
)

// sector has reads of a file answered as a disk with a bad sector does.
func sector(dir, name string, from, to int64) func(string, []byte, int64) (int, error) {
	return func(of string, b []byte, off int64) (int, error) {
		if of == name && off < to && off+int64(len(b)) > from {
			return 0, &sftp.StatusError{Code: 4}
		}
		f, err := os.Open(dir + "/" + of)
		if err != nil {
			return 0, fs.ErrNotExist
		}
		defer f.Close()
		return f.ReadAt(b, off)
	}
}

// A bad sector in one file costs what that file holds behind it, not the files behind that; it is told,
// and what could be read stays.
func TestBadSector(t *testing.T) {
	for name, want := range map[string][2]time.Duration{"network_log.2": {30 * time.Minute, 20 * time.Minute}, "network_log.1": {20 * time.Minute, 10 * time.Minute}, "network_log": {10 * time.Minute, 0}} {
		w := fetchtest.NewWorld(t)
		w.Put("network_log.2", w.Text(30*time.Minute, 20*time.Minute), 20*time.Minute)
		w.Put("network_log.1", w.Text(20*time.Minute, 10*time.Minute), 10*time.Minute)
		w.Put("network_log", w.Text(10*time.Minute, 0), 0)
		c := &conntest.Hook{ReadAt: sector(w.Dir, name, 40_000, 40_512)}
		g := newGrab(t, w.Dir, c)
		asked := w.Window(29*time.Minute, 0)
		for range 2 {
			row, err := g.Pass(t.Context(), asked, nil)
			if !hostconn.IsAnswer(err) {
				t.Errorf("%s: %v", name, err)
			}
			w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
			m := row.Files[0].Missing
			if len(m) != 1 || m[0].Reason != evidence.ReasonRead || m[0].Since.Before(w.Now.Add(-want[0]-10*time.Second)) || m[0].Until.After(w.Now.Add(-want[1]+10*time.Second)) {
				t.Errorf("%s: missing %v", name, m)
			}
		}
		c.ReadAt = nil
		row, err := g.Pass(t.Context(), asked, nil)
		if err != nil || row.Coverage != evidence.Complete {
			t.Errorf("%s, the disk is well again: %v, %v", name, err, row.Files[0].Missing)
		}
		w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
	}
}
