package sftp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pkg/sftp"

	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/redact"
	"rtmtgrab/internal/sshdial"
)

// explain is what an error of the session means for a delivery.
func (s *session) explain(err error) error {
	if cause := context.Cause(s.ctx); cause != nil {
		if errors.Is(cause, errStalled) {
			return &sink.Error{Cause: sink.Timeout, Err: cause}
		}
		return cause
	}
	if e, ok := errors.AsType[*sink.Error](err); ok {
		return e
	}
	out := &sink.Error{Cause: sink.Busy, Err: errors.New(redact.Foreign(err.Error(), 400))}
	status, said := errors.AsType[*sftp.StatusError](err)
	switch {
	case errors.Is(err, fs.ErrPermission):
		out.Cause, out.Permanent = sink.Refused, true
	case errors.Is(err, fs.ErrNotExist): // as a folder that is not mounted here: what lies behind the server may be back
		out.Cause = sink.Unreachable
	case said && (status.FxCode() == sftp.ErrSSHFxOpUnsupported || status.FxCode() == sftp.ErrSSHFxBadMessage):
		out.Cause, out.Permanent = sink.Rejected, true
	case said && status.FxCode() != sftp.ErrSSHFxConnectionLost && status.FxCode() != sftp.ErrSSHFxNoConnection:
	default:
		out.Cause = sink.Unreachable
		select {
		case <-s.cl.Done(): // it is about to say why
		case <-time.After(time.Second):
		}
		if lost := s.cl.Lost(); lost != nil {
			if e, ok := errors.AsType[*sshdial.Error](lost); ok && isSilent(e) {
				out.Cause = sink.Timeout
			}
			out.Err = redact.Error(lost)
		}
	}
	return out
}

// explain is session.explain, and says whether there is no room and whether it may have
// come to its end all the same.
func (u *upload) explain(err error) error {
	err = u.session.explain(err)
	e, ok := errors.AsType[*sink.Error](err)
	if !ok {
		return err
	}
	if e.Cause == sink.Busy { // SFTP has no word for it
		if free, known := u.free(); known && free < 1<<20 {
			e.Cause, e.Err = sink.Full, fmt.Errorf("the disk there is full: %w", e.Err)
		}
	}
	if u.renaming && e.Cause != sink.Refused && e.Cause != sink.Rejected {
		e.Unknown = true
	}
	return e
}

// isSilent reports whether a connection ended because nothing came any more.
func isSilent(e *sshdial.Error) bool {
	var t interface{ Timeout() bool }
	return errors.As(e.Err, &t) && t.Timeout()
}
