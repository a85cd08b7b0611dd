package channel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"slices"
	"strings"

	"rtmtgrab/internal/smtpout"
)

// Mail sends notices by SMTP, one mail to all recipients.
type Mail struct {
	Server *smtpout.Server
	From   string
	To     []string
	// Mark gives the header field and the word that tell a notice of ours, for its
	// ID; the word stands in the text too. ID makes a Message-ID of it.
	Mark func(id string) (field, word string)
	ID   func(id, domain string) string
	Log  *slog.Logger

	inHand partial
}

// notAtOnce has a login that was refused wait: servers lock accounts after some of these.
func notAtOnce(err error) error {
	if e, ok := errors.AsType[*smtpout.Error](err); ok && e.LoginRefused() {
		return &Wait{longestWait, err}
	}
	return err
}

// A partial is a notice that some recipients have, and some not yet.
type partial struct {
	id    string
	has   []string
	tries int
}

// maxLater is how often a notice is tried for recipients whom the server refuses for now
// while others have it: those that come after wait behind it.
const maxLater = 4

// Send hands the notice in. Who is refused, for now or for good, keeps it from nobody else, and
// who has it does not get it again while it is tried for the others.
func (m *Mail) Send(ctx context.Context, n Notice) error {
	field, word := m.Mark(n.ID)
	msg, err := smtpout.Message{
		ID: m.ID(n.ID, domain(m.From)), Date: n.Time, From: mail.Address{Name: "grab", Address: m.From}, To: m.To, Subject: n.Subject,
		Fields: [][2]string{{field, word}},
		Text:   n.body() + "\n-- \n" + word + "\nThis mail was sent by grab. The line above lets grab recognise its own mails.\n",
	}.Bytes()
	if err != nil {
		return &Refusal{err}
	}
	if m.inHand.id != n.ID {
		m.inHand = partial{id: n.ID}
	}
	to := slices.DeleteFunc(slices.Clone(m.To), func(addr string) bool { return slices.Contains(m.inHand.has, addr) })
	o, err := m.Server.Send(ctx, m.From, to, msg)
	if e := (*smtpout.Error)(nil); errors.As(err, &e) && e.Refused && e.Stage == smtpout.StageMessage {
		return &Refusal{err}
	}
	err = notAtOnce(err)
	m.inHand.has = append(m.inHand.has, o.Taken...)
	if len(m.inHand.has) == 0 {
		return err // nobody has it
	}
	m.inHand.tries++
	if m.inHand.tries < maxLater && (err != nil || len(o.Later) > 0) {
		return cmp.Or(err, fmt.Errorf("the mail server does not take it yet for %s; the other recipients have it", smtpout.Said(o.Later)))
	}
	m.left(o, err)
	return nil
}

// left says who does not have a notice that others have.
func (m *Mail) left(o smtpout.Outcome, err error) {
	if m.Log == nil || err == nil && len(o.Refused)+len(o.Later) == 0 {
		return
	}
	m.Log.Warn("some recipients do not get a notification; the others have it", "refused", smtpout.Said(o.Refused), "tried in vain", smtpout.Said(o.Later), "err", err)
}

func domain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }
