package smtpout

import (
	"errors"
	"fmt"
	"strings"

	"github.com/emersion/go-smtp"

	"rtmtgrab/internal/redact"
)

// An Outcome is what the server said of each recipient of a mail that it took.
type Outcome struct {
	Taken   []string  // they have it
	Refused []Refusal // for good
	Later   []Refusal // for now
}

// A Refusal is why a recipient does not have a mail.
type Refusal struct {
	To  string
	Err error // an *Error of StageSend
}

// Said are refusals in words, fit for a log.
func Said(list []Refusal) string {
	var all []string
	for _, r := range list {
		all = append(all, redact.Foreign(r.To, 100)+" ("+r.Err.Error()+")")
	}
	return strings.Join(all, ", ")
}

func submit(c *smtp.Client, from string, to []string, msg []byte) (o Outcome, err error) {
	if err := c.Mail(from, nil); err != nil {
		return o, at(StageSend, err)
	}
	for _, rcpt := range to {
		if err := o.ask(c, rcpt); err != nil {
			return o, err
		}
	}
	if len(o.Taken) == 0 {
		return o, o.nobody()
	}
	w, err := c.Data()
	if err != nil {
		return o, at(StageMessage, err)
	}
	if _, err := w.Write(msg); err != nil {
		return o, at(StageMessage, err)
	}
	return o, at(StageMessage, w.Close())
}

// ask asks the server whether it takes the mail for somebody. An error is of the
// conversation.
func (o *Outcome) ask(c *smtp.Client, rcpt string) error {
	err := c.Rcpt(rcpt, nil)
	no, refused := errors.AsType[*smtp.SMTPError](err)
	switch {
	case err == nil:
		o.Taken = append(o.Taken, rcpt)
	case !refused || no.Code == codeClosing:
		return at(StageSend, err)
	case no.Temporary():
		o.Later = append(o.Later, Refusal{rcpt, at(StageSend, err)})
	default:
		o.Refused = append(o.Refused, Refusal{rcpt, at(StageSend, err)})
	}
	return nil
}

// codeClosing is that the server ends the conversation.
const codeClosing = 421

// nobody is the error of a mail that nobody is to have: for good only if that holds for all.
func (o *Outcome) nobody() error {
	list := o.Later
	if len(list) == 0 {
		list = o.Refused
	}
	if len(list) == 0 {
		return at(StageSend, errors.New("it is to nobody"))
	}
	last := list[len(list)-1]
	e, _ := errors.AsType[*Error](last.Err)
	return &Error{Stage: StageSend, Refused: e.Refused, Code: e.Code, Err: fmt.Errorf("recipient %s: %w", redact.Foreign(last.To, 100), e.Err)}
}
