package mailwatch

import (
	"errors"
	"fmt"
	"rtmtgrab/internal/redact"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// maxFolders is how many folders are named where one is not there.
const maxFolders = 20

// instead adds to the error of a folder that cannot be opened which folders there
// are. It keeps the error as it is if the server does not tell.
func (s *session) instead(err error) error {
	if no := (*imap.Error)(nil); !errors.As(err, &no) || no.Type != imap.StatusResponseTypeNo {
		return err
	}
	var names []string
	more := 0
	bad := s.do(commandLimit, func() error {
		cmd := s.c.List("", "*", nil)
		for d := cmd.Next(); d != nil; d = cmd.Next() {
			if len(names) == maxFolders {
				more++
				continue
			}
			names = append(names, fmt.Sprintf("%q", redact.Foreign(d.Mailbox, 60)))
		}
		return cmd.Close()
	})
	switch {
	case bad != nil || len(names) == 0:
		return err
	case more > 0:
		return fmt.Errorf("%w; there are %s and %d more", err, strings.Join(names, ", "), more)
	}
	return fmt.Errorf("%w; there are %s", err, strings.Join(names, ", "))
}
