package runner

import (
	"context"
	"os"
	"time"
)

const (
	cleanEvery = time.Hour
	pressEvery = time.Minute // while there is too much, and what may go was not delivered or unpinned yet
)

// A keeper removes incidents for a Runner.
type keeper struct{ *Runner }

// keep finishes what a crash left undone and removes what is old or too much, until ctx ends: at
// the start, every hour, when a bundle was sealed, and every minute while that is not enough.
// It keeps nobody waiting: alerts are worked at beside it. Its errors are only logged, the next
// time it tries again.
func (r keeper) keep(ctx context.Context, t Triage) {
	r.tidy(ctx)
	r.cleanUp(ctx, t)
	clean, press := time.NewTicker(cleanEvery), time.NewTicker(pressEvery)
	defer clean.Stop()
	defer press.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-clean.C:
			r.cleanUp(ctx, t)
		case <-r.working.sealings():
			r.logRemoval(ctx, r.keepSize(ctx))
		case <-press.C:
			if r.pressed() {
				r.logRemoval(ctx, r.removeOld(ctx, r.now().UTC().Round(0)))
			}
		}
	}
}

func (r keeper) cleanUp(ctx context.Context, t Triage) {
	now := r.now().UTC().Round(0)
	r.logRemoval(ctx, r.removeOld(ctx, now))
	if ctx.Err() != nil || !r.working.ages.Believable(r.now()) {
		return
	}
	if err := t.Prune(now); err != nil {
		r.log().Error("cannot remove old alerts", "err", err)
	}
}

func (r keeper) logRemoval(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		r.log().Error("cannot remove old bundles", "err", err)
	}
}

// pressed reports whether there is more than there should be, and it lies at what may not go.
func (r keeper) pressed() bool {
	k := r.Kept()
	if k.Over > 0 {
		return true
	}
	left, known := r.Reserve.Left()
	return known && left < 0 && k.Pinned.Bytes+k.Undelivered.Bytes > 0
}

// Kept is what the sealed incidents take, as of the last look at them all.
type Kept struct {
	Looked      bool
	Bytes       int64 // of their bundles in the store
	Pinned      KeptShare
	Undelivered KeptShare // and not pinned
	Over        int64     // bytes above keep.size for which nothing may go
	Size        int64     // keep.size
}

// KeptShare is a part of them that may not be removed.
type KeptShare struct {
	Incidents int
	Bytes     int64
}

func keptOf(list []sealedOne, size int64) Kept {
	k := Kept{Looked: true, Bytes: bytesOf(list), Size: size}
	for _, s := range list {
		share := &k.Undelivered
		if s.pinned {
			share = &k.Pinned
		}
		if !s.mayGo() {
			share.Incidents, share.Bytes = share.Incidents+1, share.Bytes+s.bytes
		}
	}
	if size > 0 && k.Bytes > size {
		k.Over = k.Bytes - size
	}
	return k
}

func (w *working) note(k Kept) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = k
}

// fits notes that the bundles do not take more than they may.
func (w *working) fits() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept.Over = 0
}

// sealings is told when a bundle was sealed.
func (w *working) sealings() chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sealed == nil {
		w.sealed = make(chan struct{}, 1)
	}
	return w.sealed
}

func (w *working) tellSealed() {
	select {
	case w.sealings() <- struct{}{}:
	default: // it is going to look
	}
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
