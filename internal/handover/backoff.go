package handover

import (
	"errors"
	"math/rand/v2"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/redact"
)

const (
	againFirst = 10 * time.Second
	againMost  = 15 * time.Minute
	jitter     = 0.25 // of the pause, either way
)

// pause is how long is waited after so many failures in a row, spread so that what failed
// together is not tried together. random is in [0, 1).
func pause(failures int, random float64) time.Duration {
	d := againMost
	if failures = max(failures, 1); failures < 20 {
		d = min(againFirst<<(failures-1), againMost)
	}
	return time.Duration(float64(d) * (1 - jitter + 2*jitter*random))
}

// untilDue is how long is waited until a time that was set earlier, by a clock that may have been
// put back since: what is further away than anything is ever waited for is due now.
func (l Limits) untilDue(at, now time.Time) time.Duration {
	d := at.Sub(now)
	if d <= 0 || d > max(mostAsked, l.quiet(), l.every()) {
		return 0
	}
	return d
}

func backoff(failures int) time.Duration { return pause(failures, rand.Float64()) }

// ofSink reports whether a cause is about the destination, and so in the way of all that
// is to go there; any other is about the one bundle.
func ofSink(c sink.Cause) bool {
	switch c {
	case sink.Unreachable, sink.Timeout, sink.Certificate, sink.Refused, sink.Full, sink.Busy, sink.Redirect:
		return true
	}
	return false
}

// changeable reports whether what stood in the way may be gone when somebody has changed the
// configuration, or has started the program anew: all but what is wrong with the bundle here.
func changeable(cause string) bool { return cause != string(sink.Local) }

// stopsAll reports whether an error is in the way of all that is to go to a destination.
func stopsAll(err error) bool {
	e, ok := errors.AsType[*sink.Error](err)
	return ofSink(causeOf(err)) && !(ok && e.Alone)
}

// causeOf is why an attempt failed; an error of no known kind is of the way to the far side.
func causeOf(err error) sink.Cause {
	var e *sink.Error
	if errors.As(err, &e) {
		return e.Cause
	}
	return sink.Unreachable
}

// printable is an error for people and for the journal, without secrets.
func printable(err error) string {
	if err == nil {
		return ""
	}
	return evidence.Printable(redact.Text(err.Error()), 500)
}
