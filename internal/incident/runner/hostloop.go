package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/manifest"
	"rtmtgrab/internal/leap"
)

// A Pass asks a Puller for what there is of a window by now.
type Pass struct {
	Asked  evidence.Window // in the collector's time
	Held   func(time.Time) // to be called in every pass, as soon as the host's files are held, with the time since when they are
	Near   time.Time       // the alert, around which bytes are kept when not all may be; zero: the end of Asked
	Only   []string        // families that are asked for, in place of the host's own; empty: the host's own
	Yields bool            // whoever else copies comes first
	Copied func()          // to be called in every pass that copied all it wanted, as soon as that is on disk; may be left out
}

// A Puller takes the logs of one host for one incident into a folder of its own.
//
// Pass returns the host's whole result, whatever the error; or none at all, where it
// cannot or its context was cancelled without a cause. It is repeatable
// and incremental: an open handle and what was copied are kept between calls, and
// what is on disk is taken up after a restart. It returns soon after its context
// ends. An error with a method Permanent() bool that returns true is not tried
// again; any other is.
//
// Open gives the joined slice of a family as copied so far; it needs no host, and
// works without a Pass before it.
type Puller interface {
	Pass(ctx context.Context, p Pass) (evidence.Host, error)
	Open(family string) (io.ReadCloser, error)
	Close() error
}

const (
	backoffFirst = time.Second
	backoffMax   = 15 * time.Second
	roomEvery    = 5 * time.Second // between two looks whether there is room again
	reachLeast   = 5 * time.Second // for reaching a host in a pass that is due, whatever the patience
	tailLeast    = time.Second     // between two passes over logs that wrap fast
	mostMore     = 4               // passes for what others leave of the room on the disk
)

var errPatience = errors.New("not reached in time")

// hostRun is one host of one run. Its state is under run.mu.
type hostRun struct {
	run    *run
	ref    incident.HostRef
	state  incident.HostState
	puller Puller
	dead   error       // permanent: no more passes
	tried  bool        // a first pass of this run ended
	copied time.Time   // when the pass under way had all on disk
	saved  bool        // state is on disk
	looked looked      // what was found in the records
	errand chan func() // done by the host's goroutine while it waits
}

// loop asks the host until nothing more is to be had, for each window that the
// incident comes to have, and ends when the run does.
func (h *hostRun) loop(ctx context.Context) {
	for ctx.Err() == nil {
		w, gen, changed := h.run.target.current()
		if h.settle(ctx, w, changed) {
			h.run.target.finish(gen)
			if h.idle(ctx, changed) {
				return
			}
		}
	}
}

// idle waits until there is something to do again, or, ended, nothing any more. While the
// incident stands by, the host is let go of.
func (h *hostRun) idle(ctx context.Context, changed <-chan struct{}) (ended bool) {
	for rest := h.run.whose.rest; ; {
		select {
		case <-changed:
			return false
		case <-ctx.Done():
			return false
		case <-h.run.quiet:
			return true
		case do := <-h.errand:
			do()
		case <-rest:
			h.close()
			rest = nil
		}
	}
}

// settle makes passes until one that began at or after the window's end + settle
// went well, or there is no use in another. false: the window changed, or the
// context ended.
func (h *hostRun) settle(ctx context.Context, w evidence.Window, changed <-chan struct{}) bool {
	u := h.run
	fair := u.r.now() // from here on there is always a little time to reach the host
	due := h.due(fair, w)
	deadline := leap.Until(fair, evidence.Later(u.began, w.Until)).Add(u.terms.patience)
	backoff, more := backoffFirst, mostMore
	for {
		if h.dead != nil {
			h.stretch(ctx, w)
			return true
		}
		began, had := u.r.now(), h.bytes()
		due = h.sooner(due, began, w)
		err := h.pass(ctx, w, evidence.Later(deadline, evidence.Later(fair, due).Add(reachLeast)))
		now := u.r.now()
		if h.bytes() > had { // patience bounds reaching a host, not copying
			deadline = evidence.Later(deadline, now.Add(u.terms.patience))
		}
		var wait time.Duration
		switch {
		case ctx.Err() != nil:
			return false
		case atomicfile.Full(err):
			switch wait = roomEvery; {
			case u.room.copyFull(err, func() bool { return now.After(deadline) && u.waitedEnough() }):
			case began.Before(due):
				wait = h.untilNext(due.Sub(now), w) // the rest is held until then
			case more == 0 || h.bytes() == had:
				return true // with what fitted
			default: // others may need less than their share
				more, wait = more-1, u.untilTried(ctx)
			}
			fair = now.Add(wait)
		case permanent(err):
			h.dead = err
			return true
		case err != nil:
			wait = backoff*3/4 + rand.N(backoff/2)
			backoff = min(2*backoff, backoffMax)
			if now.Add(wait).After(deadline) {
				return true
			}
		case !began.Before(due):
			u.room.back()
			return true
		default:
			u.room.back()
			wait, fair, backoff = h.untilNext(due.Sub(now), w), now, backoffFirst
		}
		if !u.r.working.naps.rest(ctx, u.key, wait, changed) {
			return false
		}
	}
}

