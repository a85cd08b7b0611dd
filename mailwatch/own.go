package mailwatch

import (
	"context"
	"errors"
	"strings"
	"time"

	"rtmtgrab/mailwatch/alertmail"
)

// A Letter is a new mail as it was read, whether an alert is in it or not.
type Letter struct {
	Raw      []byte // its first MaxRaw bytes at most
	Subject  string // decoded, on one line
	Text     string // decoded
	Cluster  string // as in the subject; empty if none is named there
	Part     bool   // Raw is not the whole mail
	Internal time.Time
	Seen     time.Time

	letter *alertmail.Letter
}

// Field is the value of the first header field of that name, as it was written, or
// "".
func (l *Letter) Field(name string) string { return l.letter.First(strings.ToLower(name)) }

// A Verdict on a Letter.
type Verdict int

// The verdicts.
const (
	Look   Verdict = iota // it may be an alert
	Pass                  // it is none
	Remove                // it is none, and is taken out of the mailbox
)

// own asks about a mail and reports whether it is done with.
func (r *run) own(ctx context.Context, s *session, m meta, raw []byte) bool {
	if r.Own == nil {
		return false
	}
	l := alertmail.ReadLetter(raw)
	subject := alertmail.Flatten(alertmail.Decoded(l.First("subject")))
	letter := Letter{Raw: raw, Subject: subject, Text: l.Text, Part: len(raw) >= alertmail.MaxRaw && m.size > alertmail.MaxRaw, Internal: m.internal, Seen: m.seen, letter: l}
	if found := alertmail.SubjectRE.FindStringSubmatch(subject); found != nil {
		letter.Cluster = strings.TrimSpace(found[1])
	}
	switch r.Own(ctx, letter) {
	case Look:
		return false
	case Remove:
		r.remove(s, m.uid)
	}
	return true
}

var errNoUIDPlus = errors.New("the server offers no UIDPLUS, and EXPUNGE would remove other mails too")

// remove takes a mail out of the mailbox, and no other. What goes wrong with that
// is said once.
func (r *run) remove(s *session, uid uint32) {
	if !r.Delete {
		return
	}
	err := errNoUIDPlus
	if s.uids {
		err = s.remove(uid)
	}
	if err != nil && !r.stuck {
		r.stuck = true
		r.log.Warn("cannot remove mail from the mailbox, it stays there and is not handled again; this is said once", "mailbox", r.mailbox(), "uid", uid, "err", err)
	}
}
