package mailwatch

import (
	"context"
	"errors"
	"time"

	"rtmtgrab/internal/denied"
)

var errRefusedBefore = errors.New("the password was refused before, and server, user and password are unchanged since")

// known is by what a refused login is remembered; zero: it is none by a password, or nobody remembers.
func (w *Watcher) known() denied.Login {
	if w.Refused == nil || w.Token != nil || w.Password == nil {
		return denied.Login{}
	}
	secret, err := w.Password()
	if err != nil {
		return denied.Login{}
	}
	return denied.LoginOf(w.Addr, w.TLS, w.User, w.Login, secret)
}

// heldBack waits before the first attempt of a watcher whose password was refused by the one before,
// as when the configuration is read again.
func (r *run) heldBack(ctx context.Context) {
	wait, n := r.Refused.Left(r.known(), firstRefused)
	r.link.refusals.n = n
	if wait <= 0 {
		return
	}
	err := &StageError{Stage: StageLogin, Refused: true, Err: errRefusedBefore}
	r.link.heldBack(err, wait)
	r.link.say(EventDown, r.pos.cur, err, time.Now().Add(wait))
	r.pause(ctx, wait, err)
}
