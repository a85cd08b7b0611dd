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
	widest = 1 << 15 // UIDs that are looked over at once where there are few mails; if there are many after all, the answer still fits maxCommand
)

// A heldError says that an alert could not be kept on this machine. It is no
// fault of the connection.
type heldError struct{ err error }

func (e *heldError) Error() string { return e.err.Error() }
func (e *heldError) Unwrap() error { return e.err }

// look deals with every mail above the cursor, in the order of UIDs, and ends
// with Flush if any was handled, even if the connection broke in between.
func (r *run) look(ctx context.Context, s *session) error {
	err := r.scan(ctx, s)
	if err == nil {
		r.pos.floor, r.ahead.singly = time.Time{}, false
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
			return errors.Join(err, &heldError{fmt.Errorf("after saving alerts: %w", bad)})
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
	r.ahead.forget()
	for {
		if r.pos.cur.UID == ^uint32(0) {
			return nil
		}
		lo, hi := r.pos.cur.UID+1, uint32(0)
		if lo < r.pos.backlog {
			hi = lo + min(step-1, r.pos.backlog-1-lo)
		}
		mails, more, err := r.list(s, lo, hi)
		if err != nil {
			return err
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
			r.pos.cur.UID = hi
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

// list is session.list, without what is not believed.
func (r *run) list(s *session, lo, hi uint32) (mails []meta, more bool, err error) {
	mails, more, err = s.list(lo, hi)
	if err != nil {
		return nil, false, fmt.Errorf("list mails: %w", err)
	}
	if hi == 0 {
		all := len(mails)
		mails = r.believed(mails)
		more = more && len(mails) == all
	}
	return mails, more, nil
}

// alive gives a sign of life in the course of a long look.
func (r *run) alive(s *session) {
	if r.link.answer = s.answer; time.Since(r.link.said) >= sign {
		r.link.say(EventWaiting, r.pos.cur, nil, time.Time{})
	}
}

// mail deals with one mail, before those that come next. The cursor passes it last.
func (r *run) mail(ctx context.Context, s *session, m meta, next []meta) error {
	if r.pos.tooOld(m) {
		r.pos.pass(m)
		return nil
	}
	raw, found, err := r.ahead.text(s, m, next, r.pos.floor)
	if err != nil {
		return fmt.Errorf("read mail %d: %w", m.uid, r.unread(ctx, s, m, err))
	}
	if !found {
		r.pos.pass(m)
		return nil
	}
	m.internal = alertmail.Got(raw, m.internal, m.seen)
	if r.own(ctx, s, m, raw) {
		r.pos.pass(m)
		return nil
	}
	alert, matches := r.reader().Read(raw, m.internal)
	if !matches {
		r.pos.pass(m)
		return nil
	}
	mail := Mail{Alert: alert, Raw: raw, Truncated: len(raw) >= alertmail.MaxRaw && m.size > alertmail.MaxRaw, Size: m.size,
		UID: m.uid, UIDValidity: r.pos.cur.UIDValidity, Internal: m.internal, Seen: m.seen}
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
	before := r.pos.cur
	r.pos.pass(meta{uid: mail.UID, internal: mail.Internal})
	if r.Sync != nil {
		r.loose = append(r.loose, mail.UID)
		return nil
	}
	if err := r.pos.save(); err != nil {
		r.pos.cur = before // the mail comes again; its ID tells
		return err
	}
	r.mark(s, mail.UID)
	return nil
}

// unread is what is done about a mail that could not be read. One that the server fails to
// give again and again is left behind with a line in the log, for it would hold up all
// that come after it.
func (r *run) unread(ctx context.Context, s *session, m meta, err error) error {
	tries, hopeless := r.ahead.givesUp(m.uid)
	if !hopeless {
		return err
	}
	r.log.Error("mail skipped, it cannot be read: look at it by hand", "mailbox", r.mailbox(), "uid", m.uid, "received", m.internal, "attempts", tries, "err", err)
	r.pos.pass(m)
	if bad := r.settle(ctx, s); bad != nil {
		return bad
	}
	return err
}

// settle makes safe what Handle took since, moves the cursor, and marks the mails.
func (r *run) settle(ctx context.Context, s *session) error {
	if len(r.loose) == 0 {
		return r.pos.save()
	}
	uids := r.loose
	r.loose = nil
	s.g.setLimit(heldLimit)
	defer s.g.setLimit(readLimit)
	if err := r.Sync(ctx); err != nil {
		r.comeAgain() // the mails come again
		return &heldError{fmt.Errorf("save %d alerts: %w", len(uids), err)}
	}
	if err := r.pos.save(); err != nil {
		r.comeAgain()
		return err
	}
	r.mark(s, uids...)
	return nil
}

// comeAgain lets the mails that could not be kept come again.
func (r *run) comeAgain() {
	r.pos.back()
	r.ahead.forget()
}

func (r *run) mark(s *session, uids ...uint32) {
	if !r.marks() || s.g.Err() != nil {
		return
	}
	if err := s.setFlag(uids, r.Mark); err != nil {
		r.log.Warn("cannot mark mails in the mailbox, their alerts are saved; the account needs the right to change flags", "uids", uids, "mark", r.Mark, "err", err)
	}
}

func (r *run) reader() *alertmail.Reader {
	if r.Reader == nil {
		return &alertmail.Reader{}
	}
	return r.Reader
}
