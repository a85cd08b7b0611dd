package handover

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"rtmtgrab/internal/handover/sink"
)

var (
	errStalled = errors.New("not a byte further")
	errDropped = errors.New("dropped by a person")
)

// work does what is next with a job: it makes its artefact, and an attempt.
func (e *Engine) work(ctx context.Context, l *queue, to Destination, j *Job, w *work) {
	if j.State != Queued {
		lost := e.lost(ctx, j, j.Cause)
		if lost {
			e.Log.Warn("what was prepared for handover is not there any more as it was made; it is made anew", "job", j.Name())
		}
		if (lost || otherTerms(to, j)) && !e.change(ctx, j, j.requeue) {
			return
		}
	}
	if j.State == Queued && !e.prepare(ctx, to, j) {
		return
	}
	if e.stale(l, to, j, w) {
		return
	}
	s, err := e.opened(l, to, w)
	if err == nil {
		err = e.readable(j)
	}
	if err != nil {
		e.attempt(ctx, l, j, w, func(context.Context, sink.Artifact) (sink.Receipt, error) { return sink.Receipt{}, err }, to)
		return
	}
	e.attempt(ctx, l, j, w, func(ctx context.Context, a sink.Artifact) (sink.Receipt, error) { return e.guarded(ctx, l, s, a, w) }, to)
}

// stale reports whether something has changed while the artefact was made, so that it is not
// to be sent as it is: see afterwards.
func (e *Engine) stale(l *queue, to Destination, j *Job, w *work) bool {
	other := otherTerms(to, j) // reads files: not under the lock
	e.state.mu.Lock()
	defer e.state.mu.Unlock()
	if j.By == "" {
		if _, newer := e.siblings(j); newer > 0 {
			return true
		}
	}
	return l.turn != w.turn || other
}

// otherTerms reports whether a job's artefact was made under other terms than hold for it now, as
// when its case is another. Recipients that cannot be read at this moment are no other ones.
func otherTerms(to Destination, j *Job) bool {
	t := to.Terms(*j)
	return j.Terms != "" && j.Terms != t.String() && (len(t.To) == 0 || len(t.Keys) > 0)
}

// opened is what delivers.
func (e *Engine) opened(l *queue, to Destination, w *work) (sink.Sink, error) {
	e.state.mu.Lock()
	s, same := l.sink, l.turn == w.turn
	e.state.mu.Unlock()
	if s != nil && same {
		return s, nil
	}
	s, err := to.Open()
	if err != nil {
		if !errors.As(err, new(*sink.Error)) {
			err = &sink.Error{Cause: sink.Unreachable, Err: err}
		}
		return nil, err
	}
	e.state.mu.Lock()
	if l.turn == w.turn { // or it is of a configuration that is not in force any more
		l.sink = s
	}
	e.state.mu.Unlock()
	return s, nil
}

// prepare makes the artefact of a job; false: there is none, now or for good.
func (e *Engine) prepare(ctx context.Context, to Destination, j *Job) bool {
	select {
	case e.state.making <- struct{}{}: // it takes a processor: one at a time
		defer func() { <-e.state.making }()
	case <-ctx.Done():
		return false
	}
	terms := to.Terms(*j)
	a, err := e.Maker.make(ctx, *j, terms, e.Store)
	if ctx.Err() != nil {
		e.discard(j)
		return false
	}
	return e.change(ctx, j, func(now time.Time) error {
		if err != nil {
			e.Log.Error("cannot prepare a bundle for handover", "job", j.Name(), "err", printable(err), "again", !sink.Permanent(err))
			e.state.seen.failed(j.Sink, err, now)
			return j.unprepared(err, terms.String(), now, now.Add(backoff(j.Unmade+1)))
		}
		return j.prepared(a, terms.String(), now)
	}) && err == nil
}

