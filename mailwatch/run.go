package mailwatch

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/emersion/go-imap/v2"
)

const (
	firstRetry   = time.Second
	lastRetry    = time.Minute
	firstRefused = 5 * time.Minute // after a login that was refused for good
	lastRefused  = time.Hour
	steady       = time.Minute      // a connection that lived so long was a good one
	noPush       = 10 * time.Minute // without IDLE, after the server ended one early
	sign         = 15 * time.Second // between two signs of life
	flaps        = 3                // connections that did not last, until they are no longer spoken of
)

// run is the state of Run; its goroutine alone uses it.
type run struct {
	*Watcher
	log      *slog.Logger
	loaded   bool
	have     bool              // cur was saved once
	cur      Cursor            // dealt with up to here
	saved    Cursor            // as on disk
	safe     Cursor            // from here on mails come again if they could not be kept: as on disk, or where begin found to go on
	floor    time.Time         // mails older than this are passed over until the backlog is through
	backlog  uint32            // the first UID that was not yet given when the mailbox was opened; zero if unknown
	handled  bool              // mails were handled since the last Flush
	loose    []uint32          // UIDs of mails that were handled since the last Sync; the cursor on disk is below them
	ahead    map[uint32][]byte // texts that were read ahead, by UID
	singly   bool              // nothing is read ahead until a look has succeeded
	pollTill time.Time         // no IDLE before
	sick     struct {          // the mail whose text could not be read, and how often
		uid   uint32
		tries int
	}

	connected time.Time // zero while down
	down      time.Time // zero while connected
	attempts  int       // failed, of this outage
	told      string    // what the outage's lines have named
	flapping  bool      // connections come and go: not spoken of until one lasts
	idle      bool
	answer    time.Time
	said      time.Time // State was last told
	empty     int       // looks in a row that were called for and found nothing
	stuck     bool      // it was said that a mail cannot be removed
	tries     backoff
	refusals  backoff
	holds     backoff
}

// Run watches until ctx ends and then returns nil. It reconnects after every
// fault, with backoff; an error means that the Watcher can never work.
func (w *Watcher) Run(ctx context.Context) error {
	if err := w.validate(); err != nil {
		return err
	}
	r := &run{Watcher: w, log: w.Log, tries: backoff{first: firstRetry, last: lastRetry},
		refusals: backoff{first: firstRefused, last: lastRefused}, holds: backoff{first: firstRetry, last: lastRetry}}
	if r.log == nil {
		r.log = slog.Default()
	}
	for ctx.Err() == nil {
		err := r.session(ctx)
		if ctx.Err() != nil {
			break
		}
		wait := r.wentDown(err)
		r.say(EventDown, err, time.Now().Add(wait))
		r.pause(ctx, wait, err)
	}
	return nil
}

// session is one connection, from the dial to its end, for which the error is
// the reason.
func (r *run) session(ctx context.Context) error {
	if err := r.load(); err != nil {
		return err
	}
	s, err := r.Server.open(ctx, r.dial)
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
	r.connected, r.idle = time.Now(), s.idle
	r.say(EventConnected, nil, time.Time{})
	for {
		before := r.cur.UID
		err := r.look(ctx, s)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if held := (*heldError)(nil); errors.As(err, &held) {
			r.holdUp(ctx, s, held)
		} else if err != nil {
			return err
		} else {
			r.isUp(s)
			r.rest(ctx, r.cur.UID != before)
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
	}
}

func (r *run) mailbox() string {
	if r.Mailbox == "" {
		return "INBOX"
	}
	return r.Mailbox
}

func (r *run) marks() bool { return r.Mark == MarkSeen || r.Mark == MarkFlagged }

// await waits for news or the next look.
func (r *run) await(ctx context.Context, s *session) error {
	poll := r.Poll
	if poll <= 0 {
		poll = time.Minute
	}
	r.idle = s.idle && time.Now().After(r.pollTill)
	err := s.await(ctx, min(poll, cycle), r.idle)
	if errors.Is(err, errIdleEnded) {
		r.pollTill = time.Now().Add(noPush)
	}
	return err
}

// rest keeps a server that announces something after every look, and has nothing,
// from being asked without a pause.
func (r *run) rest(ctx context.Context, found bool) {
	if found {
		r.empty = 0
	}
	r.empty++
	if n := r.empty - 3; n > 0 {
		r.pause(ctx, min(50*time.Millisecond<<min(n, 10), 5*time.Second), nil)
	}
}

// holdUp waits because an alert could not be kept; the connection stays.
func (r *run) holdUp(ctx context.Context, s *session, held *heldError) {
	wait := r.holds.next()
	if r.holds.n == 1 {
		r.log.Error("alert could not be kept; the mailbox holds it and it is tried again", "err", held)
	} else {
		r.log.Debug("alert could not be kept", "err", held, "attempt", r.holds.n)
	}
	s.g.setLimit(heldLimit)
	defer s.g.setLimit(readLimit)
	r.pause(ctx, wait, nil)
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
			r.say(EventWaiting, why, until)
		}
	}
}

