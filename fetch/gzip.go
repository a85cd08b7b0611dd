package fetch

import (
	"context"
	"fmt"
	"os"

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
	size, err := logset.Gunzip(ctx, file, dst, c.meter)
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
	c.store.note("%s could be unpacked only in part (%d bytes): %v", evidence.Printable(file.Name, 80), size, err)
	c.set.Miss(file)
	return nil
}
