package hostconn

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/evidence"
)

// An exchange is how a peer behaves: every answer takes a while and brings bytes, drop by
// drop, and after it this side is busy with something else.
type exchange struct {
	bandwidth  int64
	answer     time.Duration
	bytes      int
	elsewhere  time.Duration
	unanswered bool
}

func TestSpeed(t *testing.T) {
	for name, c := range map[string]struct {
		exchange
		cut bool
	}{
		"drops":                       {exchange{answer: 20 * time.Second, bytes: 8}, true},
		"drops that are no answer":    {exchange{answer: 20 * time.Second, bytes: 8, unanswered: true}, true},
		"a line of 15 KiB/s":          {exchange{answer: 10 * time.Second, bytes: 150 << 10, unanswered: true}, true},
		"a line of 17 KiB/s":          {exchange{answer: 10 * time.Second, bytes: 170 << 10, unanswered: true}, false},
		"a long way":                  {exchange{answer: 1500 * time.Millisecond, bytes: 50}, false},
		"fast, and this side is slow": {exchange{answer: 10 * time.Millisecond, bytes: 1 << 10, elsewhere: time.Minute}, false},
		"as slow as it is read":       {exchange{bandwidth: 8 << 10, answer: 10 * time.Second, bytes: 50 << 10, unanswered: true}, false},
		"slower than it is read":      {exchange{bandwidth: 8 << 10, answer: 10 * time.Second, bytes: 30 << 10, unanswered: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				given := make(chan error, 1)
				s := newSpeed(c.bandwidth, func(err error) {
					select {
					case given <- err:
					default: // it is given up already
					}
				})
				var waited time.Duration
				for began := time.Now(); time.Since(began) < time.Hour && len(given) == 0; {
					done := s.wait()
					for range 10 {
						time.Sleep(c.answer / 10)
						s.heard(c.bytes / 10)
					}
					waited += c.answer
					worth := int64(perAnswer)
					if c.unanswered {
						worth = 0
					}
					done(worth)
					time.Sleep(c.elsewhere)
				}
				var why error
				if len(given) > 0 {
					why = <-given
				}
				fault, cut := errors.AsType[*Fault](why)
				switch {
				case cut != c.cut:
					t.Errorf("given up: %v", why)
				case cut && (fault.Reason() != evidence.ReasonSlow || !fault.Permanent()):
					t.Errorf("given up as %q", fault.Reason())
				case cut && (waited < speedWindow || waited > speedWindow+c.answer):
					t.Errorf("given up after %v of waiting", waited)
				}
				time.Sleep(2 * speedWindow) // the timer's end
			})
		})
	}
}

// An answer that never comes is waited for as long as one window.
func TestSpeedOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := make(chan error, 1)
		s := newSpeed(0, func(err error) { cut <- err })
		began := time.Now()
		done := s.wait()
		<-cut
		if took := time.Since(began); took != speedWindow {
			t.Errorf("given up after %v", took)
		}
		done(0)
		time.Sleep(2 * speedWindow)
	})
}
