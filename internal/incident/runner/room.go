package runner

import (
	"context"
	"errors"
	"sync"

	"rtmtgrab/internal/atomicfile"
)

// room waits for room on the disk, or does with what there is where nobody would wait so
// long.
type room struct {
	wait bool                     // watch waits, now does not
	say  func(none bool, e error) // told once when there is none, and when there is some again
	make func(e error) bool       // makes some, if it can; nil: nobody does

	mu     sync.Mutex
	none   bool
	lacked error                   // of what was copied as far as it fitted
	fatal  error                   // no use in going on
	giveUp context.CancelCauseFunc // ends the work; nil: there is none yet
}

// onGiveUp has cancel called when there is no use in going on.
func (r *room) onGiveUp(cancel context.CancelCauseFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.giveUp = cancel
}

// retry does something again as long as the disk is full, if it is to be waited for.
func (r *room) retry(ctx context.Context, try func() error) error {
	for {
		err := try()
		if !atomicfile.Full(err) {
			r.back()
			return err
		}
		if !r.full(err) {
			return err
		}
		if !sleep(ctx, roomEvery, nil) {
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// copyFull is full for a copy, of which what fitted is worth having where nobody waits, or
// not any more: enough says so.
func (r *room) copyFull(err error, enough func() bool) (again bool) {
	if r.wait && !enough() {
		return r.full(err)
	}
	if r.make != nil && r.make(err) {
		return true
	}
	r.mu.Lock()
	said := r.lacked != nil || r.none
	r.lacked = err
	r.mu.Unlock()
	if !said {
		r.say(true, err)
	}
	return false
}

// short is why something was copied only as far as it fitted, nil if all was.
func (r *room) short() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lacked
}

// full has room made, or else says once that there is none. It reports whether it is
// worth while to try again.
func (r *room) full(err error) (again bool) {
	if r.make != nil && r.make(err) {
		return true
	}
	r.mu.Lock()
	said := r.none
	r.none = true
	if !r.wait && r.fatal == nil {
		r.fatal = err
		if r.giveUp != nil {
			r.giveUp(err)
		}
	}
	r.mu.Unlock()
	if !said {
		r.say(true, err)
	}
	return r.wait
}

// back says once that there is room again.
func (r *room) back() {
	r.mu.Lock()
	said := r.none
	r.none = false
	r.mu.Unlock()
	if said {
		r.say(false, nil)
	}
}

func (r *room) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fatal
}
