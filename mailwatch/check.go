package mailwatch

import (
	"context"
	"crypto/tls"
	"time"
)

// A Report is what Check found.
type Report struct {
	TLS         string    // version of TLS, empty without
	Idle        bool      // the server pushes
	Messages    uint32    // in the mailbox
	Newest      time.Time // INTERNALDATE of the mailbox's last mail, zero if it is empty
	UIDValidity uint32
}

// Check logs in, opens the mailbox read only and looks around. The error is a
// *StageError wherever it is known how far it came; the report holds what was
// found up to there.
func Check(ctx context.Context, server Server, mailbox string) (Report, error) {
	var rep Report
	if err := server.validate(); err != nil {
		return rep, err
	}
	s, err := server.open(ctx, nil)
	if err != nil {
		return rep, err
	}
	defer s.logout()
	if conn, ok := s.g.Conn.(*tls.Conn); ok {
		rep.TLS = tls.VersionName(conn.ConnectionState().Version)
	}
	rep.Idle = s.idle
	if mailbox == "" {
		mailbox = "INBOX"
	}
	box, err := s.selectBox(mailbox, true)
	if err != nil {
		return rep, err
	}
	rep.Messages, rep.UIDValidity = box.NumMessages, box.UIDValidity
	if box.NumMessages > 0 {
		rep.Newest, err = s.newest(box.NumMessages)
	}
	return rep, at(StageMailbox, err)
}
