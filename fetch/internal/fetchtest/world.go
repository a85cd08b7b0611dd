package fetchtest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
)

// A World is a host's folder and all that was ever written into it.
type World struct {
	TB  *testing.T
	Dir string
	Now time.Time
	N   int
	At  map[int]time.Time
}

// NewWorld makes an empty folder.
func NewWorld(t *testing.T) *World {
	return &World{TB: t, Dir: t.TempDir(), Now: time.Now().UTC().Truncate(time.Second), At: map[int]time.Time{}}
}

// Path is a name with the folder.
func (w *World) Path(name string) string { return filepath.Join(w.Dir, name) }

// Text makes a record a second over [now-since, now-until).
func (w *World) Text(since, until time.Duration) string {
	var b strings.Builder
	for at := w.Now.Add(-since); at.Before(w.Now.Add(-until)); at = at.Add(time.Second) {
		b.WriteString(Line(at, w.N))
		w.At[w.N] = at
		w.N++
	}
	return b.String()
}

// Put writes a file that was last changed at now-age.
func (w *World) Put(name, text string, age time.Duration) {
	w.TB.Helper()
	if err := os.WriteFile(w.Path(name), []byte(text), 0o600); err != nil {
		w.TB.Fatal(err)
	}
	w.Touch(name, age)
}

// Touch sets when a file was last changed, at now-age.
func (w *World) Touch(name string, age time.Duration) {
	os.Chtimes(w.Path(name), w.Now.Add(-age), w.Now.Add(-age))
}

// Grow appends to a file as the host does: the handle that is open sees it.
func (w *World) Grow(name, text string, age time.Duration) {
	f, err := os.OpenFile(w.Path(name), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		w.TB.Fatal(err)
	}
	f.WriteString(text)
	f.Close()
	w.Touch(name, age)
}

// Move renames a file.
func (w *World) Move(from, to string) {
	if err := os.Rename(w.Path(from), w.Path(to)); err != nil {
		w.TB.Fatal(err)
	}
}

// Remove unlinks a file.
func (w *World) Remove(name string) {
	if err := os.Remove(w.Path(name)); err != nil {
		w.TB.Fatal(err)
	}
}

// Window is [now-since, now-until).
func (w *World) Window(since, until time.Duration) evidence.Window {
	return evidence.NewWindow(w.Now.Add(-since), w.Now.Add(-until))
}

// Honest checks the one promise that counts: each record of the window is in the
// slice exactly once, or its time is said to be missing.
func (w *World) Honest(row evidence.Host, asked evidence.Window, slice func(family string) string) {
	w.TB.Helper()
	for _, f := range row.Files {
		seen := map[int]int{}
		for _, m := range Marker.FindAllStringSubmatch(slice(f.Family), -1) {
			n, _ := strconv.Atoi(m[1])
			seen[n]++
		}
		lost, twice, some := 0, 0, time.Time{}
		for n, at := range w.At {
			said := false
			for _, m := range f.Missing {
				said = said || !at.Before(m.Since) && at.Before(m.Until)
			}
			if seen[n] > 1 {
				twice++
			}
			if asked.Contains(at) && seen[n] == 0 && !said {
				lost++
				some = at
			}
		}
		if lost > 0 || twice > 0 {
			w.TB.Errorf("%s: coverage %s, missing %v: %d records (one of %v) are not there and not said to be missing, %d are there twice",
				f.Family, f.Coverage, f.Missing, lost, some, twice)
		}
	}
}
