package fetch

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/evidence"
)

// diskOf is a disk of which dir's files take their part.
func diskOf(dir string, room *int64) *diskspace.Reserve {
	const keep = 1 << 30
	return &diskspace.Reserve{Dir: dir, Keep: func() int64 { return keep }, Measure: func(string) (diskspace.Space, error) {
		return diskspace.Space{Free: keep + *room - used(dir), Total: 100 << 30}, nil
	}}
}

func used(dir string) (n int64) {
	filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && filepath.Base(path) != stateFile {
			n += info.Size()
		}
		return nil
	})
	return n
}

// A disk that is full up to its reserve: files are held, what is nearest the alert comes
// first, the reserve is left alone, and all comes when there is room again.
func TestReserve(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []int // as in TestLimit
		near  time.Duration
		room  int64
	}{
		{"one file", []int{}, 10 * time.Minute, 200 << 10},
		{"none at all", []int{25, 12}, 10 * time.Minute, 0},
		{"touched", []int{25, 12}, 10 * time.Minute, -100 << 10},
		{"siblings", []int{40, 25, 12}, 20 * time.Minute, 200 << 10},
		{"compressed siblings", []int{-40, -25, -12}, 2 * time.Minute, 100 << 10},
		{"all sorts", []int{-40, -25, 12, 3}, 8 * time.Minute, 150 << 10},
		{"enough after all", []int{-40, 12}, 8 * time.Minute, 2 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := fetchtest.NewWorld(t)
			since, whole := time.Hour, ""
			for i, age := range append(c.files, 0) {
				until := time.Duration(max(age, -age)) * time.Minute
				name, text := "network_log", w.Text(since, until)
				whole += text
				if age != 0 {
					name = fmt.Sprintf("network_log.%d", len(c.files)-i)
				}
				if age < 0 {
					name, text = name+".gz", string(fetchtest.Zipped(text))
				}
				w.Put(name, text, until)
				since = until
			}
			g := newGrab(t, w.Dir, &conntest.Local{})
			room := c.room
			g.Share = Share{Near: w.Now.Add(-c.near), Reserve: diskOf(g.Dir, &room)}
			asked := w.Window(50*time.Minute, 0)
			if c.room < 1<<20 {
				scarcePasses(t, w, g, asked, c.room)
			}

			// what is held outlives its name
			if err := os.Rename(filepath.Join(w.Dir, "network_log"), filepath.Join(t.TempDir(), "gone")); err != nil {
				t.Fatal(err)
			}
			w.Put("network_log", "", 0)
			if c.room >= 1<<20 {
				return
			}
			room = 1 << 30
			g.Share.Reserve.Renew()
			row, err := g.Pass(t.Context(), asked, nil)
			if err != nil || row.Coverage != evidence.Complete {
				t.Errorf("with room: %v %s %v", err, row.Coverage, row.Files[0].Missing)
			}
			w.Honest(row, asked, func(family string) string { return slice(t, g, family) })
		})
	}
}

// scarcePasses makes passes while there is no room for all.
func scarcePasses(t *testing.T, w *fetchtest.World, g *Grab, asked evidence.Window, room int64) {
	t.Helper()
	var row evidence.Host
	held := 0
	for range 3 { // later passes take nothing away
		before := used(g.Dir)
		var err error
		row, err = g.Pass(t.Context(), asked, func(time.Time) { held++ })
		if !atomicfile.Full(err) {
			t.Fatalf("the error is %v", err)
		}
		if n := used(g.Dir); n > max(room, 0) || n < before {
			t.Errorf("%d bytes are on disk after %d, there is room for %d", n, before, room)
		}
	}
	if held != 3 {
		t.Errorf("held %d times", held)
	}
	w.Honest(row, asked, func(family string) string { return slice(t, g, family) })
	f := row.Files[0]
	if !slices.ContainsFunc(f.Missing, func(s evidence.Span) bool { return s.Reason == evidence.ReasonDisk }) {
		t.Errorf("missing %v", f.Missing)
	}
	if room >= leastCopy && (f.Bytes < room/3 || slices.ContainsFunc(f.Missing, func(s evidence.Span) bool {
		at := g.Share.Near.Add(-30 * time.Second)
		return !at.Before(s.Since) && at.Before(s.Until)
	})) {
		t.Errorf("%d bytes; what is next to the alert is missing: %v", f.Bytes, f.Missing)
	}
}
