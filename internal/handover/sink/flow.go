package sink

import (
	"context"
	"io"
)

// A Flow is what whoever has something delivered wants of the bytes on their way: it goes
// with the context of Sink.Deliver, and a sink that reads its artifact through Reader
// keeps to it.
type Flow struct {
	Pace  func(ctx context.Context, n int) error // waits until n more bytes may go; nil: at once
	Moved func(n int)                            // hears that n bytes went, or were compared; must not wait; nil: nobody does
}

type flowKey struct{}

// WithFlow is a context for Deliver.
func WithFlow(ctx context.Context, f Flow) context.Context {
	return context.WithValue(ctx, flowKey{}, f)
}

// Moved says that a delivery came n bytes further, or that the far side showed itself
// alive, for sinks that do so by other means than Reader.
func Moved(ctx context.Context, n int) {
	if f, ok := ctx.Value(flowKey{}).(Flow); ok && f.Moved != nil {
		f.Moved(n)
	}
}

// Reader reads r as fast as the Flow in ctx allows, tells it, and ends with ctx. Without a
// Flow it ends with ctx alone. What goes out again because the sink tries a part again goes
// through a Reader again.
func Reader(ctx context.Context, r io.Reader) io.Reader {
	f, _ := ctx.Value(flowKey{}).(Flow)
	return &flowing{ctx, r, f}
}

type flowing struct {
	ctx context.Context
	r   io.Reader
	f   Flow
}

// most is how much is read at once, so that no pace is overtaken by much.
const most = 64 << 10

func (f *flowing) Read(b []byte) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, context.Cause(f.ctx)
	}
	n, err := f.r.Read(b[:min(len(b), most)])
	if n > 0 && f.f.Pace != nil {
		if perr := f.f.Pace(f.ctx, n); perr != nil {
			return n, perr
		}
	}
	if n > 0 && f.f.Moved != nil {
		f.f.Moved(n)
	}
	return n, err
}

// Alive reads r until ctx ends, and shows that it does: for what is read to be compared and
// does not go out.
func Alive(ctx context.Context, r io.Reader) io.Reader { return alive{ctx, r} }

type alive struct {
	ctx context.Context
	r   io.Reader
}

func (a alive) Read(b []byte) (int, error) {
	if a.ctx.Err() != nil {
		return 0, context.Cause(a.ctx)
	}
	n, err := a.r.Read(b)
	Moved(a.ctx, 0)
	return n, err
}
