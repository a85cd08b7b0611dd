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
	fast   bool // an OpenSSH server: it takes large writes, in any order, over several channels
	cancel context.CancelCauseFunc
	unhook func() bool

	mu    sync.Mutex
	open  int // what was asked and is not answered
	timer *time.Timer
	more  []*sftp.Client // channels beside c
}

const (
	small  = 32000     // bytes of a write that every server takes: with its head it fits into one packet of SSH
	large  = 255 << 10 // that OpenSSH takes, of any version: eight times fewer requests
	window = 64        // requests under way for one file
)

var errStalled = errors.New("it answers nothing")

func (s *Sink) open(ctx context.Context, dial sshdial.Config) (*session, error) {
	cl, err := sshdial.Dial(ctx, dial)
	if err != nil {
		return nil, dialed(ctx, err)
	}
	own, cancel := context.WithCancelCause(ctx)
	sess := &session{ctx: own, cl: cl, stall: s.Stall, fast: strings.Contains(cl.Server, "OpenSSH"), cancel: cancel}
	if sess.stall <= 0 {
		sess.stall = time.Minute
	}
	sess.unhook = context.AfterFunc(own, cl.Abort)
	sess.timer = time.AfterFunc(time.Hour, sess.expired)
	sess.timer.Stop()
	err = sess.do(func() (err error) { sess.c, err = sess.newClient(); return err })
	if err != nil {
		defer sess.close()
		if errors.Is(err, sshdial.ErrSubsystem) {
			return nil, &sink.Error{Cause: sink.Rejected, Permanent: true, Err: errors.New("the server does not offer SFTP")}
		}
		return nil, sess.explain(err)
	}
	return sess, nil
}

func (s *session) newClient() (*sftp.Client, error) {
	packet := sftp.MaxPacketChecked(small)
	if s.fast {
		packet = sftp.MaxPacketUnchecked(large)
	}
	ch, err := s.cl.Subsystem("sftp")
	if err != nil {
		return nil, err
	}
	c, err := sftp.NewClientPipe(ch, ch, packet, sftp.MaxConcurrentRequestsPerFile(window), sftp.UseConcurrentWrites(true))
	if err != nil {
		ch.Close()
	}
	return c, err
}

// chunk is how much is written at once.
func (s *session) chunk() int {
	if s.fast {
		return large
	}
	return small
}

// readers is how many chunks are read at once.
func (s *session) readers() int { return max(1, 4<<20/s.chunk()) }

// channel opens another channel, which ends with the session.
func (s *session) channel() (c *sftp.Client, err error) {
	err = s.do(func() (err error) { c, err = s.newClient(); return err })
	if err == nil {
		s.mu.Lock()
		s.more = append(s.more, c)
		s.mu.Unlock()
	}
	return c, err
}

// close ends the connection first: a sick server may never end the channel.
func (s *session) close() {
	s.unhook()
	s.timer.Stop()
	s.cl.Close()
	if s.c != nil {
		s.c.Close()
	}
	for _, c := range s.more { // nobody adds one any more
		c.Close()
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

// answered says that the server has answered some of what it was asked.
func (s *session) answered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open > 0 {
		s.timer.Reset(s.stall)
	}
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
	case sshdial.KindLocal: // a key or a secret cannot be read, as while it is replaced: no login was tried
		out.Cause, out.Permanent = sink.Refused, false
	case sshdial.KindLedger:
		out.Cause = sink.Local
	case sshdial.KindNoCommon:
		out.Cause, out.Permanent = sink.Rejected, true
	}
	return out
}