// lost reports whether an artefact that lies in the outbox is not the one that was made: it
// is gone, as from a store that was restored, or other bytes. Those are looked at when the
// cause of a failure was here.
func (e *Engine) lost(ctx context.Context, j *Job, cause string) bool {
	if j.Artefact.File == "" {
		return false // the bundle itself
	}
	st, err := os.Stat(e.path(j))
	if err != nil || st.Size() != j.Artefact.Size {
		return err == nil || errors.Is(err, os.ErrNotExist)
	}
	if cause != string(sink.Local) {
		return false
	}
	f, err := os.Open(e.path(j))
	if err != nil {
		return false
	}
	defer f.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, sink.Reader(ctx, f))
	return err == nil && hex.EncodeToString(sum.Sum(nil)) != j.Artefact.SHA256
}

// readable says whether the artefact is there as it was made.
func (e *Engine) readable(j *Job) error {
	st, err := os.Stat(e.path(j))
	switch {
	case err != nil:
		return &sink.Error{Cause: sink.Local, Permanent: j.Artefact.File == "" && errors.Is(err, os.ErrNotExist), Err: err}
	case st.Size() != j.Artefact.Size:
		return &sink.Error{Cause: sink.Local, Permanent: true, Err: fmt.Errorf("%s has %d bytes, and had %d when it was prepared", e.path(j), st.Size(), j.Artefact.Size)}
	}
	return nil
}

func (e *Engine) path(j *Job) string {
	if j.Artefact.File == "" {
		return j.Bundle
	}
	return filepath.Join(e.Store.Outbox(j.Name()), j.Artefact.File)
}

// attempt makes one, written down before and after.
func (e *Engine) attempt(ctx context.Context, l *queue, j *Job, w *work, deliver func(context.Context, sink.Artifact) (sink.Receipt, error), to Destination) {
	if !e.change(ctx, j, j.begin) {
		return // it cannot be written down: it is not made
	}
	a := sink.Artifact{Path: e.path(j), Name: j.Artefact.Name, Size: j.Artefact.Size, SHA256: j.Artefact.SHA256, ID: j.ID, Note: j.Artefact.Note, Case: cmp.Or(j.Case, e.caseOf(j), to.Case), Reached: j.Reached}
	r, err := deliver(ctx, a)
	stopped := ctx.Err() != nil && err != nil
	if ours := (*sink.Error)(nil); errors.As(err, &ours) && ours.Permanent && e.lost(ctx, j, string(ours.Cause)) {
		err = &sink.Error{Cause: ours.Cause, Unknown: ours.Unknown, Err: ours.Err} // it can be made anew
	}
	e.note(l, j, w, r, err, stopped)
	switch {
	case err == nil:
		e.conclude(ctx, j, func(now time.Time) error { j.reach(r.Reached); return j.deliver(r, now) })
	case stopped:
		e.change(ctx, j, func(now time.Time) error { j.reach(r.Reached); return j.stop(sink.Unknown(err), now) })
	default:
		e.change(ctx, j, func(now time.Time) error { j.reach(r.Reached); return j.fail(err, now, e.due(j, err, now)) })
	}
	e.record(j, false)
	e.sayFailure(j, err, stopped)
}

func (e *Engine) caseOf(j *Job) string {
	if e.Case == nil {
		return ""
	}
	return e.Case(*j)
}

// due is when a job may be tried again: what is about the destination is its queue's to
// say, for all of its jobs.
func (e *Engine) due(j *Job, err error, now time.Time) time.Time {
	if stopsAll(err) {
		return time.Time{}
	}
	return now.Add(max(backoff(j.failures()+1), asked(err)))
}

// note tells the queue and the book of destinations what came of an attempt. One that failed
// where the destination was before a reload says nothing of where it is now.
func (e *Engine) note(l *queue, j *Job, w *work, r sink.Receipt, err error, stopped bool) {
	s := &e.state
	s.mu.Lock()
	defer s.mu.Unlock()
	at := now()
	switch {
	case l.turn != w.turn && err != nil:
		return
	case err == nil:
		l.passed()
		s.seen.delivered(l.name, j, r.Place, at)
	case stopped:
		l.sink = nil
		return
	case stopsAll(err):
		l.failed(err, at)
		s.seen.failed(l.name, err, at)
	default:
		s.seen.failed(l.name, err, at)
	}
	s.seen.save(e.Log)
}

