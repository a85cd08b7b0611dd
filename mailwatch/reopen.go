package mailwatch

import (
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
)

const (
	// farAhead is how far the UID of a new mail may lie above the next one as the server
	// gave it last. A cursor that followed one further would pass over all mails to come.
	farAhead = 1 << 16

	openAgain = time.Minute      // between two openings of the mailbox, where one is called for
	openStale = 15 * time.Minute // a mailbox may be renumbered while it is open
)

// opened is what is known of the mailbox since it was opened last.
type opened struct {
	at      time.Time
	unsure  bool   // the server and the cursor do not agree: it is to be opened anew
	strange uint32 // a UID that was not believed, in this session, and that was said
}

// believed are the new mails whose UIDs may be true. The mailbox is opened anew before
// long, and then its next UID tells.
func (r *run) believed(mails []meta) []meta {
	next := max(uint64(r.pos.backlog), uint64(r.pos.cur.UID)+1)
	return slices.DeleteFunc(mails, func(m meta) bool {
		if m.uid != ^uint32(0) && (r.pos.backlog == 0 || uint64(m.uid) < next+farAhead) {
			return false
		}
		r.opened.unsure = true
		if r.opened.strange == 0 {
			r.opened.strange = m.uid
			r.log.Warn("mail is passed over: the server gives it a UID far above the next one", "mailbox", r.mailbox(), "uid", m.uid, "next", next)
		}
		return true
	})
}

// begin finds where to go on in a mailbox that was just opened.
func (r *run) begin(s *session, box *imap.SelectData) error {
	r.opened.at, r.opened.unsure = time.Now(), false
	return r.pos.begin(s, box, r.CatchUp, r.log, func() { r.alive(s) })
}

// openAnew opens the mailbox again in the course of a session, if the server announced
// mails of which none lies above the cursor, named one that is not believed, or a while
// has passed; not while alerts wait to be kept.
func (r *run) openAnew(s *session, held bool) error {
	age := time.Since(r.opened.at)
	if held || age < openAgain || !r.opened.unsure && age < openStale {
		return nil
	}
	box, err := s.selectBox(r.mailbox(), !r.marks() && !r.Delete)
	if err != nil {
		return err
	}
	return r.begin(s, box)
}
