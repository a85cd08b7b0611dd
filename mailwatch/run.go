package mailwatch

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

const (
	firstRetry   = time.Second
	lastRetry    = time.Minute
	firstRefused = 5 * time.Minute // after a login that was refused for good
	lastRefused  = time.Hour
	steady       = time.Minute      // a connection that lived so long was a good one
	noPush       = 10 * time.Minute // without IDLE, after the server ended one early
	sign         = 15 * time.Second // between two signs of life

	// firstIdle is how long the first IDLE after news lasts, each further one twice as long.
	// There are servers whose IDLE says nothing of a mail that came after the look and before
	// it: when something happens more of it comes, and would wait for a whole poll.
	firstIdle = 250 * time.Millisecond
)

// run is the state of Run; its goroutine alone uses it.
type run struct {
	*Watcher
	log      *slog.Logger
	link     link
	pos      position
	opened   opened
	ahead    readAhead
	handled  bool          // mails were handled since the last Flush
	loose    []uint32      // UIDs of mails that were handled since the last Sync; the cursor on disk is below them
	pollTill time.Time     // no IDLE before
	idle     time.Duration // how long the next IDLE lasts; 0: firstIdle
	empty    int           // looks in a row that were called for and found nothing
	stuck    bool          // it was said that a mail cannot be removed
	holds    backoff
}

// newRun is one that has not begun.
func newRun(w *Watcher) *run {
	log := w.Log
	if log == nil {
		log = slog.Default()
	}
	return &run{
		Watcher: w, log: log, pos: position{store: w.CursorStore}, holds: backoff{first: firstRetry, last: lastRetry},
		link: link{
			Watcher: w, log: log,
			tries: backoff{first: firstRetry, last: lastRetry}, refusals: backoff{first: firstRefused, last: lastRefused},
		},
	}
}

// Run watches until ctx ends and then returns nil. It reconnects after every
// fault, with backoff; an error means that the Watcher can never work.
func (w *Watcher) Run(ctx context.Context) error {
	if err := w.validate(); err != nil {
		return err
	}
	r := newRun(w)
	r.heldBack(ctx)
	for ctx.Err() == nil {
		err := r.session(ctx)
		if ctx.Err() != nil {
			break
		}
		wait := r.link.wentDown(err)
		r.link.say(EventDown, r.pos.cur, err, time.Now().Add(wait))
		r.pause(ctx, wait, err)
	}
	return nil
}

// session is one connection, from the dial to its end, for which the error is
// the reason.
func (r *run) session(ctx context.Context) error {
	if err := r.pos.load(); err != nil {
		return err
	}
	s, err := r.Server.open(ctx, r.Dial)
	if err != nil {
		return err
	}
	defer s.close()
	box, err := s.selectBox(r.mailbox(), !r.marks() && !r.Delete)
	if err != nil {
		return err
	}
	if err := r.begin(s, box); err != nil {
		return err
	}
	r.opened.strange, r.idle = 0, 0
	r.link.begin(s, r.pos.cur)
	for {
		before := r.pos.cur.UID
		err := r.look(ctx, s)
		r.opened.unsure = r.opened.unsure || s.called && err == nil && r.pos.cur.UID == before
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if held := (*heldError)(nil); errors.As(err, &held) {
			r.holdUp(ctx, s, held)
		} else if err != nil {
			return err
		} else {
			r.kept()
			r.link.isUp(s, r.pos.cur)
			r.rest(ctx, r.pos.cur.UID != before)
			began := time.Now()
			if err := r.await(ctx, s); err != nil {
				return err
			}
			if time.Since(began) > time.Second {
				r.empty = 0
			}
		}
		s.drain()
		if err := s.noop(); err != nil {
			return err
		}
		if err := r.openAnew(s, err != nil); err != nil {
			return err
		}
	}
}

// await waits for news or the next look.
func (r *run) await(ctx context.Context, s *session) error {
	poll := r.Poll
	if poll <= 0 {
		poll = time.Minute
	}
	r.link.idle = s.idle && time.Now().After(r.pollTill)
	d := min(poll, cycle)
	if r.link.idle {
		d = min(d, max(r.idle, firstIdle))
		r.idle = 2 * d
	}
	err := s.await(ctx, d, r.link.idle)
	if errors.Is(err, errIdleEnded) {
		r.pollTill = time.Now().Add(noPush)
	}
	return err
}

// rest keeps a server that announces something after every look, and has nothing,
// from being asked without a pause.
func (r *run) rest(ctx context.Context, found bool) {
	if found {
		r.empty, r.idle = 0, 0
	}
	r.empty++
	if n := r.empty - 3; n > 0 {
		r.pause(ctx, min(50*time.Millisecond<<min(n, 10), 5*time.Second), nil)
	}
}

// holdUp waits because an alert could not be kept; the connection stays.
func (r *run) holdUp(ctx context.Context, s *session, held *heldError) {
	wait := r.holds.next()
	r.link.held = held
	r.link.say(EventWaiting, r.pos.cur, nil, time.Time{})
	if r.holds.n == 1 {
		r.log.Error("alert could not be saved; its mail stays in the mailbox and is retried", "err", held)
	} else {
		r.log.Debug("alert could not be saved", "err", held, "attempt", r.holds.n)
	}
	s.g.setLimit(heldLimit)
	defer s.g.setLimit(readLimit)
	r.pause(ctx, wait, nil)
}

// kept says once that alerts can be kept again.
func (r *run) kept() {
	if r.holds.n > 0 {
		r.log.Info("alerts are saved again", "attempts", r.holds.n)
		r.holds.reset()
		r.link.held = nil
	}
}

// pause waits for d or ctx's end, with signs of life.
func (r *run) pause(ctx context.Context, d time.Duration, why error) {
	until := time.Now().Add(d)
	t := time.NewTicker(sign)
	defer t.Stop()
	select {
	case <-r.Again: // it was of an earlier outage
	default:
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.Again:
			return
		case <-time.After(time.Until(until)):
			return
		case <-t.C:
			r.link.say(EventWaiting, r.pos.cur, why, until)
		}
	}
}
