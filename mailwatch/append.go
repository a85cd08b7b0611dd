package mailwatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"

	"rtmtgrab/internal/redact"
)

// An Appended is a mail that Append put into a mailbox.
type Appended struct {
	Mailbox     string
	UIDValidity uint32
	UID         uint32 // zero: the server did not tell
}

// Append puts a mail into a mailbox of the server over a connection of its own. The
// error is a *StageError wherever it is known how far it came.
func Append(ctx context.Context, server Server, mailbox string, raw []byte) (Appended, error) {
	a := Appended{Mailbox: mailbox}
	if err := server.validate(); err != nil {
		return a, err
	}
	s, err := server.open(ctx, nil)
	if err != nil {
		return a, err
	}
	defer s.logout()

	var data *imap.AppendData
	err = s.do(commandLimit, func() error {
		cmd := s.c.Append(mailbox, int64(len(raw)), nil)
		_, wrote := cmd.Write(raw)
		closed := cmd.Close()
		got, err := cmd.Wait() // a server that refuses says why here
		if err == nil {
			err = errors.Join(wrote, closed)
		}
		data = got
		return err
	})
	if err != nil {
		return a, at(StageMailbox, fmt.Errorf("append to %q: %w", redact.Foreign(mailbox, 100), err))
	}
	if data != nil {
		a.UIDValidity, a.UID = data.UIDValidity, uint32(data.UID)
	}
	return a, nil
}

// Remove takes the mail out of the mailbox again, and no other. It does nothing, and says
// so, where the server did not tell which mail it is, has renumbered its mails since, or
// can remove only all mails that are marked as deleted.
func (a Appended) Remove(ctx context.Context, server Server) error {
	if a.UID == 0 || a.UIDValidity == 0 {
		return errors.New("the server did not tell the UID of the mail (it offers no UIDPLUS)")
	}
	s, err := server.open(ctx, nil)
	if err != nil {
		return err
	}
	defer s.logout()

	box, err := s.selectBox(a.Mailbox, false)
	switch {
	case err != nil:
		return err
	case box.UIDValidity != a.UIDValidity:
		return errors.New("the server has renumbered the mails since")
	case !s.uids:
		return errNoUIDPlus
	}
	return at(StageMailbox, s.remove(a.UID))
}
