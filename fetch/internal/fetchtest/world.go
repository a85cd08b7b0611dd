package fetchtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
)

// a world is a host's folder and all that was ever written into it.
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