func (e *Engine) sayFailure(j *Job, err error, stopped bool) {
	switch {
	case err == nil:
		e.Log.Info("bundle delivered", "incident", j.Incident, "revision", j.Revision, "to", j.Sink, "place", j.Place, "attempts", j.tried())
	case stopped:
	case j.State == Failed:
		e.Log.Error("a bundle cannot be delivered", "incident", j.Incident, "revision", j.Revision, "to", j.Sink, "cause", j.Cause, "err", j.Error)
	case j.failures() <= 3 || j.failures()%10 == 0: // repeats are no news
		e.Log.Warn("delivery failed; it is tried again", "incident", j.Incident, "revision", j.Revision, "to", j.Sink, "attempt", j.tried(), "cause", j.Cause, "err", j.Error)
	}
}

// A result is what a sink returned.
type result struct {
	r   sink.Receipt
	err error
}

// guarded delivers for as long as bytes move. A sink that does not end when it is told to is
// left to itself, and its queue is not used until it has ended.
func (e *Engine) guarded(ctx context.Context, l *queue, s sink.Sink, a sink.Artifact, w *work) (sink.Receipt, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := e.Limits.stall()
	quiet := time.AfterFunc(limit, func() { cancel(errStalled) })
	defer quiet.Stop()
	still := time.AfterFunc(e.Limits.still(), func() { e.standsStill(w) })
	defer still.Stop()
	e.state.mu.Lock()
	pace := l.pace
	e.state.mu.Unlock()
	deliver := sink.WithFlow(ctx, flow(pace, func(n int) {
		quiet.Reset(limit)
		still.Reset(e.Limits.still())
		e.state.mu.Lock()
		w.moved += int64(n)
		w.still = false
		e.state.mu.Unlock()
	}))
	done := make(chan result, 1)
	go func() { // ends when the sink does; its queue waits for it
		r, err := safely(deliver, s, a)
		done <- result{r, err}
	}()
	select {
	case got := <-done:
		return got.r, e.stalled(ctx, got.err)
	case <-ctx.Done():
	}
	grace := time.NewTimer(e.Limits.grace())
	defer grace.Stop()
	select {
	case got := <-done:
		return got.r, e.stalled(ctx, got.err)
	case <-grace.C:
	}
	e.leave(l, w, done)
	return sink.Receipt{}, &sink.Error{Cause: sink.Timeout, Unknown: true, Err: errors.New("it hangs, and does not end when it is told to")}
}

// standsStill has a delivery that moves no byte take no place from others.
func (e *Engine) standsStill(w *work) {
	e.state.mu.Lock()
	w.still = true
	e.state.mu.Unlock()
	e.wakeUp()
}

// stalled is the error of a delivery that was broken off because nothing moved.
func (e *Engine) stalled(ctx context.Context, err error) error {
	if err == nil || !errors.Is(context.Cause(ctx), errStalled) {
		return err
	}
	return &sink.Error{Cause: sink.Timeout, Unknown: sink.Unknown(err), Err: fmt.Errorf("%w for %v: %w", errStalled, e.Limits.stall(), err)}
}

// leave has nothing else begin on the queue until the sink has ended.
func (e *Engine) leave(l *queue, w *work, done <-chan result) {
	s := &e.state
	s.mu.Lock()
	if l.where == w.where {
		l.hung, l.sink = done, nil
	}
	s.mu.Unlock()
	go func() { // ends with the sink, or with the program
		<-done
		s.mu.Lock()
		if l.hung == any(done) {
			l.hung = nil
		}
		s.mu.Unlock()
		e.wakeUp()
	}()
}

// safely has a panic of a sink cost the attempt alone.
func safely(ctx context.Context, s sink.Sink, a sink.Artifact) (r sink.Receipt, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &sink.Error{Cause: sink.Local, Unknown: true, Err: fmt.Errorf("internal error: %v", v)}
		}
	}()
	return s.Deliver(ctx, a)
}
