package folder

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/handover/sink"
)

// classify says of what kind an error is. Rights on a share may be given, and a ticket
// renewed, with nothing changed here: such errors pass.
func classify(ctx context.Context, err error) error {
	var e *sink.Error
	switch {
	case err == nil, errors.As(err, &e):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case atomicfile.Full(err):
		return &sink.Error{Cause: sink.Full, Err: err}
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return &sink.Error{Cause: sink.Refused, Err: err}
	case errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.EFBIG):
		return &sink.Error{Cause: sink.Rejected, Permanent: true, Err: err}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return &sink.Error{Cause: sink.Timeout, Err: err}
	}
	return &sink.Error{Cause: sink.Unreachable, Err: err}
}
