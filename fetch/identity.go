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
func sameFile(o, h *held) bool {
	if len(o.head) < hostconn.TinyHead && o.refresh() != nil {
		return false
	}
	n := min(len(o.head), len(h.head))
	if o.at != h.at || !bytes.Equal(o.head[:n], h.head[:n]) {
		return false
	}
	if n >= hostconn.TinyHead {
		return true
	}
	whole := n > 0 && o.size == h.size && o.mtime.Equal(h.mtime) && len(o.head) == len(h.head)
	return o.gzip == h.gzip && (whole || o.name == h.name && len(o.head) == n)
}

// longer reports whether b's contents go further than a's. A gzip file's length
// is not known before it is read: it never displaces a plain one.
func longer(b, a *held) bool {
	switch {
	case a.gzip && !b.gzip:
		return true
	case b.gzip && !a.gzip:
		return false
	}
	return b.size > a.size
}

// refresh looks at the handle again: it has grown, or it was truncated and is
// stale, for its head is another or it is shorter than it was, or nothing leads
// to it any more.
func (h *held) refresh() error {
	err := h.lookAgain()
	if errors.Is(err, hostconn.ErrShort) {
		h.stale = true
		return nil
	}
	return err
}

func (h *held) lookAgain() error {
	var same bool
	var headErr error
	var wg sync.WaitGroup
	wg.Go(func() { same, headErr = h.sameHead() }) // in the same round trip
	size, mtime, err := h.file.Stat()
	wg.Wait()
	if err != nil {
		return err
	}
	if size < h.size {
		return hostconn.ErrShort
	}
	h.looked = time.Now()
	if headErr != nil || !same {
		h.stale = !same
		return headErr
	}
	if len(h.head) < hostconn.HeadSize && size > h.size {
		h.size = size
		return h.look(0)
	}
	h.size, h.mtime = size, mtime
	return nil
}

// sameHead reports whether the handle still shows the head that it had.
func (h *held) sameHead() (bool, error) {
	if h.gzip || len(h.head) == 0 {
		return true, nil
	}
	b := make([]byte, len(h.head))
	err := hostconn.ReadFull(h.file, b, h.at)
	if errors.Is(err, hostconn.ErrShort) {
		return false, nil
	}
	if err != nil { // a read that was given up may still write into b
		return false, err
	}
	return bytes.Equal(b, h.head), nil
}
