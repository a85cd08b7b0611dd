package hub

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A Watched is a bucket that somebody watches. A watch goes on after what it has heard last, also of a hub that was brought
// back as it was earlier, or of a bucket that was made anew, which count from an earlier number: it hears nothing then.
type Watched struct {
	hub    *Hub
	bucket jetstream.KeyValue
	lost   uint64    // connections
	made   time.Time // zero: not known
	looked time.Time
	every  time.Duration // between two looks at when it was made
}

const (
	madeEvery = 3 * time.Minute
	madeIn    = 10 * time.Second
)

// Watching is called before a watch of a bucket begins.
func (h *Hub) Watching(ctx context.Context, bucket jetstream.KeyValue) *Watched {
	w := &Watched{hub: h, bucket: bucket, lost: h.Conn.Stats().Reconnects, looked: time.Now(), every: madeEvery}
	w.made = w.madeAt(ctx)
	return w
}

// Over reports whether the watch is to begin anew.
func (w *Watched) Over(ctx context.Context) bool {
	if w.hub.Down() != nil || w.hub.Conn.Stats().Reconnects != w.lost {
		return true
	}
	if time.Since(w.looked) < w.every {
		return false
	}
	w.looked = time.Now()
	made := w.madeAt(ctx)
	if w.made.IsZero() {
		w.made = made
	}
	return !made.IsZero() && !made.Equal(w.made)
}

// madeAt is when the bucket was made; zero: nobody has said so.
func (w *Watched) madeAt(ctx context.Context) time.Time {
	ctx, cancel := context.WithTimeout(ctx, madeIn)
	defer cancel()
	status, err := w.bucket.Status(ctx)
	if err != nil {
		return time.Time{}
	}
	if s, is := status.(*jetstream.KeyValueBucketStatus); is {
		return s.StreamInfo().Created
	}
	return time.Time{}
}
