package fetch

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
)

const (
	fromRing = "ring"           // held.origin, piece.From and evidence.Source.From
	overlap  = 64 << 10         // bytes by which the ring and the host are compared
	ringWait = 30 * time.Second // for the ring's part when the pass has ended already
)

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
	cut := g.cut(asked)
	if g.Ring == "" || g.ring.conn != nil && g.ring.conn == g.conn && g.ring.cut == cut {
		g.ring.taken = true
		return nil
	}
	if g.ring.last == nil || g.ring.cut != cut {
		g.ring.last, g.ring.spans = map[string]int64{}, map[string][]evidence.Window{}
	}
	g.ring.costs = nil
	for _, name := range g.Host.Families {
		err := g.ringFamily(ctx, name, cut)
		if atomicfile.Full(err) || err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil {
			g.note("the ring of %s could not be used: %v", name, err)
		}
	}
	g.ring.cut, g.ring.conn, g.ring.taken = cut, g.conn, true
	return nil
}

// ringFamily takes one family out of the ring.
func (g *Grab) ringFamily(ctx context.Context, name string, cut evidence.Window) error {
	f := g.state.family(name)
	l, err := openRing(filepath.Join(g.Ring, name))
	if err != nil {
		return err
	}
	defer l.Close()
	if len(l.entries) == 0 || f.RingBad {
		return nil
	}
	g.ring.costs = append(g.ring.costs, l.cost(name))
	last := l.entries[len(l.entries)-1].N
	if g.ring.last[name] == last {
		return nil
	}
	u, err := newUnpacker()
	if err != nil {
		return err
	}
	defer u.close()
	carry := true
	for _, r := range l.parts() {
		if carry, err = g.ringPart(ctx, f, l, u, r, cut, carry); err != nil {
			return err
		}
	}
	if n := l.damaged(); n > 0 {
		g.note("%d frames of the ring of %s are damaged or missing; they were left out", n, name)
	}
	g.ring.spans[name], g.ring.last[name] = l.spans(g.state.offset()), last
	return nil
}

// compareRing compares the end of what was taken out of the ring of a file with what
// src, the host's own file, has there. If they differ the ring's part goes, and the
// host's is taken. A file that agrees, or that has no such part, costs nothing more.
func (g *Grab) compareRing(f *family, h *File, src io.ReaderAt) error {
	size := max(h.Size, h.Unpacked)
	for _, pc := range f.of(h) {
		end := min(pc.Offset+pc.Length, size)
		n := min(end-pc.Offset, overlap)
		if pc.From != fromRing || pc.agrees || n <= 0 {
			continue
		}
		ours, err := g.sumAt(pc, end-n-pc.Offset, n)
		if err != nil {
			return err
		}
		b := make([]byte, n)
		if err := hostconn.ReadFull(src, b, end-n); errors.Is(err, hostconn.ErrShort) {
			continue // truncated meanwhile: whoever copies finds out
		} else if err != nil {
			return err
		}
		if pc.agrees = sha256.Sum256(b) == ours; !pc.agrees {
			g.dropRing(f, h)
			return nil
		}
	}
	return nil
}

// sumAt is the hash of n bytes at off of a piece on disk.
func (g *Grab) sumAt(pc *extent, off, n int64) (sum [sha256.Size]byte, err error) {
	file, err := os.Open(g.path(pc.File))
	if err != nil {
		return sum, err
	}
	defer file.Close()
	b := make([]byte, n)
	if err := hostconn.ReadFull(file, b, off); err != nil {
		return sum, err
	}
	return sha256.Sum256(b), nil
}

// dropRing gives up what was taken of a file out of the ring, and what the ring says
// of the family.
func (g *Grab) dropRing(f *family, h *File) {
	g.note("the ring's copy of %s does not agree with the host's %s: it was left out", f.name, evidence.Printable(h.Name, 80))
	ours := f.of(h)
	f.Pieces = slices.DeleteFunc(f.Pieces, func(pc *extent) bool {
		gone := pc.From == fromRing && slices.Contains(ours, pc)
		if gone {
			os.Remove(g.path(pc.File)) // it counts no more, with or without its file
		}
		return gone
	})
	f.RingBad, f.Ring = true, nil
	delete(g.ring.spans, f.name)
}
