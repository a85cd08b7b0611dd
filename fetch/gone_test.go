package fetch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
)

// Files of two families that were cut off are each a gap of their own family; one
// that turns up again is none any more; one at rest that was copied never was.
func TestCutOff(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	offset := time.Duration(0)
	g := newGrab(t, t.TempDir(), &conntest.Local{})
	g.Host.Families = []string{"network_log", "messages"}
	if err := g.load(); err != nil {
		t.Fatal(err)
	}
	g.store.state.Clock = &offset
	cut := evidence.NewWindow(now.Add(-time.Hour), now)
	lost := func(name, head string) *logset.File {
		info := logset.Info{Name: name, Head: []byte(fetchtest.Line(now.Add(-20*time.Minute), 1) + strings.Repeat(head, 100)), Size: 1000, MTime: now.Add(-10 * time.Minute), First: now.Add(-20 * time.Minute)}
		return &logset.File{Info: info, Cut: cut, Looked: now, Found: &logset.Extent{From: 0, To: 500, Size: 1000}, FoundSize: 1000}
	}
	a, b, done := lost("network_log.1", "a"), lost("messages.1", "b"), lost("messages.2", "c")
	m, n := g.store.state.family("messages"), g.store.state.family("network_log")
	g.holder.Set("network_log").Truncated, g.holder.Set("messages").Truncated = []*logset.File{a}, []*logset.File{b, done}
	noteGaps := func(f *family, files ...*logset.File) {
		c := g.copier(&aim{cut: cut, clock: g.store.state.clock(), listed: now}, f.name)
		c.plan = &logset.Plan{Family: f.name, Cut: cut, Files: files}
		c.noteGaps()
	}
	m.Pieces = []*extent{{Name: "messages.2", Head: done.Head, Length: 500, File: "none"}}
	for _, f := range []*family{n, m} {
		noteGaps(f)
		want := evidence.Span{Since: now.Add(-20 * time.Minute), Until: now, Reason: evidence.ReasonVanished}
		if len(f.Lost) != 1 || f.Lost[0] != want {
			t.Errorf("%s: %+v", f.name, f.Lost)
		}
	}
	if left := len(g.holder.Set("network_log").Truncated) + len(g.holder.Set("messages").Truncated); left != 0 {
		t.Errorf("%d are left", left)
	}
	noteGaps(m, lost("messages.5", "b"))
	noteGaps(n, lost("network_log.5", "x"))
	if len(m.Lost) != 0 || len(n.Lost) != 1 {
		t.Errorf("%+v %+v", m.Lost, n.Lost)
	}
	for what, spoil := range map[string]func(*logset.File){
		"the live file":       func(h *logset.File) { h.Name = "messages" },
		"one still written":   func(h *logset.File) { h.MTime = now.Add(-time.Second) },
		"one never located":   func(h *logset.File) { h.Found = nil },
		"one grown since":     func(h *logset.File) { h.Size++ },
		"one of another cut":  func(h *logset.File) { h.Cut = cut.Shift(time.Second) },
		"one copied in part":  func(h *logset.File) { h.Found.To = 501 },
		"one that was copied": func(h *logset.File) {},
	} {
		h := lost("messages.2", "c")
		spoil(h)
		if g.copier(&aim{cut: cut, clock: g.store.state.clock()}, "messages").nothingMissing(h) != (what == "one that was copied") {
			t.Error(what)
		}
	}
}

// A file whose handle leads to nothing any more is a gap, not the end of the pass.
func TestGoneWhileHeld(t *testing.T) {
	dir := t.TempDir()
	now := time.Now().UTC().Truncate(time.Second)
	n := 0
	fetchtest.Logs(t, filepath.Join(dir, "network_log.2"), now.Add(-time.Hour), now.Add(-40*time.Minute), &n)
	fetchtest.Logs(t, filepath.Join(dir, "network_log.1"), now.Add(-40*time.Minute), now.Add(-20*time.Minute), &n)
	fetchtest.Logs(t, filepath.Join(dir, "network_log"), now.Add(-20*time.Minute), now, &n)
	conn := &vanishing{Local: &conntest.Local{}, dir: dir, name: "network_log.1"}
	g := newGrab(t, dir, conn)
	row, err := g.Pass(t.Context(), evidence.NewWindow(now.Add(-50*time.Minute), now), func(time.Time) { conn.vanish(t) })
	want := evidence.Span{Since: now.Add(-40 * time.Minute), Until: now.Add(-20 * time.Minute), Reason: evidence.ReasonVanished}
	if err != nil || len(row.Files[0].Missing) != 1 || row.Files[0].Missing[0] != want || row.Files[0].Records != 30*60 {
		t.Errorf("%v %+v", err, row.Files[0])
	}
}

// vanishing is a localConn that, like commands, cannot read a file without a name.
type vanishing struct {
	*conntest.Local
	dir, name string
}

func (c *vanishing) vanish(t *testing.T) {
	if err := os.Remove(filepath.Join(c.dir, c.name)); err != nil {
		t.Error(err)
	}
}

