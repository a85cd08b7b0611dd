package runner

import (
	"context"
	"errors"
	"time"

	"rtmtgrab/internal/incident"
)

// remove removes a sealed incident, if nobody works at it and nothing has come in between
// that keeps it. After a crash finishRemovals goes on with it.
func (r keeper) remove(s sealedOne, now time.Time, why string) (gone bool, err error) {
	l, err := incident.Withdraw(r.Store, s.key, func(in incident.Incident) (incident.Removal, bool) {
		if !isSealed(in) || !lastSealed(in).Equal(s.sealed) || r.undelivered(s.key) {
			return incident.Removal{}, false
		}
		return incident.RemovalOf(r.Store, in, now, why), true
	})
	if err != nil || l == nil {
		return false, err
	}
	return true, r.finish(l)
}

// finishRemovals goes on with what a crash, or an error, broke off.
func (r keeper) finishRemovals(ctx context.Context) error {
	list, err := incident.Leavings(r.Store)
	errs := []error{err}
	for _, l := range list {
		if ctx.Err() != nil {
			l.Release()
			continue
		}
		errs = append(errs, r.finish(l))
	}
	return errors.Join(errs...)
}

func (r keeper) finish(l *incident.Leaving) error {
	err := l.Finish(r.Removing, func(bundle string, err error) {
		r.log().Warn("that a bundle is removed is not in its custody", "bundle", bundle, "err", err)
	})
	if err == nil {
		r.log().Info("old incident removed", "incident", l.Incident, "bundles", len(l.Bundles), "bytes", l.Bytes, "sealed", l.Sealed, "why", l.Why)
	}
	return err
}

// tidy finishes what a crash left undone of sealed incidents: the slices of
// complete ones, which nobody needs. Unsealed incidents are taken up by Run like
// new ones; a bundle that was finished before the crash is adopted there.
func (r keeper) tidy(ctx context.Context) {
	keys, err := r.Store.Keys()
	if err != nil {
		r.log().Error("cannot list incidents", "err", err)
		return
	}
	for _, key := range keys {
		if ctx.Err() != nil {
			return
		}
		if !exists(r.Store.SlicesDir(key)) {
			continue
		}
		if in, err := r.Store.Read(key); err != nil || in.State != incident.Sealed {
			continue // what cannot be read is said by the journal
		}
		lock, err := r.Store.LockIncident(key)
		if err != nil {
			continue // somebody works at it
		}
		if now, err := r.Store.Read(key); err == nil {
			if err := dropSlices(r.Store, now); err != nil {
				r.log().Warn("cannot remove slices yet", "incident", now.ID, "err", err)
			}
		}
		lock.Release()
	}
}
