// Package advice turns an error into what a person needs: the exit status, and the next
// move.
//
// It knows errors by their type alone, never by their text, and is the only place that
// knows hints. An error that it does not know has no hint, and the exit status 1.
package advice

import (
	"archive/zip"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"

	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/access"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/collector/control"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/diagnostics"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/sources"
	"rtmtgrab/internal/sshdial"
)

// Exit codes, as README.md promises them.
const (
	OK       = 0
	Failed   = 1
	BadUsage = 2
	Partial  = 3 // of now, retry and demo
	Lost     = 4 // of now, retry and demo
)

// usage marks errors of the command line or the configuration.
type usage struct{ error }

func (u usage) Unwrap() error { return u.error }

// Usage makes an error one of usage: exit code 2.
func Usage(err error) error { return usage{err} }

// hinted is an error with the next move for the person.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// WithHint gives an error the next move.
func WithHint(err error, hint string) error { return hinted{err, hint} }

// Exit is the exit code of a command that ends with an error.
func Exit(err error) int {
	if f, ok := errors.AsType[*control.Failure](err); ok {
		return f.Exit
	}
	_, isUsage := errors.AsType[usage](err)
	_, isFaults := errors.AsType[config.Faults](err)
	if isUsage || isFaults || errors.Is(err, config.ErrNotFound) {
		return BadUsage
	}
	return Failed
}

// NoReader is the exit code, as a shell shows it, of whoever was to write for somebody who
// had gone: `grab list | head`.
const NoReader = 128 + int(syscall.SIGPIPE)

// Unread reports whether an error is that nobody reads standard output any more.
func Unread(err error) bool {
	p, ok := errors.AsType[*fs.PathError](err)
	return ok && p.Path == os.Stdout.Name() && errors.Is(p, syscall.EPIPE)
}

// Covered is the exit code for a verdict.
func Covered(c evidence.Coverage) int {
	switch c {
	case evidence.Complete:
		return OK
	case evidence.Lost:
		return Lost
	}
	return Partial
}

// For names the next move after an error, "" if there is none to name.
func For(err error) string {
	if h, ok := errors.AsType[hinted](err); ok {
		return h.hint
	}
	if e, ok := errors.AsType[*sshdial.Error](err); ok {
		return ForSSH(e)
	}
	if e, ok := errors.AsType[*cucm.Error](err); ok {
		return ForCUCM(e)
	}
	if e, ok := errors.AsType[*diagnostics.Error](err); ok {
		return ForDiagnostics(e)
	}
	if f, ok := errors.AsType[*control.Failure](err); ok {
		return f.Hint
	}
	if l, ok := errors.AsType[*access.Loose](err); ok {
		return "if you trust what is there: " + strings.Join(l.Fix, " && ")
	}
	if e, ok := errors.AsType[*envelope.EncryptedError](err); ok {
		return "`grab open " + e.Path + " -i KEY` decrypts, verifies and unpacks it"
	}
	_, faults := errors.AsType[config.Faults](err)
	missing := forMissing(err)
	switch {
	case missing != "" && !faults:
		return missing
	case faults:
		return "fix the lines above; configs/grab.example.yaml explains every key"
	case errors.Is(err, config.ErrNotFound):
		return "write one with `grab init`, or name one with --config"
	case errors.Is(err, incident.ErrWatching):
		return "`grab now`, `list`, `show` and `retry` work beside it; to watch a second mailbox use another store"
	case errors.Is(err, control.ErrSilent):
		return Silent(runtime.GOOS)
	case errors.Is(err, control.ErrLong):
		return "name a shorter one in socket.path, then restart grab watch"
	case errors.Is(err, incident.ErrBusy):
		return "wait until it is sealed: `grab list`"
	case errors.Is(err, incident.ErrRemoved):
		return "`grab show` with its ID says what is left of it; its bundles may be where they were handed over"
	case errors.Is(err, incident.ErrNotFound):
		return "`grab list` shows the incidents"
	case errors.Is(err, zip.ErrFormat), errors.Is(err, zip.ErrChecksum):
		return "it was cut short or damaged: copy it again from where it is whole; `grab verify` says whether a bundle is"
	case errors.Is(err, sources.ErrNoLog):
		return "give a bundle, a folder of logs, network_log files of C and E, or a diagnostic archive or its loggingsnapshot_*.txt"
	case isDenied(err), errors.Is(err, incident.ErrList) && errors.Is(err, fs.ErrPermission):
		return "run this as the user of grab watch, or as root"
	case isCrowded(err):
		return moreFiles
	case isReserved(err):
		return "free disk space, or lower keep.free, then do it again; a grab keeps what was copied, and `grab retry` goes on with it"
	case atomicfile.Full(err):
		return "free disk space, then do it again; a grab keeps what was copied, and `grab retry` goes on with it"
	}
	return ""
}

