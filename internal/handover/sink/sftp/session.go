package sftp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"

	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/redact"
	"rtmtgrab/internal/sshdial"
)

// A session is a login with its SFTP channel. A server that answers nothing for a while is
// given up, though its connection may be alive.
type session struct {
	ctx    context.Context // the caller's, and the end of the session
	cl     *sshdial.Client
	c      *sftp.Client
	stall  time.Duration
	cancel context.CancelCauseFunc
	unhook func() bool

	mu    sync.Mutex
	open  int // what was asked and is not answered
	timer *time.Timer
}

const (
	chunk  = 32000 // of a write: with its head it fits into one packet of SSH
	window = 160   // writes and reads under way: 5 MB, more than a channel of OpenSSH takes
)

var errStalled = errors.New("it answers nothing")

func (s *Sink) open(ctx context.Context, dial sshdial.Config) (*session, error) {
	cl, err := sshdial.Dial(ctx, dial)
	if err != nil {
		return nil, dialed(ctx, err)
	}
	own, cancel := context.WithCancelCause(ctx)
	sess := &session{ctx: own, cl: cl, stall: s.Stall, cancel: cancel}
	if sess.stall <= 0 {
		sess.stall = time.Minute
	}
	sess.unhook = context.AfterFunc(own, cl.Abort)
	sess.timer = time.AfterFunc(time.Hour, sess.expired)
	sess.timer.Stop()
	err = sess.do(func() (err error) {
		sess.c, err = sftp.NewClient(cl.Client, sftp.MaxPacketChecked(32<<10), sftp.UseConcurrentWrites(true))
		return err
	})
	if err != nil {
		defer sess.close()
		if strings.Contains(err.Error(), "subsystem request failed") {
			return nil, &sink.Error{Cause: sink.Rejected, Permanent: true, Err: errors.New("the server does not offer SFTP")}
		}
		return nil, sess.explain(err)
	}
	return sess, nil
}

// close ends the connection first: a sick server may never end the channel.
func (s *session) close() {
	s.unhook()
	s.timer.Stop()
	s.cl.Close()
	if s.c != nil {
		s.c.Close()
	}
	s.cancel(nil)
}

// do asks the server for something, which it has to answer in time.
func (s *session) do(ask func() error) error {
	s.mu.Lock()
	if s.open++; s.open == 1 {
		s.timer.Reset(s.stall)
	}
	s.mu.Unlock()

	err := ask()

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open--; s.open == 0 {
		s.timer.Stop()
	} else {
		s.timer.Reset(s.stall)
	}
	return err
}

// expired gives the server up.
func (s *session) expired() {
	s.mu.Lock()
	waits := s.open > 0
	s.mu.Unlock()
	if waits {
		s.cancel(fmt.Errorf("%w for %s", errStalled, human.Span(s.stall)))
	}
}

// dialed is what it means for a delivery that there is no connection.
func dialed(ctx context.Context, err error) error {
	e, ok := errors.AsType[*sshdial.Error](err)
	if !ok || e.Kind == sshdial.KindCanceled && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	out := &sink.Error{Cause: sink.Unreachable, Permanent: e.Permanent(), Err: redact.Error(err)}
	switch e.Kind {
	case sshdial.KindTimeout:
		out.Cause = sink.Timeout
	case sshdial.KindHostKeyChanged, sshdial.KindHostKeyUnknown:
		out.Cause = sink.Certificate
	case sshdial.KindLoginRefused, sshdial.KindLoginBlocked, sshdial.KindNotOffered:
		out.Cause = sink.Refused
	case sshdial.KindLocal, sshdial.KindLedger:
		out.Cause = sink.Local
	case sshdial.KindNoCommon:
		out.Cause, out.Permanent = sink.Rejected, true
	}
	return out
}