func (c *vanishing) Open(ctx context.Context, name string) (hostconn.Handle, error) {
	h, err := c.Local.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return &vanishingHandle{h, name}, nil
}

type vanishingHandle struct {
	hostconn.Handle
	name string
}

func (h *vanishingHandle) gone() error {
	if _, err := os.Stat(h.name); err != nil {
		return fmt.Errorf("gone: %w", hostconn.ErrShort)
	}
	return nil
}

func (h *vanishingHandle) ReadAt(b []byte, off int64) (int, error) {
	if err := h.gone(); err != nil {
		return 0, err
	}
	return h.Handle.ReadAt(b, off)
}

func (h *vanishingHandle) Stat() (int64, time.Time, error) {
	if err := h.gone(); err != nil {
		return 0, time.Time{}, err
	}
	return h.Handle.Stat()
}

// rotating is a host on which something happens between the opening of two files.
type rotating struct {
	*conntest.Hook
	first, then string
	after       int // so many listings
	between     func()
	opened      chan struct{} // closed when first is
	once, held  sync.Once
}

func (c *rotating) Open(ctx context.Context, name string) (hostconn.Handle, error) {
	if filepath.Base(name) == c.then {
		<-c.opened
		c.once.Do(c.between)
	}
	h, err := c.Hook.Open(ctx, name)
	if filepath.Base(name) == c.first && c.Lists >= c.after {
		c.held.Do(func() { close(c.opened) })
	}
	return h, err
}

// What was listed, and was another file when it was opened, is said to be missing if no name has it any more.
func TestGoneBetweenListingAndOpening(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log.2", w.Text(5*time.Minute, 3*time.Minute), 3*time.Minute)
	w.Put("network_log.1", w.Text(3*time.Minute, time.Minute), time.Minute)
	w.Put("network_log", w.Text(time.Minute, 30*time.Second), 30*time.Second)
	conn := &rotating{Hook: &conntest.Hook{}, first: "network_log.2", then: "network_log.1", opened: make(chan struct{})}
	conn.between = func() { // two rotations, of which each forgets a file
		w.Move("network_log", "network_log.2")
		w.Put("network_log.1", w.Text(30*time.Second, 20*time.Second), 20*time.Second)
		w.Put("network_log", w.Text(20*time.Second, 0), 0)
	}
	g := newGrab(t, w.Dir, conn)
	asked := w.Window(4*time.Minute, 0)
	row := passOf(w, g, asked)
	w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
	if row.Coverage == evidence.Complete {
		t.Errorf("%+v", row.Files)
	}
}

// A name that another file has when it is opened, not shorter and held already, hides the one that was
// listed: that one is looked for under other names, and is a gap if none has it.
func TestShiftedBetweenListingAndOpening(t *testing.T) {
	for _, forgotten := range []bool{false, true} {
		w := fetchtest.NewWorld(t)
		w.Put("network_log.1", w.Text(5*time.Minute, 4*time.Minute), 4*time.Minute)
		w.Put("network_log", w.Text(4*time.Minute, 2*time.Minute), 2*time.Minute)
		conn := &rotating{Hook: &conntest.Hook{}, first: "network_log", then: "network_log.2", after: 2, opened: make(chan struct{})}
		conn.Listed = func(n int) {
			if n == 1 {
				w.Move("network_log.1", "network_log.2")
				w.Move("network_log", "network_log.1")
				w.Put("network_log", w.Text(2*time.Minute, 30*time.Second), 30*time.Second)
			}
		}
		conn.between = func() {
			if w.Move("network_log.2", "network_log.3"); forgotten {
				w.Remove("network_log.3")
			}
			w.Move("network_log.1", "network_log.2")
			w.Move("network_log", "network_log.1")
			w.Put("network_log", w.Text(30*time.Second, 0), 0)
		}
		g := newGrab(t, w.Dir, conn)
		asked := w.Window(5*time.Minute-time.Second, 0)
		row := passOf(w, g, asked)
		w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
		if n := strings.Count(slice(t, g, "network_log"), "\n"); n < 290 != forgotten {
			t.Errorf("forgotten %v: %d records of 299, %+v", forgotten, n, row.Files)
		}
	}
}

// A rotated file that is still written for a moment is none that is missing.
func TestRotatedAndStillWritten(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log.2", w.Text(5*time.Minute, 4*time.Minute), 4*time.Minute)
	w.Put("network_log.1", w.Text(4*time.Minute, 30*time.Second), 30*time.Second)
	w.Put("network_log", w.Text(20*time.Second, 0), 0)
	conn := &rotating{Hook: &conntest.Hook{}, first: "network_log", then: "network_log.1", opened: make(chan struct{})}
	conn.between = func() { w.Grow("network_log.1", w.Text(30*time.Second, 20*time.Second), 20*time.Second) }
	g := newGrab(t, w.Dir, conn)
	asked := w.Window(4*time.Minute, 0)
	row := passOf(w, g, asked)
	w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
	if row.Coverage != evidence.Complete || conn.Lists > 2 {
		t.Errorf("listed %d times: %+v", conn.Lists, row.Files)
	}
}
