package fetch

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/ring"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

// ringWait is for the ring's part when the pass has ended already.
const ringWait = 30 * time.Second

// ringUse is what a Grab knows of its host's ring.
type ringUse struct {
	cut   evidence.Window              // for which it was taken
	conn  hostconn.Conn                // on which
	last  map[string]int64             // family -> number of the last entry then
	spans map[string][]evidence.Window // family -> what the ring had whole then, in the collector's time
	taken bool                         // in the pass under way
	costs []evidence.RingFamily
}

// takeRing copies what the ring has of the window and is not on disk. It does so once
// for a connection and a window: what comes later is the host's to give.
func (g *Grab) takeRing(ctx context.Context, asked evidence.Window) error {
	a, conn := g.aim(asked, time.Time{}, false), g.holder.Conn()
	if g.Ring == "" || g.ring.conn != nil && g.ring.conn == conn && g.ring.cut == a.cut {
		g.ring.taken = true
		return nil
	}
	if g.ring.last == nil || g.ring.cut != a.cut {
		g.ring.last, g.ring.spans = map[string]int64{}, map[string][]evidence.Window{}
	}
	g.ring.costs = nil
	for _, name := range g.Host.Families {
		err := g.takeRingOf(ctx, g.copier(a, name))
		if atomicfile.Full(err) || err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil {
			g.store.note("the ring of %s could not be used: %v", name, err)
		}
	}
	g.ring.cut, g.ring.conn, g.ring.taken = a.cut, conn, true
	return nil
}

// takeRingOf takes one family out of the ring.
func (g *Grab) takeRingOf(ctx context.Context, c *copier) error {
	name := c.f.name
	l, err := ring.Open(filepath.Join(g.Ring, name))
	if err != nil {
		return err
	}
	defer l.Close()
	if l.Empty() || c.f.RingBad {
		return nil
	}
	g.ring.costs = append(g.ring.costs, l.Cost(name))
	last := l.Last()
	if g.ring.last[name] == last {
		return nil
	}
	if err := c.copyRing(ctx, l); err != nil {
		return err
	}
	if n := l.Damaged(); n > 0 {
		g.store.note("%d frames of the ring of %s are damaged or missing; they were left out", n, name)
	}
	g.ring.spans[name], g.ring.last[name] = l.Spans(c.clock.Offset), last
	return nil
}

// joinRing ends a pass: what the ring has is taken if the pass did not come so far,
// for the host was not reached, and what it covers is written down.
func (g *Grab) joinRing(ctx context.Context, asked evidence.Window, err error) error {
	if g.Ring == "" {
		return err
	}
	defer func() { g.ring.taken = false }()
	var fail error
	if err != nil && !g.ring.taken {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ringWait)
		defer cancel()
		g.clockOfRing()
		fail = g.takeRing(ctx, asked)
	}
	for _, name := range g.Host.Families {
		g.coverRing(g.store.state.family(name), asked)
	}
	return errors.Join(err, fail, g.save())
}

// clockOfRing takes the host's clock from the ring if it was never measured here.
func (g *Grab) clockOfRing() {
	for _, name := range g.Host.Families {
		if g.store.state.Clock != nil {
			return
		}
		l, err := ring.Open(filepath.Join(g.Ring, name))
		if err != nil {
			continue // takeRing says it
		}
		if clock := l.Clock(); clock.Known {
			g.store.state.setClock(clock, g.clock())
		}
		l.Close()
	}
}

// coverRing cuts what the ring ends with to whole records, where nothing goes on from
// there, and notes what of asked it covers.
func (g *Grab) coverRing(f *family, asked evidence.Window) {
	var torn time.Time // host's time of the first record that is not whole
	for _, e := range f.Pieces {
		if e.From != evidence.FromRing || e.Length == 0 {
			continue
		}
		if e.Cut = 0; !e.Open || f.goesOn(e) {
			continue
		}
		if t := g.store.cutRecord(e); torn.IsZero() || t.Before(torn) {
			torn = t
		}
	}
	if f.RingBad {
		return
	}
	for _, w := range g.ring.spans[f.name] {
		if t := torn.Add(-g.store.state.clock().Offset); !torn.IsZero() && t.Before(w.Until) {
			w.Until = t
		}
		f.Ring = covering(f.Ring, w, asked)
	}
}
