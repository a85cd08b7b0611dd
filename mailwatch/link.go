package mailwatch

import (
	"errors"
	"log/slog"
	"time"

	"rtmtgrab/internal/human"
)

// flaps is how many connections that did not last are spoken of.
const flaps = 3

// A link is how the connection to a mailbox is, and what of that was said: in the log once
// for each outage, and by State. One goroutine uses it.
type link struct {
	*Watcher
	log       *slog.Logger
	connected time.Time // zero while down
	down      time.Time // zero while connected
	attempts  int       // failed, of this outage
	told      string    // what the outage's lines have named
	flapping  bool      // connections come and go: not spoken of until one lasts
	idle      bool
	answer    time.Time
	held      error     // why an alert cannot be kept; nil: all are kept
	said      time.Time // State was last told
	tries     backoff
	refusals  backoff
}

// begin begins a connection.
func (l *link) begin(s *session, cur Cursor) {
	l.connected, l.idle = time.Now(), s.idle
	l.say(EventConnected, cur, nil, time.Time{})
}

// isUp notes a look that succeeded, and says once that the mailbox is back.
func (l *link) isUp(s *session, cur Cursor) {
	l.answer = s.answer
	if l.flapping {
		if time.Since(l.connected) < steady {
			l.say(EventScanned, cur, nil, time.Time{})
			return
		}
		l.flapping = false
	}
	switch {
	case !l.down.IsZero():
		l.log.Info("mailbox is back", "server", l.Addr, "mailbox", l.mailbox(), "after", human.Seconds(time.Since(l.down)), "attempts", l.attempts+1, "idle", s.idle)
	case l.told == "":
		l.log.Info("mailbox connected", "server", l.Addr, "mailbox", l.mailbox(), "idle", s.idle)
	}
	l.down, l.told, l.attempts = time.Time{}, "up", 0
	if l.refusals.n > 0 {
		l.Refused.Lift(l.known())
	}
	l.refusals.reset()
	l.say(EventScanned, cur, nil, time.Time{})
}

// wentDown notes a lost connection or a failed attempt and returns how long to
// wait.
func (l *link) wentDown(err error) time.Duration {
	if !l.connected.IsZero() && time.Since(l.connected) >= steady {
		l.tries.reset()
	}
	if l.down.IsZero() {
		l.down, l.attempts, l.told = time.Now(), 0, ""
	}
	if l.connected.IsZero() || l.flapping {
		l.attempts++
	}
	brief := !l.connected.IsZero() && l.tries.n >= flaps
	l.connected, l.idle = time.Time{}, false

	wait, refused := l.tries.next(), false
	if stage := (*StageError)(nil); errors.As(err, &stage) && stage.Refused {
		wait, refused = l.refusals.next(), true
		l.Refused.Note(l.known(), l.refusals.n)
	}
	l.tellDown(err, wait, refused, brief)
	return wait
}

// heldBack notes that the first attempt waits, for one before was refused, of which the log has told.
func (l *link) heldBack(err error, wait time.Duration) {
	l.down, l.attempts, l.told = time.Now(), 1, "refused"
	l.log.Debug("mailbox login waits", "server", l.Addr, "mailbox", l.mailbox(), "retry_in", wait.Round(time.Second), "err", err)
}

// tellDown writes the one line of an outage, and one more if a login was refused.
func (l *link) tellDown(err error, wait time.Duration, refused, brief bool) {
	where := []any{"server", l.Addr, "mailbox", l.mailbox(), "retry_in", wait.Round(time.Second), "err", err}
	if l.Hint != nil {
		if hint := l.Hint(err); hint != "" {
			where = append(where, "hint", hint)
		}
	}
	switch {
	case refused && l.told != "refused":
		l.log.Error("mailbox login refused; the next attempt waits, because servers ban repeated failures", append(where, "user", l.User)...)
		l.told = "refused"
	case brief && !l.flapping:
		l.log.Warn("mailbox connection is flapping; reconnects are not logged until it is stable", where...)
		l.flapping, l.told = true, "down"
	case l.told == "":
		l.log.Warn("mailbox is down; retrying", where...)
		l.told = "down"
	default:
		l.log.Debug("mailbox is still down", append(where, "attempts", l.attempts)...)
	}
}

// say tells State.
func (l *link) say(event string, cur Cursor, err error, retry time.Time) {
	if l.State == nil {
		return
	}
	l.said = time.Now()
	st := State{Event: event, Now: l.said, Answer: l.answer, Connected: !l.connected.IsZero(), Idle: l.idle,
		Since: l.connected, Attempts: l.attempts, Cursor: cur, Err: err, Held: l.held}
	if !st.Connected {
		st.Since, st.Retry = l.down, retry
	}
	l.State(st)
}
