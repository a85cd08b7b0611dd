package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
)

// copyGzip reads a compressed sibling whole, unpacks it beside the slices, and
// takes the window from there. A file that ends early, for it is still being
// written or damaged, gives what can be unpacked.
func (c *copier) copyGzip(ctx context.Context, file *logset.File, carry bool) error {
	name := c.f.name + ".unpacked"
	tmp, err := c.store.open(name, os.O_CREATE|os.O_RDWR|os.O_TRUNC)
	if err != nil {
		return err
	}
	defer os.Remove(c.store.path(name))
	defer tmp.Close()
	if err := c.unpack(ctx, file, tmp); err != nil {
		return err
	}
	plain, err := os.Open(c.store.path(name))
	if err != nil {
		return err
	}
	defer plain.Close()
	e, err := logset.Locate(plain, file.Unpacked, c.cut, c.set.Ref(file.MTime))
	if err != nil {
		return err
	}
	file.First = e.First
	if err := c.fitUnpacked(file, plain, &e); err != nil {
		return err
	}
	if err := c.compareRing(&file.Info, max(file.Size, file.Unpacked), plain); err != nil {
		return err
	}
	if from, to := e.WithPreamble(carry); from < to {
		if err := c.fill(ctx, source{ReaderAt: plain, info: &file.Info, meter: &hostconn.Meter{}}, from, to); err != nil {
			return err
		}
		c.f.seen(&file.Info)
		c.f.asHost(&file.Info)
	}
	file.Found = &e
	return nil
}

// unpack unpacks what can be unpacked, and notes what cannot. hostconn.ErrShort says that
// the file is being written.
func (c *copier) unpack(ctx context.Context, file *logset.File, dst file) error {
	file.Torn = ""
	size, err := logset.Gunzip(ctx, file, dst, c.most/siblingsShare, c.meter)
	file.Unpacked = size
	switch {
	case err == nil:
		return nil
	case !logset.IsGzipFault(err):
		return fmt.Errorf("unpack %s: %w", file.Name, err)
	case file.Grown():
		return hostconn.ErrShort // look again
	case size == 0 && c.set.PlainOf(file):
		return nil
	}
	file.Torn = evidence.ReasonRead
	if errors.Is(err, logset.ErrLarge) {
		file.Torn = evidence.ReasonTooLarge
	}
	c.store.note("%s could be unpacked only in part (%d bytes): %v", evidence.Printable(file.Name, 80), size, err)
	return nil
}

// fitUnpacked leaves out of an unpacked file what there is no room for. That is lost to
// this grab, for the file is not unpacked again.
func (c *copier) fitUnpacked(file *logset.File, plain io.ReaderAt, e *logset.Extent) error {
	next := c.plan.NextFirst(slices.Index(c.plan.Files, file), c.now())
	all := evidence.Window{Since: evidence.Later(c.cut.Since, e.First), Until: evidence.Earlier(c.cut.Until, next)}
	c.f.findAgain(all.Shift(-c.clock.Offset))

	size := e.To - e.From
	may := c.room.take(size)
	if may == size {
		return nil
	}
	k, err := trim([]stretch{{plain, e, c.set.Ref(file.MTime)}}, c.near.Add(c.clock.Offset), may, false)
	for _, s := range k.left(all) {
		c.f.lose(s.Since, s.Until, s.Reason, c.clock.Offset)
	}
	return err
}

// mayUnpackTo is what a compressed log becomes at most as a rule, by what it is.
const mayUnpackTo = 20

// copyNearest copies compressed files in the order of their distance from the alert, if
// there may be no room for all of them: how large they become shows only then.
func (c *copier) copyNearest(ctx context.Context) error {
	var packed []*logset.File
	var most int64
	for _, f := range c.plan.Files {
		if f.Gzip && f.Found == nil {
			packed = append(packed, f)
			most += f.Size * mayUnpackTo
		}
	}
	if len(packed) == 0 || c.noRoom == nil && c.room.has(most) {
		return nil
	}
	near := c.near.Add(c.clock.Offset)
	away := func(f *logset.File) time.Duration { return max(f.First.Sub(near), near.Sub(f.MTime), 0) }
	slices.SortStableFunc(packed, func(a, b *logset.File) int { return cmp.Compare(away(a), away(b)) })
	for _, f := range packed {
		if err := c.copyGzip(ctx, f, true); err != nil && !errors.Is(err, hostconn.ErrShort) { // copy tells of one that is being written
			return err
		}
	}
	return nil
}
