package fetch

import (
	"bytes"
	"errors"
	"sync"
	"time"

	"rtmtgrab/fetch/hostconn"
)

// sameFile tells files by their heads, never by name, number or mtime alone.
// Heads of a few bytes tell little: such a file is the one of the same name, if a
// second look still shows no more, or the one that is the same altogether.
func sameFile(o, h *File) bool {
	if len(o.Head) < hostconn.TinyHead && o.Refresh() != nil {
		return false
	}
	n := min(len(o.Head), len(h.Head))
	if o.At != h.At || !bytes.Equal(o.Head[:n], h.Head[:n]) {
		return false
	}
	if n >= hostconn.TinyHead {
		return true
	}
	whole := n > 0 && o.Size == h.Size && o.MTime.Equal(h.MTime) && len(o.Head) == len(h.Head)
	return o.Gzip == h.Gzip && (whole || o.Name == h.Name && len(o.Head) == n)
}

// longer reports whether b's contents go further than a's. A gzip file's length
// is not known before it is read: it never displaces a plain one.
func longer(b, a *File) bool {
	switch {
	case a.Gzip && !b.Gzip:
		return true
	case b.Gzip && !a.Gzip:
		return false
	}
	return b.Size > a.Size
}

// Refresh looks at the handle again: it has grown, or it was truncated and is
// stale, for its head is another or it is shorter than it was, or nothing leads
// to it any more.
func (h *File) Refresh() error {
	err := h.lookAgain()
	if errors.Is(err, hostconn.ErrShort) {
		h.Stale = true
		return nil
	}
	return err
}

func (h *File) lookAgain() error {
	var same bool
	var headErr error
	var wg sync.WaitGroup
	wg.Go(func() { same, headErr = h.SameHead() }) // in the same round trip
	size, mtime, err := h.Handle.Stat()
	wg.Wait()
	if err != nil {
		return err
	}
	if size < h.Size {
		return hostconn.ErrShort
	}
	h.looked = time.Now()
	if headErr != nil || !same {
		h.Stale = !same
		return headErr
	}
	if len(h.Head) < hostconn.HeadSize && size > h.Size {
		h.Size = size
		return h.look(0)
	}
	h.Size, h.MTime = size, mtime
	return nil
}

// SameHead reports whether the handle still shows the head that it had.
func (h *File) SameHead() (bool, error) {
	if h.Gzip || len(h.Head) == 0 {
		return true, nil
	}
	b := make([]byte, len(h.Head))
	err := hostconn.ReadFull(h.Handle, b, h.At)
	if errors.Is(err, hostconn.ErrShort) {
		return false, nil
	}
	if err != nil { // a read that was given up may still write into b
		return false, err
	}
	return bytes.Equal(b, h.Head), nil
}
