package mailwatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/mailwatch/alertmail"
)

const (
	widest   = 1 << 15 // UIDs that are looked over at once where there are few mails; if there are many after all, the answer still fits maxCommand
	maxTries = 5       // at the text of one mail that the server cannot give
)

// A heldError says that an alert could not be kept on this machine. It is no
// fault of the connection.
type heldError struct{ err error }

func (e *heldError) Error() string { return e.err.Error() }
func (e *heldError) Unwrap() error { return e.err }

// load reads the cursor once.
func (r *run) load() error {
	if r.loaded {
		return nil
	}
	cur, have, err := r.Load()
	if err != nil {
		return fmt.Errorf("load the mailbox's cursor: %w", err)
	}
	r.cur, r.saved, r.safe, r.have, r.loaded = cur, cur, cur, have, true
	return nil
}

// save writes the cursor, if it has moved.
func (r *run) save() error {
	if r.cur == r.saved {
		return nil
	}
	if err := r.Save(r.cur); err != nil {
		return &heldError{fmt.Errorf("save the mailbox's cursor: %w", err)}
	}
	r.saved, r.safe = r.cur, r.cur
	return nil
}

// look deals with every mail above the cursor, in the order of UIDs, and ends
// with Flush if any was handled, even if the connection broke in between.
func (r *run) look(ctx context.Context, s *session) error {
	err := r.scan(ctx, s)
	if err == nil {
		r.floor, r.singly = time.Time{}, false
	}
	if len(r.loose) > 0 && ctx.Err() == nil { // the connection broke in between
		if bad := r.settle(ctx, s); bad != nil {
			return errors.Join(err, bad)
		}
	}
	if r.handled && r.Flush != nil && ctx.Err() == nil {
		s.g.setLimit(heldLimit)
		defer s.g.setLimit(readLimit)
		if bad := r.Flush(ctx); bad != nil {
			return errors.Join(err, &heldError{fmt.Errorf("after the alerts were kept: %w", bad)})
		}
	}
	r.handled = false
	return err
}

// scan walks through the UIDs in bounded steps. Below the UID that was next
// when the mailbox was opened they are all given, so that a step without mails
// can be left behind; above it everything is asked for.
func (r *run) scan(ctx context.Context, s *session) error {
	step := uint32(chunk)
	r.ahead = nil
	for {
		if r.cur.UID == ^uint32(0) {
			return nil
		}
		lo, hi := r.cur.UID+1, uint32(0)
		if lo < r.backlog {
			hi = lo + min(step-1, r.backlog-1-lo)
		}
		mails, more, err := s.list(lo, hi)
		if err != nil {
			return fmt.Errorf("list mails: %w", err)
		}
		for i, m := range mails {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := r.mail(ctx, s, m, mails[i+1:]); err != nil {
				return err
			}
			r.alive(s)
		}
		if hi != 0 && !more {
			r.cur.UID = hi
		}
		if err := r.settle(ctx, s); err != nil {
			return err
		}
		if hi == 0 && !more {
			return nil
		}
		r.alive(s)
		if step = chunk; len(mails) == 0 {
			step = min(2*max(step, hi-lo+1), widest)
		}
	}
}

// alive gives a sign of life in the course of a long look.
func (r *run) alive(s *session) {
	if r.answer = s.answer; time.Since(r.said) >= sign {
		r.say(EventWaiting, nil, time.Time{})
	}
}

// mail deals with one mail, before those that come next. The cursor passes it last.
func (r *run) mail(ctx context.Context, s *session, m meta, next []meta) error {
	if m.internal.Before(r.floor) {
		r.pass(m)
		return nil
	}
	raw, found, err := r.text(ctx, s, m, next)
	if err != nil {
		return fmt.Errorf("read mail %d: %w", m.uid, err)
	}
	if !found {
		r.pass(m)
		return nil
	}
	if r.own(ctx, s, m, raw) {
		r.pass(m)
		return nil
	}
	alert, matches := r.reader().Read(raw, m.internal)
	if !matches {
		r.pass(m)
		return nil
	}
	mail := Mail{Alert: alert, Raw: raw, Truncated: len(raw) >= alertmail.MaxRaw && m.size > alertmail.MaxRaw, Size: m.size,
		UID: m.uid, UIDValidity: r.cur.UIDValidity, Internal: m.internal, Seen: m.seen}
	mail.Alert.Truncated, mail.Alert.Folder = mail.Truncated, evidence.Printable(r.mailbox(), 200)
	return r.handle(ctx, s, mail)
}

func (r *run) handle(ctx context.Context, s *session, mail Mail) error {
	s.g.setLimit(heldLimit) // the disk may be slow, or full
	defer s.g.setLimit(readLimit)
	if err := r.Handle(ctx, mail); err != nil {
		return &heldError{fmt.Errorf("handle alert %.12s: %w", mail.Alert.ID, err)}
	}
	r.handled = true
	before := r.cur
	r.pass(meta{uid: mail.UID, internal: mail.Internal})
	if r.Sync != nil {
		r.loose = append(r.loose, mail.UID)
		return nil
	}
	if err := r.save(); err != nil {
		r.cur = before // the mail comes again; its ID tells
		return err
	}
	r.mark(s, mail.UID)
	return nil
}

// single reads one mail. One that the server fails to give again and again is left
// behind with a line in the log, for it would hold up all that come after it.
func (r *run) single(ctx context.Context, s *session, m meta) (raw []byte, found bool, err error) {
	raw, found, err = s.body(m.uid)
	if err == nil {
		return raw, found, nil
	}
	if r.sick.uid != m.uid {
		r.sick.uid, r.sick.tries = m.uid, 0
	}
	if r.sick.tries++; r.sick.tries < maxTries {
		return nil, false, err
	}
	r.log.Error("mail cannot be read and is passed over: look at it by hand", "mailbox", r.mailbox(), "uid", m.uid, "received", m.internal, "attempts", r.sick.tries, "err", err)
	r.sick.uid = 0
	r.pass(m)
	if bad := r.settle(ctx, s); bad != nil {
		return nil, false, bad
	}
	return nil, false, err
}

// pass moves the cursor past a mail.
func (r *run) pass(m meta) {
	r.cur.UID = m.uid
	internal := m.internal
	if now := time.Now().UTC(); internal.After(now) {
		internal = now
	}
	if internal.After(r.cur.LastInternal) {
		r.cur.LastInternal = internal.Round(0)
	}
}

func (r *run) reader() *alertmail.Reader {
	if r.Reader == nil {
		return &alertmail.Reader{}
	}
	return r.Reader
}
