package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/redact"
	"rtmtgrab/internal/tlsfault"
)

// Local is an error on this side, before anything went out.
func Local(err error) *sink.Error {
	return &sink.Error{Cause: sink.Local, Permanent: true, Err: redact.Error(err)}
}

// Setting is that the configuration cannot be gone by: a secret cannot be read, or what it
// holds is none. Nothing went out. It is about the destination, not about what is delivered,
// and passes with the file: secrets are read at each delivery, also while they are replaced.
func Setting(err error) *sink.Error {
	return &sink.Error{Cause: sink.Refused, Err: redact.Error(err)}
}

// Failed is what it means that a request got no answer. sent says that the far side may
// have all of it.
func Failed(ctx context.Context, err error, sent bool) error {
	if ours, ok := errors.AsType[*sink.Error](err); ok {
		return ours // of the artifact
	}
	if ctx.Err() != nil && sent {
		return &sink.Error{Cause: sink.Timeout, Unknown: true, Err: context.Cause(ctx)}
	} else if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // less the URL, which may be a secret
	}
	e := &sink.Error{Cause: sink.Unreachable, Unknown: sent, Err: errors.New(redact.Foreign(err.Error(), 400))}
	switch {
	case isCertificate(err):
		e.Cause, e.Unknown = sink.Certificate, false
	case isTimeout(err):
		e.Cause = sink.Timeout
	case tlsfault.OurCertificate(err):
		e.Cause, e.Permanent = sink.Refused, true
	case errors.Is(err, errProxyLogin):
		e.Cause, e.Permanent, e.Unknown = sink.Refused, true, false
		e.Err = errProxyLogin
	}
	return e
}

func isCertificate(err error) bool {
	return tlsfault.Certificate(err) || tlsfault.Plain(err) || tlsfault.Old(err)
}

func isTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout() || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// maxSaid bounds what is read of an answer.
const maxSaid = 4 << 10

// Answered is what an answer that is not a success means, nil if it is one. It reads what
// the peer says, and closes the body.
func Answered(resp *http.Response, sent bool) *sink.Error {
	said := Drain(resp)
	code := resp.StatusCode
	switch code {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		return nil
	}
	e := Status(code)
	e.After = RetryAfter(resp.Header.Get("Retry-After"), time.Now())
	e.Unknown = sent && (code == 500 || code == 502 || code == 504) // it broke while it did it
	text := "it answered " + strconv.Itoa(code) + " " + http.StatusText(code)
	if e.Cause == sink.Redirect {
		text += Elsewhere(resp)
	}
	if said != "" {
		text += ": " + said
	}
	e.Err = errors.New(text)
	return e
}

// Drain reads a bounded part of an answer, as it may be shown, and closes its body.
func Drain(resp *http.Response) string {
	body := Bounded(resp.Body, maxSaid, 10*time.Second) // it may trickle
	defer body.Close()
	b, _ := io.ReadAll(body)
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		return strings.TrimSpace(redact.Foreign(string(b), 300))
	}
	return "" // a page for people says less than its status
}

// Status is what a status means, but for how long to wait.
func Status(code int) *sink.Error {
	switch code {
	case 401, 403, 407:
		return &sink.Error{Cause: sink.Refused, Permanent: true}
	case 301, 308:
		return &sink.Error{Cause: sink.Redirect, Permanent: true}
	case 507:
		return &sink.Error{Cause: sink.Full}
	case 408, 423, 425, 429:
		return &sink.Error{Cause: sink.Busy}
	case 501, 505:
		return &sink.Error{Cause: sink.Rejected, Permanent: true}
	}
	switch code / 100 {
	case 3:
		return &sink.Error{Cause: sink.Redirect} // for a while: a page that says it is down
	case 5:
		return &sink.Error{Cause: sink.Busy}
	}
	return &sink.Error{Cause: sink.Rejected, Permanent: true}
}

// An Answer is the status that a server answered with, where nothing else is known.
type Answer int

func (a Answer) Error() string {
	return fmt.Sprintf("it answered %d %s", int(a), http.StatusText(int(a)))
}

// Elsewhere says where a redirect points, as far as it can be told.
func Elsewhere(resp *http.Response) string {
	u, err := resp.Location()
	if err != nil {
		return ", and does not say where to"
	}
	return fmt.Sprintf(", to %s, where nothing is sent: if that is right, write it into the configuration", redact.Foreign(u.Scheme+"://"+u.Host, 200))
}

// maxAfter bounds how long a peer may have itself left alone.
const maxAfter = 24 * time.Hour

// RetryAfter reads the header field of that name, zero if it says nothing that can be meant.
func RetryAfter(s string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 31); err == nil {
		d = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(s); err == nil {
		d = at.Sub(now)
	}
	return max(0, min(d, maxAfter))
}
