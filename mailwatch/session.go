package mailwatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/redact"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
)

// A session is one connection to the server, logged in. One goroutine uses it.
type session struct {
	c      *imapclient.Client
	g      *guard
	stop   func() bool
	hint   chan struct{} // the server said that something changed
	idle   bool          // IDLE is offered
	uids   bool          // UID EXPUNGE is offered
	answer time.Time     // of the last command that was answered
	called bool          // the last wait ended because the server said that something changed
}

// open connects and logs in. Ending ctx closes the connection.
func (s *Server) open(ctx context.Context, dial dialFunc) (*session, error) {
	if s.Token != nil {
		return s.openToken(ctx, dial)
	}
	return s.enter(ctx, dial, "")
}

// enter is one attempt of open. token is the access token, where there is one.
func (s *Server) enter(ctx context.Context, dial dialFunc, token string) (*session, error) {
	g, stop, err := s.connect(ctx, dial)
	if err != nil {
		return nil, err
	}
	se := &session{g: g, stop: stop, hint: make(chan struct{}, 1)}
	changed := func() { // called by the client's reader: anything but this would block it
		select {
		case se.hint <- struct{}{}:
		default:
		}
	}
	se.c = imapclient.New(g, &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(d *imapclient.UnilateralDataMailbox) {
			if d.NumMessages != nil {
				changed()
			}
		},
	}})
	if err := se.do(commandLimit, se.c.WaitGreeting); err != nil {
		se.close()
		return nil, at(StageDial, fmt.Errorf("greeting: %w", err))
	}
	if err := se.login(s, token); err != nil {
		se.close()
		return nil, err
	}
	return se, nil
}

// do runs one command and waits for its answer, at most for limit: then the
// connection is closed. The error of a connection that ended says why it did.
func (s *session) do(limit time.Duration, command func() error) error {
	return s.doMails(limit, 0, command)
}

// doMails is do for a command whose answer has mails of so many bytes.
func (s *session) doMails(limit time.Duration, mails int64, command func() error) error {
	s.g.command(mails)
	t := time.AfterFunc(limit, func() { s.g.fail(fmt.Errorf("the server did not answer within %s", human.Span(limit))) })
	err := command()
	t.Stop()
	if err == nil {
		s.answer = time.Now()
		return nil
	}
	if no := (*imap.Error)(nil); errors.As(err, &no) {
		s.answer = time.Now()
		return answered(no)
	}
	return s.why(err)
}

// why is the reason behind an error of a connection that ended: the guard's, or
// the client's own, which it gives on closing only.
func (s *session) why(err error) error {
	closed := s.g.Err()
	if closed == nil || !errors.Is(closed, net.ErrClosed) {
		return s.g.told(cmp.Or(closed, err))
	}
	s.g.Close()
	if own := s.c.Close(); own != nil && !errors.Is(own, net.ErrClosed) {
		return s.g.told(errors.New(redact.Foreign(own.Error(), 200)))
	}
	return s.g.told(cmp.Or(err, closed))
}

// answered is a NO or BAD with its text made fit for a log.
func answered(no *imap.Error) error {
	return &imap.Error{Type: no.Type, Code: imap.ResponseCode(redact.Foreign(string(no.Code), 50)), Text: redact.Foreign(no.Text, 200)}
}

// login logs in once, in the way that is configured or offered, and learns
// what the server can do then.
func (s *session) login(srv *Server, token string) (err error) {
	var caps imap.CapSet
	if err := s.do(commandLimit, func() error { caps = s.c.Caps(); return nil }); err != nil {
		return at(StageLogin, err)
	}
	if err := s.g.Err(); err != nil {
		return at(StageLogin, err)
	}
	mech, err := srv.mechanism(caps)
	if err != nil {
		return &StageError{Stage: StageLogin, Refused: true, Err: err}
	}
	if token != "" {
		redact.Add(token)
		b := newBearer(mech, srv.User, srv.Addr, token)
		err = b.told(s.do(commandLimit, func() error { return s.c.Authenticate(b) }))
	} else {
		password, bad := srv.Password()
		if bad != nil {
			return at(StageLogin, fmt.Errorf("read password: %w", bad))
		}
		redact.Add(password)
		err = s.do(commandLimit, func() error {
			if mech == sasl.Plain {
				return s.c.Authenticate(sasl.NewPlainClient("", srv.User, password))
			}
			return s.c.Login(srv.User, password).Wait()
		})
	}
	if err != nil {
		return &StageError{Stage: StageLogin, Refused: refused(err), Err: fmt.Errorf("user %s: %w", redact.Foreign(srv.User, 100), err)}
	}
	// The client forgets what the server could do before the login, and asks
	// again by itself, some time after the login's answer: certainly when NOOP is
	// answered. Without this its question would come in the middle of IDLE.
	if err := s.noop(); err != nil {
		return at(StageLogin, err)
	}
	err = s.do(commandLimit, func() error { caps = s.c.Caps(); return s.g.Err() })
	s.idle = caps.Has(imap.CapIdle) || caps.Has(imap.CapIMAP4rev2)
	s.uids = caps.Has(imap.CapUIDPlus) || caps.Has(imap.CapIMAP4rev2)
	return at(StageLogin, err)
}

// refused tells a login that was judged from one that could not be.
func refused(err error) bool {
	no := (*imap.Error)(nil)
	if !errors.As(err, &no) {
		return false
	}
	switch no.Code {
	case imap.ResponseCodeUnavailable, imap.ResponseCodeInUse, imap.ResponseCodeLimit, imap.ResponseCodeServerBug:
		return false
	}
	return true
}

// selectBox opens the mailbox, read only if so wished.
func (s *session) selectBox(name string, readOnly bool) (box *imap.SelectData, err error) {
	err = s.do(commandLimit, func() error {
		box, err = s.c.Select(name, &imap.SelectOptions{ReadOnly: readOnly}).Wait()
		return err
	})
	if err != nil {
		return nil, at(StageMailbox, s.instead(fmt.Errorf("open %q: %w", redact.Foreign(name, 100), err)))
	}
	return box, nil
}

func (s *session) noop() error {
	return s.do(commandLimit, func() error { return s.c.Noop().Wait() })
}

// setFlag marks mails.
func (s *session) setFlag(uids []uint32, mark string) error {
	var set imap.UIDSet
	for _, uid := range uids {
		set.AddNum(imap.UID(uid))
	}
	flag := imap.FlagSeen
	if mark == MarkFlagged {
		flag = imap.FlagFlagged
	}
	return s.do(commandLimit, func() error {
		return s.c.Store(set, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{flag}}, nil).Close()
	})
}

var errIdleEnded = errors.New("the server ended IDLE")

// await waits until the server says that something changed, at most for d. It
// idles if push is set; a server that refuses to is polled from then on.
func (s *session) await(ctx context.Context, d time.Duration, push bool) error {
	t := time.NewTimer(d)
	defer t.Stop()
	s.called = false
	if push {
		select { // of earlier commands; from here on it is of IDLE
		case <-s.g.ended:
		default:
		}
		var idle *imapclient.IdleCommand
		err := s.do(commandLimit, func() (err error) { idle, err = s.c.Idle(); return err })
		if err == nil {
			return s.idling(ctx, idle, t.C)
		}
		if no := (*imap.Error)(nil); !errors.As(err, &no) {
			return err
		}
		s.idle = false
	}
	select {
	case <-s.hint:
		s.called = true
	case <-t.C:
	case <-s.c.Closed():
	case <-ctx.Done():
	}
	if s.g.Err() != nil {
		return s.why(nil)
	}
	return nil
}

// idling waits while IDLE runs, and ends it.
func (s *session) idling(ctx context.Context, idle *imapclient.IdleCommand, over <-chan time.Time) error {
	select {
	case <-s.hint:
		s.called = true
	case <-over:
	case <-s.c.Closed():
	case <-ctx.Done():
	case <-s.g.ended:
		s.g.fail(errIdleEnded) // DONE would now be an unknown command
	}
	return s.do(commandLimit, func() error { return cmp.Or(idle.Close(), idle.Wait()) })
}

// drain forgets hints of what the next look will see.
func (s *session) drain() {
	select {
	case <-s.hint:
	default:
	}
}

// close ends the connection and waits for the client's goroutine.
func (s *session) close() {
	s.stop()
	s.g.Close()
	s.c.Close()
	<-s.c.Closed()
}

// logout says farewell before closing; a server that does not answer is left.
func (s *session) logout() {
	s.do(2*time.Second, func() error { return s.c.Logout().Wait() })
	s.close()
}
