package fetch

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testrace"
)

// chunk is how much of a file is read at once.
const chunk = 4 * 261120

// midConn is a localConn with something to happen before a read of the live file;
// an error is the answer.
type midConn struct {
	conntest.Local
	read     func(off int64, n int) error
	answered func(off int64, n int) // after the read; may be nil
}

type midHandle struct {
	hostconn.Handle
	c *midConn
}

func (c *midConn) Open(ctx context.Context, name string) (hostconn.Handle, error) {
	h, err := c.Local.Open(ctx, name)
	if err != nil || filepath.Base(name) != "network_log" {
		return h, err
	}
	return &midHandle{h, c}, nil
}

func (h *midHandle) ReadAt(b []byte, off int64) (int, error) {
	if err := h.c.read(off, len(b)); err != nil {
		return 0, err
	}
	n, err := h.Handle.ReadAt(b, off)
	if h.c.answered != nil {
		h.c.answered(off, len(b))
	}
	return n, err
}

// ofHead reports whether a read is a look at the head, for which less than all of it may be enough.
func ofHead(off int64, n int) bool { return off == 0 && n <= hostconn.HeadSize }

// A log of which so much is copied that the state is written, and that is copied
// and truncated under the hand meanwhile, with at least as much behind it. What was
// read since is another file's: neither a process that is killed before the head is
// looked at again, nor a connection that is lost then, leaves it to be trusted.
func TestDoubt(t *testing.T) {
	testrace.Without(t)
	for _, how := range []string{"killed", "cut"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			dir, end := t.TempDir(), time.Now().UTC().Truncate(time.Second)
			before := fetchtest.BigLog(t, dir, saveEvery+6<<20, end)
			var after bytes.Buffer
			if _, err := lab.WriteLog(&after, lab.BulkOptions{Since: end, Until: end.Add(time.Minute), Size: saveEvery + 7<<20}); err != nil {
				t.Fatal(err)
			}
			asked := evidence.NewWindow(end.Add(-9*time.Minute), end)
			conn := &midConn{}
			g := newGrab(t, dir, conn)
			var mu sync.Mutex
			var left []string // what a process that was killed then leaves
			truncated := false
			var copying atomic.Bool
			conn.read = func(off int64, n int) error {
				mu.Lock()
				defer mu.Unlock()
				switch {
				case copying.Load() && n == chunk && !truncated:
					truncated = true
					for name, b := range map[string][]byte{"network_log.1": before, "network_log": after.Bytes()} {
						if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
							t.Error(err)
						}
					}
				case truncated && ofHead(off, n) && how == "cut":
					conn.Broken.Store(true)
				case truncated && ofHead(off, n) && len(left) < 2:
					store := t.TempDir()
					if err := os.CopyFS(store, os.DirFS(g.Dir)); err != nil {
						t.Error(err)
					}
					left = append(left, store)
				}
				return nil
			}
			row, err := g.Pass(t.Context(), asked, func(time.Time) { copying.Store(true) })
			if !truncated || (err != nil) != (how == "cut") || how == "killed" && len(left) == 0 {
				t.Fatalf("%v, truncated: %v, %d stores", err, truncated, len(left))
			}
			conn.read = func(int64, int) error { return nil }
			conn.Broken.Store(false)
			fresh := newGrab(t, dir, conn)
			if row, err = fresh.Pass(t.Context(), asked, nil); err != nil || row.Coverage != evidence.Complete {
				t.Fatalf("%v %+v", err, row.Files)
			}
			want := slice(t, fresh, "network_log")
			if how == "cut" {
				left = []string{g.Dir}
			}
			for _, store := range left {
				g := newGrab(t, dir, conn)
				g.Dir = store
				row, err := g.Pass(t.Context(), asked, nil)
				if got := slice(t, g, "network_log"); err != nil || row.Coverage != evidence.Complete || got != want {
					t.Errorf("%v %s: %d bytes, %d are right, equal: %v", err, row.Coverage, len(got), len(want), got == want)
				}
			}
		})
	}
}

// Of a long copy that is cut off, what the head was looked at for since stays.
func TestDoubtIsSettled(t *testing.T) {
	t.Parallel()
	dir, end := t.TempDir(), time.Now().UTC().Truncate(time.Second)
	want := fetchtest.BigLog(t, dir, saveEvery+8<<20, end)
	asked := evidence.NewWindow(end.Add(-20*time.Minute), end)
	conn := &midConn{}
	looked := make(chan struct{})
	var copying, began, seen atomic.Bool
	conn.read = func(off int64, n int) error {
		switch {
		case !copying.Load():
		case n == chunk && off < saveEvery:
			began.Store(true)
		case n == chunk && off > saveEvery+2<<20:
			select {
			case <-looked:
			case <-time.After(patience): // it is never looked at
			}
			conn.Broken.Store(true)
		}
		return nil
	}
	conn.answered = func(off int64, n int) {
		if began.Load() && ofHead(off, n) && seen.CompareAndSwap(false, true) {
			close(looked)
		}
	}
	g := newGrab(t, dir, conn)
	if _, err := g.Pass(t.Context(), asked, func(time.Time) { copying.Store(true) }); err == nil {
		t.Fatal("it was not cut")
	}
	g.Close()
	var again atomic.Int64
	conn = &midConn{read: func(off int64, n int) error {
		if off < saveEvery-1<<20 {
			again.Add(int64(n))
		}
		return nil
	}}
	other := newGrab(t, dir, conn)
	other.Dir = g.Dir
	row, err := other.Pass(t.Context(), asked, nil)
	if err != nil || row.Coverage == evidence.Lost || slice(t, other, "network_log") != string(want) {
		t.Errorf("%v %+v", err, row.Files)
	}
	if n := again.Load(); n > 2<<20 {
		t.Errorf("%d bytes of what was sure were read once more", n)
	}
}

// What was settled, and synced before, is written down while the rest of the copy is
// in doubt; a process that is killed goes on from there.
func TestSettledIsWritten(t *testing.T) {
	dir, now, n := t.TempDir(), time.Now().UTC().Truncate(time.Second), 0
	text := fetchtest.Logs(t, filepath.Join(dir, "network_log"), now.Add(-time.Hour), now, &n)
	g := newGrab(t, dir, &conntest.Local{})
	asked := evidence.NewWindow(now.Add(-2*time.Hour), now)
	if _, err := g.Pass(t.Context(), asked, nil); err != nil {
		t.Fatal(err)
	}
	f := g.store.state.family("network_log")
	h, pc := g.holder.Set("network_log").Files[0], f.Pieces[0]
	c := g.copier(g.aim(asked, now, false), "network_log")
	f.Pieces = nil
	f.doubt()
	f.Pieces = []*extent{pc}
	written := func() int64 {
		other := newGrab(t, dir, nil)
		other.Dir = g.Dir
		if err := other.load(); err != nil {
			t.Fatal(err)
		}
		if f := other.store.state.family("network_log"); len(f.Pieces) > 0 {
			return f.Pieces[0].whole()
		}
		return 0
	}
	if err := g.save(); err != nil {
		t.Fatal(err)
	}
	half := int64(strings.Index(text[len(text)/2:], "\n") + 1 + len(text)/2)
	for _, at := range []struct {
		synced bool
		length int64
		want   int64
	}{{false, half, 0}, {true, half + 50, half}} {
		if c.settle(h, pc, at.length, at.synced); written() < at.want || written() > at.want {
			t.Errorf("%+v: %d bytes are written down", at, written())
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "network_log"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if c.settle(h, pc, int64(len(text)), true); written() != half {
		t.Errorf("after the file was truncated %d bytes are", written())
	}
}
