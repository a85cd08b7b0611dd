package handover

import (
	"context"
	"errors"
	"time"

	"golang.org/x/time/rate"

	"rtmtgrab/internal/handover/sink"
)

// A queue is the way to one destination, on which one bundle goes at a time.
type queue struct {
	name string
	to   *Destination // nil: it is not configured

	sink      sink.Sink // nil: to be opened
	pace      *rate.Limiter
	job       string    // under way; empty: none
	turn      int       // how often it was configured: what began before says nothing of what is there now
	where     string    // Destination.Where of the last one
	hung      any       // a delivery that was broken off and has not ended: nothing else begins; nil: none
	closed    bool      // another attempt is of no use until somebody has changed something
	notBefore time.Time // after failures that are about the destination
	failures  int       // of this kind, in a row
}

// burst is what may go at once however low the rate is: one read of a sink.Reader.
const burst = 64 << 10

// configure puts a destination in force, and forgets what stood in its way before.
func (l *queue) configure(to *Destination) {
	l.to, l.sink, l.pace, l.name = to, nil, nil, to.Name
	l.closed, l.notBefore = false, time.Time{}
	l.turn++
	if l.where != to.Where {
		l.hung, l.where = nil, to.Where // it hangs elsewhere
	}
	if to.Bandwidth > 0 {
		l.pace = rate.NewLimiter(rate.Limit(to.Bandwidth), int(max(burst, to.Bandwidth/4)))
	}
}

// flow bounds and tells the bytes of a delivery.
func flow(pace *rate.Limiter, moved func(n int)) sink.Flow {
	f := sink.Flow{Moved: moved}
	if pace != nil {
		f.Pace = func(ctx context.Context, n int) error { return pace.WaitN(ctx, n) }
	}
	return f
}

// failed notes an outcome that is about the destination; a permanent one closes the queue
// until somebody has changed something.
func (l *queue) failed(err error, now time.Time) {
	l.failures++
	l.sink = nil
	l.closed = l.closed || sink.Permanent(err)
	l.notBefore = now.Add(max(backoff(l.failures), asked(err)))
}

// mostAsked is how long a far side is left alone at the most when it asks for it.
const mostAsked = time.Hour

// asked is how long the far side asks to be left alone.
func asked(err error) time.Duration {
	var e *sink.Error
	if errors.As(err, &e) {
		return min(e.After, mostAsked)
	}
	return 0
}

// passed notes that something came through.
func (l *queue) passed() { l.failures, l.closed, l.notBefore = 0, false, time.Time{} }
