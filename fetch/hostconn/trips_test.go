package hostconn_test

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/fetch"
	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
)

// trips is how many round trips a first pass takes until the files are held, and
// how many until it ends.
func trips(t *testing.T, w *fetchtest.World, s *hostconn.Session, m *hostconn.Memory) (held, all int, row evidence.Host, g *fetch.Grab) {
	t.Helper()
	g = newGrab(t, w.Dir, hostconn.Share(s, m))
	held, all, row = tripsTo(t, w, g, 10*time.Minute)
	return held, all, row, g
}

// tripsOf is trips with nothing known of a host's families.
func tripsOf(t *testing.T, w *fetchtest.World, s *hostconn.Session, window time.Duration, families []string) (held, all int, row evidence.Host, g *fetch.Grab) {
	t.Helper()
	g = newGrab(t, w.Dir, hostconn.Share(s, &hostconn.Memory{}))
	g.Host.Families = families
	held, all, row = tripsTo(t, w, g, window)
	return held, all, row, g
}

func tripsTo(t *testing.T, w *fetchtest.World, g *fetch.Grab, window time.Duration) (held, all int, row evidence.Host) {
	t.Helper()
	began := time.Now()
	var at time.Time
	row, err := g.Pass(t.Context(), w.Window(window, 0), func(when time.Time) { at = when })
	if err != nil {
		t.Fatal(err)
	}
	if at.Sub(began)%hostconn.Trip != 0 {
		t.Errorf("held after %v: no whole round trips", at.Sub(began))
	}
	return int(at.Sub(began) / hostconn.Trip), int(time.Since(began) / hostconn.Trip), row
}

// Files that keep their names are held two round trips after the alert, new ones
// in six, and one more per 100 entries of the folder.
func TestRoundTrips(t *testing.T) {
	for _, foreign := range []int{0, 450} {
		t.Run(fmt.Sprint(foreign), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := fetchtest.NewWorld(t)
				for i := range 40 {
					since := time.Duration(41-i) * 30 * time.Second
					w.Put(fmt.Sprintf("network_log.%d", 40-i), w.Text(since, since-30*time.Second), since-30*time.Second)
				}
				w.Put("network_log", w.Text(30*time.Second, 0), 0)
				for i := range foreign {
					os.WriteFile(w.Path(fmt.Sprintf("other_log.%d", i)), nil, 0o600)
				}
				s, end := hostconn.FarSession(t)
				defer end()
				m := &hostconn.Memory{}
				limit := 6 + (41+foreign)/100
				atOnceOld := limit + 2*(40/16) // without any memory there are many new names at once
				held, _, _, g := trips(t, w, s, m)
				if held > atOnceOld {
					t.Errorf("nothing known: held after %d round trips, want at most %d", held, atOnceOld)
				}
				g.Close()

				w.Grow("network_log", w.Text(0, -5*time.Second), -5*time.Second)
				held, _, row, g := trips(t, w, s, m)
				if held != 2 || row.Coverage != evidence.Complete {
					t.Errorf("all names known: held after %d round trips, coverage %s", held, row.Coverage)
				}
				g.Close()

				w.Put("network_log-new", w.Text(-5*time.Second, -10*time.Second), -10*time.Second)
				held, _, _, g = trips(t, w, s, m)
				if held < 3 || held > limit {
					t.Errorf("a new name: held after %d round trips, want at most %d", held, limit)
				}
				g.Close()
				t.Logf("new name among %d entries: %d", 42+foreign, held)
			})
		})
	}
}

// Every name is another file's since it was remembered: what comes is what is there.
func TestKnownNamesMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fetchtest.NewWorld(t)
		w.Put("network_log.2", w.Text(15*time.Minute, 10*time.Minute), 10*time.Minute)
		w.Put("network_log.1", w.Text(10*time.Minute, 5*time.Minute), 5*time.Minute)
		w.Put("network_log", w.Text(5*time.Minute, 10*time.Second), 10*time.Second)
		s, end := hostconn.FarSession(t)
		defer end()
		m := &hostconn.Memory{}
		_, _, _, g := trips(t, w, s, m)
		g.Close()
		for _, move := range [][2]string{{"network_log.2", "network_log.3"}, {"network_log.1", "network_log.2"}, {"network_log", "network_log.1"}} {
			if err := os.Rename(w.Path(move[0]), w.Path(move[1])); err != nil {
				t.Fatal(err)
			}
		}
		w.Put("network_log", w.Text(10*time.Second, 0), 0)
		_, _, row, g := trips(t, w, s, m)
		w.Honest(row, w.Window(10*time.Minute, 0), func(family string) string { return slice(t, g, family) })
		if f := row.Files[0]; row.Coverage != evidence.Complete || f.Records != 660 {
			t.Errorf("%s %+v", row.Coverage, f)
		}
		g.Close()
	})
}

// A name that is known and gone is no gap, and no error.
func TestKnownNameGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fetchtest.NewWorld(t)
		w.Put("network_log.1", w.Text(30*time.Minute, 5*time.Minute), 5*time.Minute)
		w.Put("network_log", w.Text(5*time.Minute, 0), 0)
		s, end := hostconn.FarSession(t)
		defer end()
		m := &hostconn.Memory{}
		h := hostconn.Host{Dir: w.Dir, Families: []string{"network_log"}}
		m.Keep(h, []hostconn.Entry{{Name: "network_log", Size: 1 << 20, MTime: w.Now, Regular: true}, {Name: "network_log.7", Size: 1 << 20, MTime: w.Now, Regular: true}})
		_, _, row, g := trips(t, w, s, m)
		if row.Coverage != evidence.Complete || len(row.Files[0].Missing) > 0 {
			t.Errorf("%+v", row)
		}
		if names := m.Known(h); len(names) != 2 || names[1].Name != "network_log.1" {
			t.Errorf("remembered %+v", names)
		}
		g.Close()
	})
}