// isUp notes a look that succeeded, and says once that the mailbox is back.
func (r *run) isUp(s *session) {
	r.answer = s.answer
	if r.holds.n > 0 {
		r.log.Info("alerts are kept again", "attempts", r.holds.n)
		r.holds.reset()
	}
	if r.flapping {
		if time.Since(r.connected) < steady {
			r.say(EventScanned, nil, time.Time{})
			return
		}
		r.flapping = false
	}
	switch {
	case !r.down.IsZero():
		r.log.Info("mailbox is back", "server", r.Addr, "mailbox", r.mailbox(), "after", time.Since(r.down).Round(time.Second), "attempts", r.attempts+1, "idle", s.idle)
	case r.told == "":
		r.log.Info("mailbox connected", "server", r.Addr, "mailbox", r.mailbox(), "idle", s.idle)
	}
	r.down, r.told, r.attempts = time.Time{}, "up", 0
	r.refusals.reset()
	r.say(EventScanned, nil, time.Time{})
}

// wentDown notes a lost connection or a failed attempt and returns how long to
// wait.
func (r *run) wentDown(err error) time.Duration {
	if !r.connected.IsZero() && time.Since(r.connected) >= steady {
		r.tries.reset()
	}
	if r.down.IsZero() {
		r.down, r.attempts, r.told = time.Now(), 0, ""
	}
	if r.connected.IsZero() || r.flapping {
		r.attempts++
	}
	brief := !r.connected.IsZero() && r.tries.n >= flaps
	r.connected, r.idle = time.Time{}, false

	wait, refused := r.tries.next(), false
	if stage := (*StageError)(nil); errors.As(err, &stage) && stage.Refused {
		wait, refused = r.refusals.next(), true
	}
	r.tellDown(err, wait, refused, brief)
	return wait
}

// tellDown writes the one line of an outage, and one more if a login was refused.
func (r *run) tellDown(err error, wait time.Duration, refused, brief bool) {
	where := []any{"server", r.Addr, "mailbox", r.mailbox(), "retry_in", wait.Round(time.Second), "err", err}
	if r.Hint != nil {
		if hint := r.Hint(err); hint != "" {
			where = append(where, "hint", hint)
		}
	}
	switch {
	case refused && r.told != "refused":
		r.log.Error("mailbox login refused; it is not tried again soon, for servers ban", append(where, "user", r.User)...)
		r.told = "refused"
	case brief && !r.flapping:
		r.log.Warn("mailbox comes and goes; trying again, without further lines until it stays", where...)
		r.flapping, r.told = true, "down"
	case r.told == "":
		r.log.Warn("mailbox is down; trying again until it is back", where...)
		r.told = "down"
	default:
		r.log.Debug("mailbox is still down", append(where, "attempts", r.attempts)...)
	}
}

func (r *run) say(event string, err error, retry time.Time) {
	if r.State == nil {
		return
	}
	r.said = time.Now()
	st := State{Event: event, Now: r.said, Answer: r.answer, Connected: !r.connected.IsZero(), Idle: r.idle,
		Since: r.connected, Attempts: r.attempts, Cursor: r.cur, Err: err}
	if !st.Connected {
		st.Since, st.Retry = r.down, retry
	}
	r.State(st)
}

// begin finds where to go on in a mailbox that was just opened.
func (r *run) begin(s *session, box *imap.SelectData) error {
	r.backlog = uint32(box.UIDNext)
	var since time.Time
	switch {
	case !r.have:
		since = time.Now().UTC().Add(-max(0, r.CatchUp))
	case r.cur.UIDValidity != box.UIDValidity, box.UIDNext != 0 && r.cur.UID >= uint32(box.UIDNext):
		since = r.cur.LastInternal.Add(-24 * time.Hour)
		r.log.Warn("mailbox was renumbered; looking at its last day again", "was", r.cur.UIDValidity, "is", box.UIDValidity, "since", since)
	default:
		return nil
	}
	lowest, err := s.oldest(since, box.NumMessages)
	if err != nil {
		return err
	}
	next := Cursor{UIDValidity: box.UIDValidity, LastInternal: r.cur.LastInternal}
	switch {
	case lowest > 0:
		next.UID = lowest - 1
	case box.UIDNext > 0:
		next.UID = uint32(box.UIDNext) - 1
	}
	if !r.have {
		next.LastInternal = since
	}
	r.floor, r.cur, r.safe = since, next, next
	r.have = true
	return r.save()
}

// A backoff doubles the wait each time, with jitter: three quarters to all of it.
type backoff struct {
	first, last time.Duration
	n           int
}

func (b *backoff) next() time.Duration {
	d := b.last
	if b.n < 20 {
		d = min(b.first<<b.n, b.last)
	}
	b.n++
	return d - rand.N(d/4)
}

func (b *backoff) reset() { b.n = 0 }
