package channel

import (
	"context"
	"errors"
	"log/slog"
	"net/mail"
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
}

// Send hands the notice in.
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
	refused, err := m.Server.Send(ctx, m.From, m.To, msg)
	if len(refused) > 0 && m.Log != nil {
		m.Log.Warn("the mail server rejects some recipients of notifications", "refused", strings.Join(refused, ", "))
	}
	if e := (*smtpout.Error)(nil); errors.As(err, &e) && e.Refused && e.Stage == smtpout.StageMessage {
		return &Refusal{err}
	}
	return err
}

func domain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }
