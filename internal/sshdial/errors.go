package sshdial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/redact"
)

// A Kind tells errors apart by what a person has to do about them.
type Kind string

const (
	KindRefused      Kind = "refused"       // the TCP connection was refused: nothing listens there
	KindTimeout      Kind = "timeout"       // no answer in time; Stage says to what (connect: packets are dropped)
	KindUnreachable  Kind = "unreachable"   // no route, no such name
	KindNotSSH       Kind = "not_ssh"       // something else answers there, or it hangs up before greeting
	KindBusy         Kind = "busy"          // an SSH server that takes no more connections for now
	KindNotForwarded Kind = "not_forwarded" // the hop before refuses to forward connections
	KindNoCommon     Kind = "no_common"     // no common algorithm; Err names what the server offers
	KindLost         Kind = "lost"          // the connection broke later than that
	KindCanceled     Kind = "canceled"      // the context was cancelled

	KindHostKeyChanged Kind = "host_key_changed" // the host's key is not the pinned one: Want, Got
	KindHostKeyUnknown Kind = "host_key_unknown" // known_hosts does not have the host: Got

	KindLoginRefused Kind = "login_refused"      // the server refused the key or the secret
	KindLoginBlocked Kind = "login_blocked"      // an earlier refusal forbids another attempt: Refusal
	KindNotOffered   Kind = "method_not_offered" // the server does not offer the configured method; nothing was sent
	KindLocal        Kind = "local"              // a fault on this side, nothing was attempted: key file, passphrase, agent, known_hosts
	KindLedger       Kind = "ledger"             // the attempt could not be written down, so none was made
)

// A Stage is how far a connection had come when it failed.
type Stage string

// The stages, in their order.
const (
	StageConnect  Stage = "connect"      // TCP
	StageGreeting Stage = "greeting"     // waiting for the server's version
	StageExchange Stage = "key exchange" // algorithms, host key
	StageLogin    Stage = "login"
	StageSession  Stage = "session" // logged in
)

// An Error says why there is no connection to a host.
type Error struct {
	Kind    Kind
	Stage   Stage  // empty for what happened before the first packet
	Host    string // Config.Name
	Address string
	Hop     int // the jump host that failed, from 1, Address being its address; zero: the host itself
	Err     error

	Want, Got []string // fingerprints "SHA256:…": pinned, seen; for KindHostKey…
	Offered   []string // the methods that the server offers; for KindNotOffered, KindLoginRefused

	// Refusal is the earlier attempt that blocks this one. For a timeout while
	// connecting it is an attempt that this address refused earlier: the silence
	// may be a ban.
	Refusal *Attempt
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Host)
	switch {
	case e.Hop > 0:
		fmt.Fprintf(&b, ", hop %d (%s)", e.Hop, e.Address)
	case e.Address != "" && e.Address != e.Host:
		fmt.Fprintf(&b, " (%s)", e.Address)
	}
	b.WriteString(": " + e.says())
	if len(e.Want) > 0 {
		b.WriteString(": pinned " + strings.Join(e.Want, " "))
	}
	if len(e.Got) > 0 {
		b.WriteString(", it shows " + strings.Join(e.Got, " "))
	}
	if why := e.why(); why != "" {
		b.WriteString(": " + why)
	}
	return b.String()
}

// why is the cause, without what was said already: an operation on the address, or the kind again.
func (e *Error) why() string {
	err := e.Err
	if op, ok := err.(*net.OpError); ok && op.Op == "dial" {
		err = op.Err
		if call, ok := err.(*os.SyscallError); ok {
			err = call.Err
		}
	}
	if err == nil || e.Kind == KindRefused && isRefused(err) {
		return ""
	}
	return redact.Foreign(err.Error(), 600)
}

func (e *Error) says() string {
	switch e.Kind {
	case KindRefused:
		return "connection refused"
	case KindTimeout:
		return "no answer in time (" + string(e.Stage) + ")"
	case KindUnreachable:
		return "not reachable"
	case KindNotSSH:
		return "not an SSH server"
	case KindBusy:
		return "the SSH server takes no more connections for now"
	case KindNotForwarded:
		return "the jump host does not forward the connection"
	case KindNoCommon:
		return "no common algorithm"
	case KindHostKeyChanged:
		return "the host key has changed"
	case KindHostKeyUnknown:
		return "the host key is not known"
	case KindLoginRefused:
		return "login refused"
	case KindLoginBlocked:
		return "login not tried again"
	case KindNotOffered:
		return "the server does not offer the configured login method"
	case KindLedger:
		return "login not tried: it cannot be recorded"
	case KindCanceled:
		if e.Stage == "" {
			return "given up"
		}
		return "given up (" + string(e.Stage) + ")"
	case KindLost:
		return "connection lost (" + string(e.Stage) + ")"
	}
	return "cannot log in"
}

