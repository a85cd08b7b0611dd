package conntest

import (
	"context"
	"path/filepath"
	"time"

	"rtmtgrab/fetch/hostconn"
)

// A Hook is a Local with something to happen at its calls.
type Hook struct {
	Local
	Lists  int
	OnList func(n int)                                         // before the n-th listing, from 1
	Listed func(n int)                                         // after it
	OnOpen func(name string) error                             // before a file is opened; an error is the answer
	OnStat func(h *HookHandle)                                 // before a handle is looked at
	Stat   func(name string, size int64) int64                 // lies about sizes
	ReadAt func(name string, b []byte, off int64) (int, error) // answers in the file's place
}

// A HookHandle is an open file of a Hook.
type HookHandle struct {
	hostconn.Handle
	C     *Hook
	Name  string
	Lists int // before it was opened
}

func (c *Hook) List(ctx context.Context, dir string) ([]hostconn.Entry, error) {
	c.Lists++
	if c.OnList != nil {
		c.OnList(c.Lists)
	}
	es, err := c.Local.List(ctx, dir)
	if c.Listed != nil {
		c.Listed(c.Lists)
	}
	return es, err
}

func (c *Hook) Open(ctx context.Context, name string) (hostconn.Handle, error) {
	if c.OnOpen != nil {
		if err := c.OnOpen(filepath.Base(name)); err != nil {
			return nil, err
		}
	}
	h, err := c.Local.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return &HookHandle{h, c, filepath.Base(name), c.Lists}, nil
}

func (h *HookHandle) Stat() (int64, time.Time, error) {
	if h.C.OnStat != nil {
		h.C.OnStat(h)
	}
	n, m, err := h.Handle.Stat()
	if h.C.Stat != nil && err == nil {
		n = h.C.Stat(h.Name, n)
	}
	return n, m, err
}

func (h *HookHandle) ReadAt(b []byte, off int64) (int, error) {
	if h.C.ReadAt != nil {
		return h.C.ReadAt(h.Name, b, off)
	}
	return h.Handle.ReadAt(b, off)
}
