package fetch

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/fetch/admission"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
)

// crowded has others stand before this test at both controllers, which are saturated.
func crowded(t *testing.T, others int) {
	full := func() bool { return true }
	holding.Saturated, looking.Saturated = full, full
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		all.Wait()
		synctest.Wait() // timers that have just gone off
		holding, looking = admission.Controller{}, admission.Controller{}
	})
	for range others {
		for _, d := range []*admission.Controller{&holding, &looking} {
			all.Go(func() {
				if release, err := d.Acquire(ctx); err == nil {
					defer release()
					<-ctx.Done() // and is slow
				}
			})
		}
	}
	synctest.Wait()
}

// What is written while a host waits for its turn to be held counts as had: it is held after that.
func TestHeldWhenItsTurnComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fetchtest.NewWorld(t)
		w.Put("network_log", w.Text(10*time.Minute, 0), 0)
		crowded(t, 100)
		asked := evidence.NewWindow(w.Now.Add(-5*time.Minute), time.Now().Add(500*time.Millisecond))
		row, err := newGrab(t, w.Dir, &conntest.Local{}).Pass(t.Context(), asked, nil)
		if err != nil || row.Coverage != evidence.Complete {
			t.Errorf("%s, %v: missing %v", row.Coverage, err, row.Files)
		}
	})
}

// Who is cancelled while it waits, at whichever controller, is gone at once and keeps nobody waiting.
func TestCancelledWhileWaiting(t *testing.T) {
	for _, after := range []time.Duration{0, 100 * time.Millisecond, time.Second, 1600 * time.Millisecond, 2 * time.Second, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := fetchtest.NewWorld(t)
			w.Put("network_log", w.Text(10*time.Minute, 0), 0)
			crowded(t, 100)
			gone := errors.New("gone")
			ctx, cancel := context.WithTimeoutCause(t.Context(), after, gone)
			defer cancel()
			began := time.Now()
			row, err := newGrab(t, w.Dir, &conntest.Local{}).Pass(ctx, w.Window(5*time.Minute, 0), nil)
			if took := time.Since(began); err != nil && (!errors.Is(err, gone) || took != after) {
				t.Errorf("after %v, not %v: %v", took, after, err)
			} else if err == nil && row.Coverage != evidence.Complete {
				t.Errorf("within %v: %s", after, row.Coverage)
			}
			row, err = newGrab(t, w.Dir, &conntest.Local{}).Pass(t.Context(), w.Window(5*time.Minute, 0), nil)
			if err != nil || row.Coverage != evidence.Complete {
				t.Errorf("the next: %s, %v", row.Coverage, err)
			}
		})
	}
}

// One that panics while it is held, or looked into, has released its place.
func TestPanicAfterAdmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowded(t, 0)
		w := fetchtest.NewWorld(t)
		w.Put("network_log", w.Text(10*time.Minute, 0), 0)
		for range 100 {
			func() {
				defer func() { recover() }()
				c := &conntest.Hook{OnList: func(int) { panic("after admission") }}
				newGrab(t, w.Dir, c).Pass(t.Context(), w.Window(5*time.Minute, 0), nil)
			}()
		}
		began := time.Now()
		if _, err := newGrab(t, w.Dir, &conntest.Local{}).Pass(t.Context(), w.Window(5*time.Minute, 0), nil); err != nil || time.Since(began) > 0 {
			t.Errorf("it waited for %v: %v", time.Since(began), err)
		}
	})
}

// A host whose log is copied and truncated under the hand looks again at once, whoever waits for admission.
func TestFurtherRoundWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fetchtest.NewWorld(t)
		text := w.Text(10*time.Minute, 0)
		w.Put("network_log", text, 0)
		var lists []time.Time
		var held, cut atomic.Bool
		c := &conntest.Hook{OnList: func(int) { lists = append(lists, time.Now()) }}
		c.ReadAt = func(name string, b []byte, off int64) (int, error) {
			if held.Load() && !cut.Swap(true) {
				w.Put("network_log.1", text, 0)
				w.Put("network_log", w.Text(0, -time.Second), 0)
				crowded(t, 100)
			}
			f, err := os.Open(w.Path(name))
			if err != nil {
				return 0, err
			}
			defer f.Close()
			return f.ReadAt(b, off)
		}
		began := time.Now()
		row, err := newGrab(t, w.Dir, c).Pass(t.Context(), w.Window(5*time.Minute, 0), func(time.Time) { held.Store(true) })
		if err != nil || row.Coverage != evidence.Complete {
			t.Errorf("%s, %v: missing %v", row.Coverage, err, row.Files)
		}
		if took := time.Since(began); len(lists) < 3 || took > 100*time.Millisecond {
			t.Errorf("it has looked at %v, and took %v", lists, took)
		}
	})
}
