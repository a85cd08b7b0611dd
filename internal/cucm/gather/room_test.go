package gather

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/material"
	"rtmtgrab/internal/lab/cucmlab"
)

// soon has what is tried again be tried soon, for a test.
func soon(t *testing.T) {
	was, every := looks, roomEvery
	t.Cleanup(func() { looks, roomEvery = was, every })
	looks, roomEvery = []time.Duration{0, 20 * time.Millisecond}, 20*time.Millisecond
}

// TestNoRoomForTraces: traces for which there is no room are missing for that reason, whatever it
// is that has none, and come when there is some, long after the looks that others get.
func TestNoRoomForTraces(t *testing.T) {
	for name, full := range map[string]func(g *Gatherer, b *bench, full *atomic.Bool){
		"the reserve": func(g *Gatherer, _ *bench, full *atomic.Bool) {
			g.Room = func(int64) error {
				if full.Load() {
					return errors.New("no room")
				}
				return nil
			}
		},
		"the disk": func(_ *Gatherer, b *bench, full *atomic.Bool) {
			b.store.WriteFile = func(name string, text []byte) error {
				if full.Load() && strings.Contains(name, "material") {
					return syscall.ENOSPC
				}
				return atomicfile.WriteBytes(name, text)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			soon(t)
			_, _, b := traced(t, rand.New(rand.NewPCG(5, 5)), 4)
			var none atomic.Bool
			none.Store(true)
			g := b.gatherer()
			full(g, b, &none)
			logs := b.complete()
			logs.Manifest.Asked = b.in.Asked
			g.Begin(b.in)
			g.Await(t.Context(), b.in, logs)
			waitFor(t, func() bool { return asked(b.lab, cucmlab.LogCollection) > 5*len(cucm.Logs) }) // more looks than two
			sdl := func() (f evidence.File) {
				if s, err := material.Of(b.store, "k").Read(); err == nil && len(s.CUCM) == 1 && len(s.CUCM[0].Nodes) == 1 {
					f = s.CUCM[0].Nodes[0].Files[0]
				}
				return f
			}
			if f := sdl(); name == "the reserve" && (f.Records > 0 || len(f.Missing) == 0 || f.Missing[0].Reason != evidence.ReasonDisk) {
				t.Errorf("%+v", f)
			}
			none.Store(false)
			waitFor(t, func() bool {
				f := sdl()
				return f.Records > 0 && !lacksRoom(evidence.CUCMNode{Files: []evidence.File{f}})
			})
			waitFor(t, func() bool { g.mu.Lock(); defer g.mu.Unlock(); return len(g.jobs) == 0 })
		})
	}
}

// TestNoRoomForNames: names that could not be written down are when there is room.
func TestNoRoomForNames(t *testing.T) {
	soon(t)
	b := newBench(t, cucmlab.Config{Records: []cucmlab.Record{partial("SEP001122334455", "cucm01", time.Now().Add(-time.Minute))}})
	var none atomic.Bool
	none.Store(true)
	b.store.WriteFile = func(name string, text []byte) error {
		if none.Load() && strings.Contains(name, "material") {
			return syscall.ENOSPC
		}
		return atomicfile.WriteBytes(name, text)
	}
	g := b.gatherer()
	g.Begin(b.in)
	g.Await(t.Context(), b.in, b.complete())
	waitFor(t, func() bool { return len(b.lab.Requests()) >= 2 })
	none.Store(false)
	waitFor(t, func() bool { g.mu.Lock(); defer g.mu.Unlock(); return len(g.jobs) == 0 })
	if c, row := b.names(); c.State != evidence.NamesCertain || row == nil || row.Phones != 1 {
		t.Errorf("%+v %+v", c, row)
	}
	if _, queued := material.QueuedOf(b.store, "k"); !queued {
		t.Error("no further revision is queued")
	}
}
