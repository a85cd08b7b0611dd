package owner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"rtmtgrab/internal/evidence"
)

// TestRestored: on a hub that was brought back as it was earlier, and on one that was made anew, sites have an owner
// again, and another one when that ends.
func TestRestored(t *testing.T) {
	t.Parallel()
	for name, made := range map[string]bool{"from a copy": false, "made anew": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, js := fleetOf(t)
			a, b := pair(t, s)
			a.start(t.TempDir())
			b.start(t.TempDir())
			all := func(of string) (last evidence.Alert) {
				t.Helper()
				until(t, "the hub is there", func() bool {
					_, err := js.AccountInfo(t.Context())
					return err == nil && a.hub.Load().Down() == nil && b.hub.Load().Down() == nil
				})
				var alerts []evidence.Alert
				for i := range 3 {
					x := alert(fmt.Sprint(of, i))
					alerts = append(alerts, x)
					publish(t, js, x)
					a.take(x)
					b.take(x)
				}
				once(t, alerts, a.st, b.st)
				return alerts[2]
			}
			data, kept := filepath.Join(s.Dir, "js"), filepath.Join(t.TempDir(), "js")
			keep := func() {
				s.Stop()
				if err := os.CopyFS(kept, os.DirFS(data)); err != nil {
					t.Fatal(err)
				}
				s.Start()
			}
			if made {
				keep()
			}
			all("before")
			if !made {
				keep()
			}
			all("later")
			all("lost")
			s.Stop()
			if err := errors.Join(os.RemoveAll(data), os.Rename(kept, data)); err != nil {
				t.Fatal(err)
			}
			s.Start()
			last := all("after")
			end, stays := a, b
			if in, _ := index(t, b.st); in[last.ID] == 1 {
				end, stays = b, a
			}
			end.stop()
			x := alert("alone")
			stays.take(x)
			until(t, "who is left has sealed", func() bool { in, _ := index(t, stays.st); return in[x.ID] == 1 })
		})
	}
}
