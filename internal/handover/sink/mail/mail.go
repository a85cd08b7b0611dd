// Package mail tells people by mail what a bundle says and where it is; the bundle itself
// is never sent.
//
// It guarantees that a recipient whom the server refuses, for now or for good, keeps the mail
// from nobody else, that who is known to have it is not sent it again, and that a repeated mail has
// the same Message-ID, so that most mailboxes show it once; after an outcome that nobody knows
// there may be two all the same.
package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strings"

	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/redact"
	"rtmtgrab/internal/smtpout"
	"rtmtgrab/internal/tlsfault"
)

// A Sink is people's addresses.
type Sink struct {
	Server smtpout.Server
	From   string
	To     []string
	Link   string // where the bundle is; {name} and {case} stand for its own; empty: the mail does not say
}

// Deliver sends the mail on an artifact to those who do not have it yet. Who is refused does
// not keep it from the others.
func (s *Sink) Deliver(ctx context.Context, a sink.Artifact) (sink.Receipt, error) {
	receipt := sink.Receipt{Place: "mail to " + strings.Join(s.To, ", "), Verified: sink.ByStatus}
	to := slices.DeleteFunc(slices.Clone(s.To), func(addr string) bool { return slices.Contains(a.Reached, addr) })
	if len(to) == 0 && len(s.To) > 0 {
		return receipt, nil
	}
	msg, err := s.message(a)
	if err != nil {
		return receipt, &sink.Error{Cause: sink.Local, Permanent: true, Err: err}
	}
	o, err := s.Server.Send(ctx, s.From, to, msg)
	if err != nil {
		return receipt, s.others(len(to), explain(ctx, err))
	}
	receipt.Reached = o.Taken
	return receipt, missed(o)
}

// others adds to an error that some have the mail of earlier attempts.
func (s *Sink) others(asked int, err error) error {
	e, ok := errors.AsType[*sink.Error](err)
	if !ok || asked == len(s.To) {
		return err
	}
	own := *e
	own.Err = fmt.Errorf("%w; the other recipients have the mail", e.Err)
	own.Unknown = own.Unknown || own.Permanent // as in missed
	return &own
}

// missed is that some do not have a mail that others have. It is about this mail, and the
// next one may reach them all.
func missed(o smtpout.Outcome) error {
	switch {
	case len(o.Later) > 0:
		return &sink.Error{Cause: sink.Busy, Alone: true,
			Err: fmt.Errorf("the server does not take it yet for %s; the other recipients have the mail, and do not get it again", smtpout.Said(slices.Concat(o.Later, o.Refused)))}
	case len(o.Refused) > 0:
		return &sink.Error{Cause: sink.Rejected, Permanent: true, Unknown: true,
			Err: fmt.Errorf("the server refuses %s; the other recipients have the mail", smtpout.Said(o.Refused))}
	}
	return nil
}

func (s *Sink) message(a sink.Artifact) ([]byte, error) {
	_, domain, _ := strings.Cut(s.From, "@")
	m := smtpout.Message{ID: "<handover." + a.ID + "@" + domain + ">", From: mail.Address{Name: "grab", Address: s.From}, To: s.To,
		Subject: a.Note.Subject, Fields: [][2]string{{"X-Grab-Bundle", a.Name}}, Text: s.text(a)}
	if m.Subject == "" {
		m.Subject = a.Name
	}
	return m.Bytes()
}

// text is the answer and where to find the evidence.
func (s *Sink) text(a sink.Artifact) string {
	var b strings.Builder
	if t := strings.TrimSpace(a.Note.Text); t != "" {
		b.WriteString(t + "\n\n")
	}
	fmt.Fprintf(&b, "Bundle: %s\n", a.Name)
	if a.Case != "" {
		fmt.Fprintf(&b, "Case: %s\n", a.Case)
	}
	if s.Link != "" {
		link := strings.NewReplacer("{name}", url.PathEscape(a.Name), "{case}", url.PathEscape(a.Case)).Replace(s.Link)
		fmt.Fprintf(&b, "Where: %s\n", link)
	}
	return b.String()
}

// explain is what a failure of SMTP means for a delivery.
func explain(ctx context.Context, err error) error {
	e := &sink.Error{Cause: sink.Unreachable, Err: redact.Error(err)}
	at, ok := errors.AsType[*smtpout.Error](err)
	if !ok {
		return e
	}
	if ctx.Err() != nil && !at.Refused {
		if at.Stage == smtpout.StageMessage {
			return &sink.Error{Cause: sink.Timeout, Unknown: true, Err: context.Cause(ctx)}
		}
		return context.Cause(ctx)
	}
	e.Permanent = at.Refused
	switch {
	case at.Refused && at.Stage == smtpout.StageLogin:
		e.Cause = sink.Refused
	case at.Refused:
		e.Cause = sink.Rejected
	case at.Stage == smtpout.StageTLS && (tlsfault.Certificate(err) || tlsfault.Plain(err) || tlsfault.Old(err)):
		e.Cause = sink.Certificate
	case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
		e.Cause = sink.Timeout
	case at.Code != 0: // no for now: it did not just go silent
		e.Cause = sink.Busy
	}
	e.Unknown = at.Stage == smtpout.StageMessage && !at.Refused && e.Cause != sink.Busy
	return e
}

func isTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}

// Check logs in and sends nothing.
func (s *Sink) Check(ctx context.Context) error {
	if err := s.Server.Check(ctx); err != nil {
		return explain(ctx, err)
	}
	return nil
}