func (e *Error) Unwrap() error { return e.Err }

// Permanent reports whether trying again is useless until a person has changed
// something.
func (e *Error) Permanent() bool {
	switch e.Kind {
	case KindHostKeyChanged, KindHostKeyUnknown, KindLoginRefused, KindLoginBlocked, KindNotOffered:
		return true
	case KindLocal:
		return !unread(e.Err)
	}
	return false
}

// unread reports whether the system did not let a file be read, as while it is replaced or no more
// files may be opened. That may pass, and nothing was sent: another try costs the host nothing.
func unread(err error) bool {
	p, ok := errors.AsType[*fs.PathError](err)
	if !ok {
		return false
	}
	_, errno := errors.AsType[syscall.Errno](p)
	return errno
}

// Reason is the manifest's word for it, one of evidence.Reason….
func (e *Error) Reason() string {
	switch e.Kind {
	case KindHostKeyChanged, KindHostKeyUnknown:
		return evidence.ReasonHostKey
	case KindLoginRefused, KindLoginBlocked:
		return evidence.ReasonLogin
	case KindNotOffered, KindLocal:
		return evidence.ReasonNoLogin
	case KindLedger:
		if atomicfile.Full(e.Err) {
			return evidence.ReasonDisk
		}
		return evidence.ReasonNoLogin
	}
	return evidence.ReasonUnreachable
}

// asError makes a fresh *Error of err, to be completed by the caller.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		c := *e
		return &c
	}
	return &Error{Kind: KindLost, Err: err}
}

func connectError(err error) *Error {
	e := &Error{Kind: KindUnreachable, Stage: StageConnect, Err: err}
	if _, dns := errors.AsType[*net.DNSError](err); dns {
		return e
	}
	switch {
	case isRefused(err):
		e.Kind = KindRefused
	case isTimeout(err), errors.Is(err, context.Canceled):
		e.Kind = KindTimeout
	}
	return e
}

func isTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout() || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// isBusy reports whether a line in place of a version is OpenSSH's, of a server that has as many
// logins under way as it allows, or that lets an address wait.
func isBusy(line string) bool {
	return strings.HasPrefix(line, "Exceeded MaxStartups") || strings.HasPrefix(line, "Not allowed at this time")
}

// isWire reports whether err comes from the connection itself, not from what
// the peer said over it.
func isWire(err error) bool {
	_, net1 := errors.AsType[net.Error](err)
	_, errno := errors.AsType[syscall.Errno](err)
	return net1 || errno || isTimeout(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// handshakeError finds the kind of an error between the TCP connection and the
// end of the login.
func handshakeError(ctx context.Context, err error, cn *conn, l *login) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	e := &Error{Kind: KindLost, Stage: cn.stage(), Err: err}
	if l.reached {
		e.Stage = StageLogin
	}
	if ae, ok := errors.AsType[*ssh.AlgorithmNegotiationError](err); ok {
		e.Kind = KindNoCommon
		e.Err = fmt.Errorf("for the %s the server offers %s: %w", ae.What, strings.Join(ae.RequestedAlgorithms, ", "), err)
		return e
	}
	wire := isWire(err)
	switch {
	case l.signing != nil:
		e.Kind, e.Err = KindLocal, fmt.Errorf("sign with the key: %w", l.signing)
	case e.Stage == StageGreeting && isBusy(cn.foreign()):
		e.Kind, e.Err = KindBusy, fmt.Errorf("it says %q", cn.foreign())
	case e.Stage == StageGreeting && cn.foreign() != "":
		e.Kind, e.Err = KindNotSSH, fmt.Errorf("it says %q", cn.foreign())
	case ctx.Err() != nil && wire:
		e.Kind, e.Err = KindTimeout, context.Cause(ctx) // the end of ctx closed the connection
	case wire && isTimeout(err):
		e.Kind = KindTimeout
	case e.Stage == StageGreeting:
		e.Kind, e.Err = KindNotSSH, fmt.Errorf("it closes the connection without a greeting: %w", err)
	case e.Stage == StageLogin:
		l.explain(e, wire)
	}
	return e
}
