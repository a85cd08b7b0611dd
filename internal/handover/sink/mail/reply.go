package mail

import (
	"errors"
	"net"
	"strings"

	"rtmtgrab/internal/smtpout"
)

func isTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout() || strings.Contains(err.Error(), "the server took more than")
}

// isReply reports whether the server said no for now, and did not just go silent.
func isReply(err error) bool {
	e, ok := errors.AsType[*smtpout.Error](err)
	return ok && strings.Contains(e.Err.Error(), "the server answered ")
}
