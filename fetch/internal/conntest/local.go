package conntest

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"rtmtgrab/fetch/hostconn"
)

// A Local is a Conn over a folder of this machine. FailAfter, if positive,
// breaks it after so many reads.
type Local struct {
	Offset    time.Duration
	NoClock   bool
	FailAfter int64
	Reads     atomic.Int64
	Broken    atomic.Bool
	OnRead    func()
}

// ErrCut is the error of a Local that is broken.
var ErrCut = errors.New("connection cut")

func (c *Local) List(_ context.Context, dir string) ([]hostconn.Entry, error) {
	if c.Broken.Load() {
		return nil, ErrCut
	}
	des, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []hostconn.Entry
	for _, de := range des {
		if i, err := de.Info(); err == nil {
			out = append(out, hostconn.Entry{Name: de.Name(), Size: i.Size(), MTime: i.ModTime().Truncate(time.Second), Regular: i.Mode().IsRegular()})
		}
	}
	return out, nil
}

func (c *Local) Open(_ context.Context, name string) (hostconn.Handle, error) {
	if c.Broken.Load() {
		return nil, ErrCut
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return &localHandle{f, c}, nil
}

func (c *Local) Clock(context.Context) (offset, doubt time.Duration, err error) {
	if c.NoClock {
		return 0, 0, errors.New("no commands")
	}
	return c.Offset, 0, nil
}

func (c *Local) HostKey() string { return "SHA256:local" }
func (c *Local) Close(bool)      {}

type localHandle struct {
	*os.File
	c *Local
}

func (h *localHandle) ReadAt(b []byte, off int64) (int, error) {
	if h.c.OnRead != nil {
		h.c.OnRead()
	}
	if n := h.c.Reads.Add(1); h.c.Broken.Load() || h.c.FailAfter > 0 && n > h.c.FailAfter {
		h.c.Broken.Store(true)
		return 0, ErrCut
	}
	return h.File.ReadAt(b, off)
}

func (h *localHandle) Stat() (int64, time.Time, error) {
	if h.c.Broken.Load() {
		return 0, time.Time{}, ErrCut
	}
	i, err := h.File.Stat()
	if err != nil {
		return 0, time.Time{}, err
	}
	return i.Size(), i.ModTime().Truncate(time.Second), nil
}
