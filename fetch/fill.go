package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
)

// saveEvery is how many bytes are copied before the state is written to disk again.
const saveEvery = 16 << 20

// A source is the uncompressed contents of a file, and of which.
type source struct {
	io.ReaderAt
	info   *logset.Info
	origin string          // evidence.FromRing; empty: the host
	file   *logset.File    // may turn out to be another while it is read; nil: it cannot
	meter  *hostconn.Meter // in place of the copier's, for what does not come off the host; may be nil
}

// fill copies what of [from, to) of a file is not on disk, and makes it durable.
func (c *copier) fill(ctx context.Context, src source, from, to int64) error {
	for _, l := range c.f.lacking(src.info, src.origin, from, to) {
		e := l.extent
		if e == nil {
			c.f.Seq++
			e = &extent{Name: src.info.Name, Head: src.info.Head, At: src.info.At, Size: src.info.Size, MTime: src.info.MTime, First: src.info.First,
				Offset: l.from, File: fmt.Sprintf("%s.%d.raw", c.f.name, c.f.Seq), From: src.origin}
			c.f.Pieces = append(c.f.Pieces, e)
		}
		e.owner = src.info
		if err := c.extend(ctx, src, e, l.to); err != nil {
			return err
		}
	}
	c.f.wholeTo(src.info, to)
	c.unsaved += to - from
	return c.saveSometimes()
}

// extend appends what lies between an extent's end and to.
func (c *copier) extend(ctx context.Context, src source, e *extent, to int64) error {
	dst, err := c.store.open(e.File, os.O_CREATE|os.O_RDWR)
	if err != nil {
		return err
	}
	// what is past the journaled length is of a pass that never ended
	if err := dst.Truncate(e.Length); err != nil {
		dst.Close()
		return err
	}
	n, err := c.append(ctx, src, e, dst, to)
	if err == nil {
		e.Length, e.Cut = e.Length+n, 0
		return nil
	}
	if n > 0 && !errors.Is(err, hostconn.ErrShort) {
		e.Length += n
		c.store.cutRecord(e)
	}
	return fmt.Errorf("copy %s: %w", evidence.Printable(e.Name, 80), err)
}

// append copies to the end of an extent's file, brings it to the disk and closes it. It
// returns how many bytes are whole.
func (c *copier) append(ctx context.Context, src source, e *extent, dst file, to int64) (int64, error) {
	had, meter := e.Length, c.meter
	if src.meter != nil {
		meter = src.meter
	}
	t := hostconn.NewTransfer(src.ReaderAt, dst, had, e.end(), to)
	if c.f.sure != nil && src.file != nil {
		t.Settle = func(n int64, synced bool) { c.settle(src.file, e, had+n, synced) }
	}
	n, err := t.Run(ctx, src.ReaderAt, meter)
	if syncErr := dst.Sync(); err == nil {
		err = syncErr
	}
	if closeErr := dst.Close(); err == nil {
		err = closeErr
	}
	return n, err
}

// settle looks at the head of a file, of which the first length bytes of an extent were
// copied before: if it is the same they are sure. synced says that they are on disk for
// good: then that is written down. It is called while the copying goes on, which has
// the family until it ends.
func (c *copier) settle(file *logset.File, e *extent, length int64, synced bool) {
	if same, err := file.SameHead(); err != nil || !same {
		return // whoever copies finds out
	}
	now := *e
	now.Length = length
	c.store.cutRecord(&now)
	if i := slices.IndexFunc(c.f.sure, func(o *extent) bool { return o.File == e.File }); i >= 0 {
		c.f.sure[i] = &now
	} else {
		c.f.sure = append(c.f.sure, &now)
	}
	if synced {
		c.save() // an error is the next one's to tell
	}
}

// goBack gives up what of the family is in doubt.
func (c *copier) goBack() {
	for _, e := range c.f.Pieces {
		if !slices.ContainsFunc(c.f.sure, func(o *extent) bool { return o.File == e.File }) {
			os.Remove(c.store.path(e.File)) // it counts no more, with or without its file
		}
	}
	c.f.Pieces, c.f.sure = c.f.sure, nil
}