// due is when the last pass may begin, by how time goes and not by the time of day: a clock that is
// set meanwhile, or a machine that sleeps, neither ends the wait early nor makes it last. It is
// never longer than it could be with a clock that is right.
func (h *hostRun) due(now time.Time, w evidence.Window) time.Time {
	due := leap.Until(now, w.Until.Add(h.run.terms.settle))
	if most := now.Add(w.Until.Sub(w.Since) + h.run.terms.settle + evidence.MostAhead); h.run.inc.Kind == incident.KindAlert && due.After(most) {
		return most
	}
	return due
}

// sooner is when the last pass may begin by a clock that was behind and may have been set right since.
func (h *hostRun) sooner(due, now time.Time, w evidence.Window) time.Time {
	if h.behind(due.Sub(now), w) {
		return evidence.Earlier(due, h.due(now, w))
	}
	return due
}

// behind reports whether the window's end is so far that the clock must be behind the alert's.
func (h *hostRun) behind(left time.Duration, w evidence.Window) bool {
	return h.run.inc.Kind == incident.KindAlert && left > w.Until.Sub(w.Since)+h.run.terms.settle
}

// untilNext is how long to wait for the next pass when the last one is due in so
// long. A host whose logs may wrap before that is looked at in between: files that
// came to be are held then, and copied, before they go. So is any while the clock is behind.
func (h *hostRun) untilNext(due time.Duration, w evidence.Window) time.Duration {
	h.run.mu.Lock()
	defer h.run.mu.Unlock()
	wait := due
	if h.behind(due, w) {
		wait = min(wait, time.Minute)
	}
	for _, f := range h.state.Result.Files {
		if depth := time.Duration(f.DepthS) * time.Second; f.Overwritten != nil && depth < 2*due { // nil: it has not wrapped yet
			wait = min(wait, max(depth/3, tailLeast))
		}
	}
	return wait
}

// bytes is how much of the host is on disk.
func (h *hostRun) bytes() (n int64) {
	h.run.mu.Lock()
	defer h.run.mu.Unlock()
	for _, f := range h.state.Result.Files {
		n += f.Bytes
	}
	return n
}

// pass asks the host once and saves what came of it.
func (h *hostRun) pass(ctx context.Context, w evidence.Window, reach time.Time) error {
	u := h.run
	began := u.r.now()
	pctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	guard := time.AfterFunc(reach.Sub(began), func() { cancel(errPatience) })
	defer guard.Stop()
	held := func(at time.Time) {
		guard.Stop()
		u.markHeld(h, at)
	}
	h.copied = time.Time{}
	result, err := h.call(pctx, Pass{Asked: w, Near: u.inc.Alerted(), Held: held, Only: u.inc.Only, Yields: u.inc.Kind == incident.KindDrill, Copied: func() { h.copied = u.r.now() }})
	if err != nil && context.Cause(pctx) == errPatience {
		err = because(errPatience, err)
	}
	if err != nil && ctx.Err() != nil {
		err = because(context.Cause(ctx), err)
	}
	u.record(ctx, h, w, result, err, began)
	return err
}

// because puts the cause before err, unless err names it already.
func because(cause, err error) error {
	if errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// call is Puller.Pass; a panic over what a host sent is that host's error alone.
func (h *hostRun) call(ctx context.Context, p Pass) (result evidence.Host, err error) {
	defer func() {
		if v := recover(); v != nil {
			h.run.r.log().Error("panic while grabbing from a host", "host", h.ref.Name, "panic", v, "stack", string(debug.Stack()))
			err = permanentError{fmt.Errorf("internal error: %v", v)}
		}
	}()
	if h.puller == nil {
		p, err := h.run.newPuller(h.ref.Name)
		if err != nil {
			return result, err
		}
		h.puller = p
	}
	return h.puller.Pass(ctx, p)
}

// stretch makes the result of a host that is not asked any more speak of a window
// that has grown since.
func (h *hostRun) stretch(ctx context.Context, w evidence.Window) {
	h.run.mu.Lock()
	same := incident.SameWindow(h.state.Judged, w)
	if !same {
		h.state.Result = manifest.Stretched(h.state.Result, h.state.Judged, w)
		h.state.Judged, h.saved = w, false
	}
	h.run.mu.Unlock()
	if !same {
		h.run.save(ctx, h)
	}
}

type permanentError struct{ error }

func (permanentError) Permanent() bool { return true }

func permanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}

// sleep waits for d, or until changed is closed, which returns true too: the
// caller looks at the window again. false: changed or the context ended.
func sleep(ctx context.Context, d time.Duration, changed <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-changed:
		return false
	case <-ctx.Done():
		return false
	}
}
