package runner

import (
	"context"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// borrowFor bounds how long the sealing of an incident waits for what other collectors have: who
// takes over from one that is gone has 45 s in all.
const borrowFor = 12 * time.Second

// borrow has every host that lacks something take it from other collectors, before an incident is
// frozen that is this collector's. What does not come in time, or fails, costs only that. going: each
// host is its own goroutine's, which waits for the window to change; changed ends it.
func borrow(ctx context.Context, u *run, w evidence.Window, going bool, changed <-chan struct{}) {
	if u.r.Beside.Borrow == nil || u.whose.Act != ActSeal {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, borrowFor)
	defer cancel()
	in := u.whose.asked
	var wg sync.WaitGroup
	if changed != nil {
		wg.Go(func() { // the hosts are needed for more
			select {
			case <-changed:
				cancel()
			case <-ctx.Done():
			}
		})
	}
	var lent sync.WaitGroup
	for _, h := range u.hosts {
		if !h.lacks() {
			continue
		}
		lent.Go(func() {
			if !going {
				h.borrow(ctx, in, w)
				return
			}
			done := make(chan struct{})
			select {
			case h.errand <- func() { h.borrow(ctx, in, w); close(done) }:
				<-done
			case <-ctx.Done():
			}
		})
	}
	lent.Wait()
	cancel()
	wg.Wait()
}

// lacks reports whether anything of the window is missing of a host.
func (h *hostRun) lacks() bool {
	h.run.mu.Lock()
	defer h.run.mu.Unlock()
	return slices.ContainsFunc(h.state.Result.Files, func(f evidence.File) bool { return len(f.Missing) > 0 })
}

// borrow has the host's puller take what others have, and saves what came of it.
func (h *hostRun) borrow(ctx context.Context, in incident.Incident, w evidence.Window) {
	u := h.run
	u.mu.Lock()
	row, fits := h.state.Result, incident.SameWindow(h.state.Judged, w)
	u.mu.Unlock()
	if !fits {
		return
	}
	if h.puller == nil {
		p, err := u.newPuller(h.ref.Name)
		if err != nil {
			u.r.log().Warn("what other collectors have of a host cannot be taken", "incident", u.id, "host", h.ref.Name, "err", err)
			return
		}
		h.puller = p
	}
	now, err := h.borrowed(ctx, in, row, w)
	if err != nil {
		u.r.log().Warn("not all was taken that other collectors have of a host", "incident", u.id, "host", h.ref.Name, "err", err)
	}
	if now.Host == "" || ctx.Err() != nil && context.Cause(ctx) == context.Canceled {
		return
	}
	u.mu.Lock()
	h.state.Result, h.saved, h.tried = now, false, true
	u.mu.Unlock()
	u.save(context.WithoutCancel(ctx), h)
	if now.Coverage != row.Coverage {
		u.r.log().Info("another collector had what was missing of a host", "incident", u.id, "host", h.ref.Name, "coverage", now.Coverage, "before", row.Coverage)
	}
}

// borrowed is Beside.Borrow; a panic over what somebody gave leaves all as it was.
func (h *hostRun) borrowed(ctx context.Context, in incident.Incident, row evidence.Host, w evidence.Window) (now evidence.Host, err error) {
	defer func() {
		if v := recover(); v != nil {
			h.run.r.log().Error("panic while taking what another collector has of a host", "host", h.ref.Name, "panic", v, "stack", string(debug.Stack()))
			now, err = evidence.Host{}, permanentError{errPanic}
		}
	}()
	return h.run.r.Beside.Borrow(ctx, in, h.puller, row, w)
}
