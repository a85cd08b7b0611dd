package share

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/incident/runner"
)

// fill leaves no room in the bucket.
func (w *world) fill() {
	w.t.Helper()
	s, err := w.js.Stream(w.t.Context(), "KV_"+fleet.ShareBucket)
	if err != nil {
		w.t.Fatal(err)
	}
	info, err := s.Info(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	c := info.Config
	c.MaxBytes = int64(info.State.Bytes)
	if _, err := w.js.UpdateStream(w.t.Context(), c); err != nil {
		w.t.Fatal(err)
	}
}

// TestFullBorrow: what was lent before the hub was full is borrowed all the same, also by who has never lent anything.
func TestFullBorrow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	a, b := w.rig("dmz-a", true, "expc01", "expe01"), w.rig("dmz-b", true, "expc01")
	c := w.rig("dmz-c", true)
	a.begin()
	until(t, "it is lent whole", func() bool { return a.stands() && lentWhole(w, c, "expe01") && lentWhole(w, c, "expc01") })
	a.stop() // it is gone
	w.fill()
	b.begin()
	b.act.Store(runner.ActSeal)
	until(t, "the other has sealed", b.sealed)
	if m := b.manifest(); m.Coverage != evidence.Complete {
		t.Errorf("%s: %+v", m.Coverage, m.Hosts)
	}
}

// TestFullStale: what an earlier life has left on a hub that is full is removed, though not all that is to be removed can be.
func TestFullStale(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	a, b := w.rig("dmz-a", true, "expc01", "expe01"), w.rig("dmz-b", true)
	life := func() (end func()) {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			for ctx.Err() == nil {
				_ = a.lender.Run(ctx, a.hub.Load())
				_ = rest(ctx, a.lender.pace(lookEvery))
			}
		})
		return func() { cancel(); wg.Wait() }
	}
	a.hear()
	end := life()
	until(t, "it is lent whole", func() bool { return a.stands() && lentWhole(w, b, "expe01") && lentWhole(w, b, "expc01") })
	end()
	before := w.there("dmz-a")
	w.fill()
	defer life()()
	until(t, "no part of the earlier life is left", func() bool {
		return !slices.ContainsFunc(w.there("dmz-a"), func(key string) bool { return slices.Contains(before, key) && strings.Contains(key, ".part.") })
	})
}
