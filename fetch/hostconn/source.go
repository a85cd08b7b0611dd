package hostconn

import (
	"context"
	"errors"
	"io"
	"time"
)

// source is a held file that channels may read too, by the name under which it is held.
// Itself it reads by the handle, which always works.
type source struct {
	Handle
	Known
	s    *Session
	to   int64  // end of what is wanted
	tail []byte // the bytes before to
}

// Known is what is known of an open file: by it the file is known again under its name.
type Known struct {
	Name string // with its folder
	Head []byte // its first bytes
	At   int64  // where head stands
	Size int64
}

// Source is the source to copy [from, to) of an open file from: much of it is read over
// several channels.
func Source(file Handle, k Known, from, to int64) io.ReaderAt {
	inner := file
	if f, ok := file.(*sharedFile); ok {
		inner = f.Handle
	}
	if f, ok := inner.(*lentHandle); ok {
		inner = f.Handle
	}
	f, ok := inner.(*sftpHandle)
	if !ok || to-from < channelsFrom || len(k.Head) < TinyHead {
		return file
	}
	return &source{Handle: file, Known: k, s: f.s, to: to}
}

// copyTo lets channels copy what c hands out. What channels fail at is handed out again, so
// whoever calls must see to what is left.
func (f *source) copyTo(ctx context.Context, c *Transfer, m *Meter) {
	tail := make([]byte, tailSize)
	if err := ReadFull(f, tail, f.to-tailSize); err != nil {
		return // the handle itself will tell
	}
	f.tail = tail
	free := f.s.useChannels()
	defer f.s.leaveChannels()
	ended := make(chan error)
	drained := c.drained
	for running := 0; ; {
		select {
		case l := <-free:
			running++
			go func() { ended <- f.drive(ctx, l, c, m) }() // waited for below
			continue
		case err := <-ended:
			running--
			if err != nil && running > 0 {
				continue
			}
		case <-drained:
		}
		if running == 0 {
			return
		}
		free, drained = nil, nil // nothing is left to begin with
	}
}

// drive lets one channel copy until there is nothing left or it fails; then what it
// has not done for certain is handed out again.
func (f *source) drive(ctx context.Context, l *channel, c *Transfer, m *Meter) (err error) {
	done := make(chan error, 1)
	l.claimed, l.copied = map[int64]int64{}, nil
	if !f.s.startChannel(func() { done <- l.run(ctx, f, c, m) }) {
		return errBroken
	}
	if err = f.watch(ctx, l, done); err == nil {
		f.s.giveChannel(l)
		return nil
	}
	f.s.endChannel(l)
	// Of a connection that is lost what came before stays, as with the handle itself.
	// Of a channel that failed alone nothing is believed.
	_, _, lost := f.Stat()
	l.abandon(c, m, lost == nil && ctx.Err() == nil && !c.failed())
	return err
}

var errSilentChannel = errors.New("a channel stopped answering")

// watch waits until a channel ends, or is of no more use.
func (f *source) watch(ctx context.Context, l *channel, done <-chan error) error {
	tick := time.NewTicker(channelSilence)
	defer tick.Stop()
	for heard := l.heard.Load(); ; {
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		if now := l.heard.Load(); now != heard || l.queued.Load() {
			heard = now
			continue
		}
		f.Stat() // answered, or the connection is given up and the channel ends with it
		if l.heard.Load() == heard {
			return errSilentChannel
		}
	}
}
