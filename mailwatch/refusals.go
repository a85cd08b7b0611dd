package mailwatch

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"
)

// Refusals remember which passwords servers have just refused, for watchers that follow each other, as
// when the configuration is read again: it is not sent again at once, for servers lock accounts. The
// zero value is ready; they are safe for concurrent use.
type Refusals struct {
	mu   sync.Mutex
	list map[[sha256.Size]byte]refusal
}

// refusal is the last one of a password.
type refusal struct {
	at time.Time
	n  int // how many in a row
}

var errRefusedBefore = errors.New("the password was refused before, and server, user and password are unchanged since")

// of is by what a login is known; false: it is none by a password.
func (r *Refusals) of(s *Server) (key [sha256.Size]byte, ok bool) {
	if r == nil || s.Token != nil || s.Password == nil {
		return key, false
	}
	secret, err := s.Password()
	if err != nil {
		return key, false
	}
	return sha256.Sum256([]byte(s.Addr + "\x00" + s.User + "\x00" + s.Login + "\x00" + secret)), true
}

// note remembers a refusal, the n-th in a row.
func (r *Refusals) note(s *Server, n int) {
	if key, ok := r.of(s); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.list == nil {
			r.list = map[[sha256.Size]byte]refusal{}
		}
		r.list[key] = refusal{time.Now(), n}
	}
}

// lift forgets what was refused, for it was accepted now.
func (r *Refusals) lift(s *Server) {
	if key, ok := r.of(s); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.list, key)
	}
}

// left is how long the first attempt of a new watcher has to wait, and how many were refused in a row.
func (r *Refusals) left(s *Server) (wait time.Duration, n int) {
	key, ok := r.of(s)
	if !ok {
		return 0, 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.list[key]
	if was.n == 0 {
		return 0, 0
	}
	return firstRefused - time.Since(was.at), was.n
}

// heldBack waits before the first attempt of a watcher whose password was refused by the one before.
func (r *run) heldBack(ctx context.Context) {
	wait, n := r.Refused.left(&r.Server)
	r.link.refusals.n = n
	if wait <= 0 {
		return
	}
	err := &StageError{Stage: StageLogin, Refused: true, Err: errRefusedBefore}
	r.link.heldBack(err, wait)
	r.link.say(EventDown, r.pos.cur, err, time.Now().Add(wait))
	r.pause(ctx, wait, err)
}
