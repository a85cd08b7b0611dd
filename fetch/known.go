package fetch

import (
	"context"
	"errors"
	"io"
	"path"
	"sync"
	"time"

	"rtmtgrab/fetch/hostconn"
)

// knownAtOnce is how many files are opened at once whose names are known: that
// many requests wait in line at the host, and none for an answer to another.
const knownAtOnce = 256

// A rememberer is a Conn that knows from before which files there are.
type rememberer interface {
	Remember(h hostconn.Host, entries []hostconn.Entry)
	Recall(h hostconn.Host) []hostconn.Entry
}

// listAndOpen lists the folder. When nothing is held yet the files whose names are
// known are opened beside that, and come with it, once each or more: a name
// may have become another file's meanwhile, so the heads decide what they are. It
// reports when the last of them was held.
func (g *Grab) listAndOpen(ctx context.Context, oldest time.Time) (entries []hostconn.Entry, opened []*File, at time.Time, err error) {
	r, ok := g.conn.(rememberer)
	if !ok {
		entries, err = g.list(ctx)
		return entries, nil, at, err
	}
	var wg sync.WaitGroup
	var lost error
	if known := g.known(r, oldest); len(known) > 0 {
		wg.Go(func() {
			opened, lost = g.openKnown(ctx, known)
			at = g.clock()
		})
	}
	entries, err = g.list(ctx)
	wg.Wait()
	if err = errors.Join(err, lost); err != nil {
		each(len(opened), func(i int) { opened[i].Handle.Close() })
		return nil, nil, at, err
	}
	r.Remember(g.Host, entries)
	return entries, opened, at, nil
}

// known is the files to be opened by their names, in the order of opening.
func (g *Grab) known(r rememberer, oldest time.Time) []hostconn.Entry {
	for _, hs := range g.held {
		if len(hs) > 0 {
			return nil
		}
	}
	return g.unheld(r.Recall(g.Host), oldest)
}

// openKnown opens files by their names. Those that are not there, or cannot be
// read, are passed over: the listing says what there is. An error is a lost connection's.
func (g *Grab) openKnown(ctx context.Context, known []hostconn.Entry) ([]*File, error) {
	files := make([]*File, len(known))
	errs := make([]error, len(known))
	hostconn.Each(len(known), knownAtOnce, func(i int) {
		var f hostconn.Handle
		if f, errs[i] = g.conn.Open(ctx, path.Join(g.Host.Dir, known[i].Name)); errs[i] == nil {
			files[i] = &File{Name: known[i].Name, Handle: f}
		}
	})
	hostconn.Each(len(known), knownAtOnce, func(i int) {
		if files[i] != nil {
			errs[i] = files[i].look(known[i].Size)
		}
	})
	var opened []*File
	var lost error
	for i, h := range files {
		if errs[i] == nil {
			opened = append(opened, h)
			continue
		}
		if !hostconn.IsAnswer(errs[i]) && !errors.Is(errs[i], hostconn.ErrShort) {
			lost = errs[i]
		}
		if h != nil {
			h.Handle.Close()
		}
	}
	return opened, lost
}

// adoptKnown adopts files that were opened beside a listing, and reports whether
// there are any. It does not take the listing for a proof that they are there.
func (g *Grab) adoptKnown(opened []*File, at time.Time) bool {
	if !g.adopt(opened) {
		return false
	}
	for _, h := range opened {
		h.listed = 0
	}
	g.heldAt = at
	return true
}

// start reads size, mtime and the first bytes of a file. hint is how long it was,
// as far as that is known: then all is asked for at once. At least headSize bytes
// come, at most 4 times that, of which a file has so many.
func (h *File) start(hint int64) ([]byte, error) {
	var raw []byte
	var readErr error
	var wg sync.WaitGroup
	if hint > 0 && hostconn.Unit(h.Handle, 0) == 0 { // where a read is a command it knows the size with the first bytes
		b := make([]byte, min(hint, 4*hostconn.HeadSize)) // no more: a read beyond the end costs another round trip
		wg.Go(func() {
			var n int
			n, readErr = h.Handle.ReadAt(b, 0)
			raw = b[:max(n, 0)]
		})
	}
	var err error
	h.Size, h.MTime, err = h.Handle.Stat()
	h.looked = time.Now()
	wg.Wait()
	if errors.Is(readErr, io.EOF) {
		readErr = nil
	}
	if err = errors.Join(err, readErr); err != nil || h.Size < 0 {
		return nil, err
	}
	all := min(h.Size, 4*hostconn.HeadSize)
	raw = raw[:min(int64(len(raw)), h.Size)]
	if n := int64(len(raw)); n == all || n >= hostconn.HeadSize && !isGzip(raw) {
		return raw, nil
	}
	raw = make([]byte, all)
	if err := hostconn.ReadFull(h.Handle, raw, 0); err != nil && !errors.Is(err, hostconn.ErrShort) {
		return nil, err
	}
	return raw, nil
}
