package mailwatch

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/emersion/go-imap/v2"
)

// A position is how far a mailbox was read, in memory and on disk. One goroutine uses it.
type position struct {
	store   CursorStore
	loaded  bool
	have    bool      // cur was saved once
	cur     Cursor    // dealt with up to here
	saved   Cursor    // as on disk
	safe    Cursor    // from here on mails come again if they could not be kept: as on disk, or where begin found to go on
	floor   time.Time // mails older than this are passed over until the backlog is through,
	fresh   uint32    // but for those from this UID on, which came since; zero: unknown
	backlog uint32    // the first UID that was not yet given when the mailbox was opened; zero if unknown
}

// load reads the cursor once.
func (p *position) load() error {
	if p.loaded {
		return nil
	}
	cur, have, err := p.store.Load()
	if err != nil {
		return fmt.Errorf("load the mailbox's cursor: %w", err)
	}
	p.cur, p.saved, p.safe, p.have, p.loaded = cur, cur, cur, have, true
	return nil
}

// save writes the cursor, if it has moved.
func (p *position) save() error {
	if p.cur == p.saved {
		return nil
	}
	if err := p.store.Save(p.cur); err != nil {
		return &heldError{fmt.Errorf("save the mailbox's cursor: %w", err)}
	}
	p.saved, p.safe = p.cur, p.cur
	return nil
}

// begin finds where to go on in a mailbox that was just opened; alive is called in the
// course of it.
func (p *position) begin(s *session, box *imap.SelectData, catchUp time.Duration, log *slog.Logger, alive func()) error {
	p.backlog = uint32(box.UIDNext)
	var since time.Time
	switch {
	case !p.have:
		since = time.Now().UTC().Add(-max(0, catchUp))
	case p.cur.UIDValidity != box.UIDValidity, box.UIDNext != 0 && p.cur.UID >= uint32(box.UIDNext):
		since = p.lastInternal(time.Now().UTC()).Add(-24 * time.Hour)
		log.Warn("mailbox was renumbered (UIDVALIDITY changed); reading its last day again", "was", p.cur.UIDValidity, "is", box.UIDValidity, "since", since)
	default:
		return nil
	}
	lowest, err := s.oldest(since, box.NumMessages, alive)
	if err != nil {
		return err
	}
	next := Cursor{UIDValidity: box.UIDValidity, LastInternal: p.cur.LastInternal, Began: p.cur.Began}
	switch {
	case lowest > 0:
		next.UID = lowest - 1
	case box.UIDNext > 0:
		next.UID = uint32(box.UIDNext) - 1
	}
	if !p.have {
		next.LastInternal, next.Began = since, true
	}
	p.floor, p.fresh, p.cur, p.safe = since, p.backlog, next, next
	p.have = true
	return p.save()
}

// tooOld reports whether a mail is passed over.
func (p *position) tooOld(m meta) bool {
	return m.internal.Before(p.floor) && (p.fresh == 0 || m.uid < p.fresh)
}

// pass moves the cursor past a mail.
func (p *position) pass(m meta) {
	p.cur.UID = m.uid
	now := time.Now().UTC()
	internal := m.internal
	if internal.After(now) {
		internal = now
	}
	if internal.After(p.cur.LastInternal) || p.cur.LastInternal.After(now) {
		p.cur.LastInternal, p.cur.Began = internal.Round(0), false
	}
}

// lastInternal is Cursor.LastInternal, which is of the future if the clock was ahead at the first start.
func (p *position) lastInternal(now time.Time) time.Time {
	if last := p.cur.LastInternal; last.Before(now) {
		return last
	}
	return now
}

// back goes back to where mails come again.
func (p *position) back() { p.cur = p.safe }
