package rtmt

import (
	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// A session is one connection's. Its IDLE says at once what has changed since the last command, as
// servers do: that of the library says nothing of what changed before it began.
type session struct {
	*imapmemserver.UserSession // nil before the login

	m    *Mailbox
	news chan struct{} // something changed since it was looked at
}

func (m *Mailbox) newSession() *session {
	s := &session{m: m, news: make(chan struct{}, 1)}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions[s] = struct{}{}
	return s
}

// changed has all sessions that idle look.
func (m *Mailbox) changed() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for s := range m.sessions {
		select {
		case s.news <- struct{}{}:
		default:
		}
	}
}

func (s *session) Login(user, password string) error {
	if err := s.m.user.Login(user, password); err != nil {
		return err
	}
	s.UserSession = imapmemserver.NewUserSession(s.m.user)
	return nil
}

func (s *session) Close() error {
	s.m.mu.Lock()
	delete(s.m.sessions, s)
	s.m.mu.Unlock()
	return s.UserSession.Close()
}

func (s *session) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	for {
		if err := s.Poll(w, true); err != nil {
			return err
		}
		select {
		case <-s.news:
		case <-stop:
			return nil
		}
	}
}

func (s *session) Append(mailbox string, r imap.LiteralReader, o *imap.AppendOptions) (*imap.AppendData, error) {
	defer s.m.changed()
	return s.UserSession.Append(mailbox, r, o)
}

func (s *session) Copy(set imap.NumSet, to string) (*imap.CopyData, error) {
	defer s.m.changed()
	return s.UserSession.Copy(set, to)
}

func (s *session) Move(w *imapserver.MoveWriter, set imap.NumSet, to string) error {
	defer s.m.changed()
	return s.UserSession.Move(w, set, to)
}

func (s *session) Expunge(w *imapserver.ExpungeWriter, set *imap.UIDSet) error {
	defer s.m.changed()
	return s.UserSession.Expunge(w, set)
}

func (s *session) Store(w *imapserver.FetchWriter, set imap.NumSet, flags *imap.StoreFlags, o *imap.StoreOptions) error {
	defer s.m.changed()
	return s.UserSession.Store(w, set, flags, o)
}