// ForSSH names the next move after a failed login or connection.
func ForSSH(e *sshdial.Error) string {
	hint := hostHint(e)
	if e.Hop > 0 && hint != "" {
		hint += fmt.Sprintf(" (this is hop %d on the way to %s, see ssh.jump)", e.Hop, e.Host)
	}
	return hint
}

// unresolved reports whether the name in an address, and no proxy's, has led to no IP address.
func unresolved(err error, address string) bool {
	e, ok := errors.AsType[*net.DNSError](err)
	name, _, split := net.SplitHostPort(address)
	return ok && (e.Name == name || split != nil && e.Name == address)
}

func hostHint(e *sshdial.Error) string {
	host := e.Host
	ban := ""
	if e.Refusal != nil && e.Refusal.Refused {
		ban = "; an earlier login was refused, so this may be a ban: see System > Protection > Automated detection on the peer, and exempt this machine"
	}
	switch e.Kind {
	case sshdial.KindRefused:
		return "nothing listens on " + e.Address + ": is SSH on, and is the port right (22, on some virtual machines 5022)?"
	case sshdial.KindTimeout:
		return "no answer: a firewall, the wrong interface, or a ban by intrusion protection" + ban
	case sshdial.KindUnreachable:
		if unresolved(e, e.Address) {
			return "this machine cannot resolve the name: give the host's IP address, or set the machine's DNS right"
		}
		return "check the address and the route to " + e.Address
	case sshdial.KindNotSSH:
		return "something other than SSH answers on " + e.Address + ": check the port; or an SSH server hangs up before it greets, because it starts, has too many logins under way or refuses this machine"
	case sshdial.KindBusy:
		return e.Address + " has as many logins under way as it allows, or lets this machine wait: grab tries again; if it goes on, look who else logs in there (MaxStartups)"
	case sshdial.KindNoCommon:
		return "the host offers only algorithms that are not safe any more; for an old release that must stay set compat: legacy on this host (it allows SHA-1)"
	case sshdial.KindNotForwarded:
		return "let the jump host forward connections to " + e.Address + ": AllowTcpForwarding and PermitOpen in sshd_config, no `restrict` without port-forwarding in authorized_keys"
	case sshdial.KindHostKeyChanged:
		return "the host key changed (new keys, factory reset, or somebody in between): compare it on the peer's console, then `grab trust " + host + "`"
	case sshdial.KindHostKeyUnknown:
		return "compare the key on the peer's console, then pin it with `grab trust " + host + "`"
	case sshdial.KindLoginRefused:
		return "grab does not try again, because the appliance bans addresses. Check user, key or password (root access switched off looks the same), then `grab check " + host + "`"
	case sshdial.KindLoginBlocked:
		return "fix the login, then lift the block with `grab check " + host + "`, which makes one try"
	case sshdial.KindNotOffered:
		return "the host wants another login method: see ssh.key, ssh.password and ssh.login"
	case sshdial.KindLocal:
		if isCrowded(e.Err) {
			return moreFiles
		}
		if errors.As(e.Err, new(*sshdial.KnownHostsError)) {
			return "check that file: this user has to read it, each line is of a host as `grab trust` and ssh-keyscan write it, in UTF-8 (PowerShell's >> adds UTF-16)"
		}
		return "check the key file, its passphrase or the agent on this machine"
	}
	return ""
}

// moreFiles is the next move where isCrowded.
const moreFiles = "let grab open more files: LimitNOFILE= in grab.service, `ulimit -n` in a shell"

// isCrowded: this process, or the machine, has as many files open as it may.
func isCrowded(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// isDenied: this user may not use a file or folder.
func isDenied(err error) bool {
	p, ok := errors.AsType[*fs.PathError](err)
	return ok && errors.Is(p, fs.ErrPermission)
}

func isReserved(err error) bool {
	_, ok := errors.AsType[*diskspace.ReservedError](err)
	return ok
}
