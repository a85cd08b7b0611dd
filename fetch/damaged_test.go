package fetch

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

// A damaged record of what was copied costs no more than copying it anew: it is set aside
// and said, and no byte of before is overwritten.
func TestDamagedState(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"cut":    func(path string) error { return os.Truncate(path, 20) },
		"empty":  func(path string) error { return os.Truncate(path, 0) },
		"folder": func(path string) error { os.Remove(path); return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, now, n := t.TempDir(), time.Now().UTC().Truncate(time.Second), 0
			fetchtest.Logs(t, filepath.Join(dir, "network_log"), now.Add(-2*time.Minute), now, &n)
			asked := evidence.NewWindow(now.Add(-time.Minute), now)
			g := newGrab(t, dir, &conntest.Local{})
			before, err := g.Pass(t.Context(), asked, nil)
			if err != nil || before.Coverage != evidence.Complete {
				t.Fatal(before, err)
			}
			g.Close()
			raws, _ := filepath.Glob(filepath.Join(g.Dir, "*.raw"))
			old, err := os.ReadFile(raws[0])
			if err == nil {
				err = damage(filepath.Join(g.Dir, stateFile))
			}
			if err != nil {
				t.Fatal(err)
			}

			again := newGrab(t, dir, &conntest.Local{})
			again.Dir = g.Dir
			after, err := again.Pass(t.Context(), asked, nil)
			if err != nil || after.Coverage != evidence.Complete || after.Files[0].SHA256 != before.Files[0].SHA256 {
				t.Errorf("%+v %v", after, err)
			}
			if notes := strings.Join(after.Notes, "\n"); !strings.Contains(notes, "damaged on this machine") {
				t.Errorf("notes %q", notes)
			}
			if now, err := os.ReadFile(raws[0]); err != nil || !bytes.Equal(now, old) {
				t.Errorf("what was copied before is changed: %v", err)
			}
			entries, _ := os.ReadDir(g.Dir)
			aside := 0
			for _, e := range entries {
				if atomicfile.IsAside(e.Name()) {
					aside++
				}
			}
			if aside != 1 {
				t.Errorf("%d files set aside, want 1", aside)
			}
		})
	}
}
