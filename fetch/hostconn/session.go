package hostconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"

	"rtmtgrab/fetch/hostconn/flight"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/redact"
	"rtmtgrab/internal/sshdial"
)

const (
	// silence is how long an answer may take before the connection counts as lost.
	silence = 30 * time.Second
	// clockWait bounds asking for the time: a restricted key may not answer.
	clockWait = 3 * time.Second
	packet    = 32 << 10 // bytes of an SFTP read that every server answers whole
)

// A Session is an SSH connection with SFTP on it, or with commands in its place
// where SFTP is refused, read only. It is safe for
// concurrent use; a host has one, for appliances ban addresses that log in too
// often.
type Session struct {
	ssh      *sshdial.Client
	sftp     *sftp.Client // for files
	folders  folders
	allowed  Commands
	commands *commands             // in place of SFTP; nil: there is SFTP
	aborted  atomic.Pointer[error] // why this side gave the connection up
	frozen   atomic.Bool           // a CLOSE went unanswered: no further one is waited for
	speed    *speed
	calls    callGroup // calls that outlive their callers' patience; they end with the connection
	channels channelPool

	users        int           // of a Pool, under its mu
	replaceTried bool          // it was tried to replace it, under the slot's turn
	replaced     chan struct{} // closed when another took its place; nil: never

	mute mute // whether its channel has ended
}

// folders is where listings are made, on a channel of its own whose answers are counted.
type folders struct {
	*sftp.Client
	turn   chan struct{} // one listing at a time: who makes it has put a value in, and has what follows
	budget *budgetReader
	ended  *atomic.Bool // the channel is gone; nil: it is that of the files
}

// SSH is the connection that carries the session; it is the session's to close.
func (s *Session) SSH() *sshdial.Client { return s.ssh }

// NewSession starts SFTP on a connection, which it owns from then on. Where SFTP
// is refused it makes do with commands, if they are allowed and work; if not, the
// error is an ErrNoSFTP.
func NewSession(ctx context.Context, client *sshdial.Client, allowed Commands) (*Session, error) {
	s := &Session{ssh: client, allowed: allowed, replaced: make(chan struct{}), mute: mute{over: make(chan struct{})}}
	s.speed = newSpeed(client.Bandwidth(), s.abort)
	s.folders.turn, s.folders.budget = make(chan struct{}, 1), &budgetReader{s: s}
	defer context.AfterFunc(ctx, client.Abort)()
	var errs [2]error
	err := s.guard(func() error {
		var wg sync.WaitGroup
		wg.Go(func() { s.sftp, errs[0] = s.newClient(&budgetReader{s: s}) })
		wg.Go(func() { s.folders.Client, errs[1] = s.newClient(s.folders.budget) })
		wg.Wait()
		switch { // a host that allows one channel only gets by with it
		case errs[0] != nil && errs[1] != nil:
			return errs[0]
		case errs[0] != nil:
			s.sftp = s.folders.Client
		case errs[1] != nil:
			s.folders.Client = s.sftp
		}
		return nil
	})
	if err == nil && ctx.Err() == nil {
		s.watchChannels()
		return s, nil
	}
	if allowed.Allowed && ctx.Err() == nil && s.Lost() == nil {
		var err2 error
		if s.commands, err2 = newCommands(s, allowed.Gzip); err2 == nil {
			return s, nil
		}
		err = fmt.Errorf("%w; %w", err, err2)
	}
	lost := s.Lost()
	if lost == nil && ctx.Err() == nil { // a connection that breaks is no refusal, and shows only a little later
		lost = s.guard(func() error { _, _, err := client.SendRequest("keepalive@openssh.com", true, nil); return s.why(err) })
	}
	client.Close()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if lost != nil {
		return nil, fmt.Errorf("start SFTP: %w", lost)
	}
	return nil, &Fault{Why: evidence.ReasonRead, Err: fmt.Errorf("%w: %w", ErrNoSFTP, err), Stop: true}
}

// newClient opens a channel with an SFTP client on it, whose answers pass through r.
func (s *Session) newClient(r *budgetReader) (*sftp.Client, error) {
	c, err := s.ssh.NewSession()
	if err != nil {
		return nil, err
	}
	if err := c.RequestSubsystem("sftp"); err != nil {
		c.Close() // a host allows few channels
		return nil, err
	}
	w, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	if r.r, err = c.StdoutPipe(); err != nil {
		return nil, err
	}
	return sftp.NewClientPipe(r, flight.New(w, s.calls.Go), sftp.MaxPacket(packet), sftp.UseConcurrentReads(false))
}

// ErrNoSFTP says that a host let us in and offers no SFTP.
var ErrNoSFTP = errors.New("the host refuses SFTP")

var started = time.Now()

// uptime is a clock that nobody sets.
func uptime() time.Duration { return time.Since(started) }

// guard runs f and gives the connection up if meanwhile not a byte is answered for
// too long. A slow line is not a silent one.
func (s *Session) guard(f func() error) error {
	var timer *time.Timer
	var mu sync.Mutex // orders the timer's own restart and the end of f
	began, done := uptime(), false
	mu.Lock()
	timer = time.AfterFunc(silence, func() {
		mu.Lock()
		defer mu.Unlock()
		quiet := uptime() - max(began, s.speed.heardLast())
		if quiet < silence && !done {
			timer.Reset(silence - quiet)
		} else if !done {
			s.abort(fmt.Errorf("no answer for %s, connection closed", human.Span(silence)))
		}
	})
	mu.Unlock()
	answered := s.speed.wait()
	err := f()
	if err == nil || IsAnswer(err) || errors.Is(err, io.EOF) {
		answered(perAnswer)
	} else {
		answered(0)
	}
	mu.Lock()
	done = true
	mu.Unlock()
	timer.Stop()
	return err
}

// abort drops the connection, so that every call on it returns.
func (s *Session) abort(why error) {
	s.aborted.CompareAndSwap(nil, &why)
	s.ssh.Abort()
}

// Lost reports why the connection is gone, nil while it stands.
func (s *Session) Lost() error {
	if why := s.aborted.Load(); why != nil {
		return *why
	}
	if lost := s.ssh.Lost(); lost != nil {
		return lost
	}
	return s.mute.err()
}

// List lists a folder on the host.
func (s *Session) List(ctx context.Context, dir string) (entries []Entry, err error) {
	if s.commands != nil {
		return s.commands.list(ctx, dir)
	}
	select { // behind one that a slow host makes last
	case s.folders.turn <- struct{}{}:
		defer func() { <-s.folders.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-s.ssh.Done():
		return nil, fmt.Errorf("list %s: %w", dir, s.why(sftp.ErrSSHFxConnectionLost))
	}
	if err := s.renewFolders(); err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	defer s.folders.budget.begin()()
	err = s.guard(func() error {
		infos, err := s.folders.ReadDirContext(ctx, dir)
		if err != nil {
			return fmt.Errorf("list %s: %w", dir, s.why(err))
		}
		for _, i := range infos {
			entries = append(entries, Entry{Name: i.Name(), Size: i.Size(), MTime: evidence.BoundedTime(i.ModTime()), Regular: i.Mode().IsRegular() && i.Size() >= 0})
		}
		return nil
	})
	return entries, err
}

// Open opens a file on the host for reading.
func (s *Session) Open(ctx context.Context, name string) (h Handle, err error) {
	if s.commands != nil {
		f, err := s.commands.open(ctx, name)
		if err != nil {
			return nil, err
		}
		return f, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = s.guard(func() error {
		f, err := s.sftp.Open(name)
		if err != nil {
			return fmt.Errorf("open %s: %w", evidence.Printable(name, 300), s.why(err))
		}
		h = &sftpHandle{s: s, f: f}
		return nil
	})
	return h, err
}

// why puts the reason for which a connection was lost in place of its echo.
func (s *Session) why(err error) error {
	if lost := s.Lost(); lost != nil {
		return lost
	}
	return redact.Error(err) // a host writes its refusals itself
}

// Transport is evidence.TransportSFTP or evidence.TransportCommands.
func (s *Session) Transport() string {
	if s.commands != nil {
		return evidence.TransportCommands
	}
	return evidence.TransportSFTP
}

// Notes are what a manifest should say of the transport.
func (s *Session) Notes() []string {
	if s.commands == nil {
		return nil
	}
	return s.commands.notes(s.allowed.Gzip)
}

// HostKey is the fingerprint of the host's key.
func (s *Session) HostKey() string { return s.ssh.HostKey }

// Route is by way of which hosts, and with what of SHA-1, the host was reached.
func (s *Session) Route() (via, legacy []string) { return s.ssh.Via, s.ssh.Legacy }

// Close ends the session. It closes the connection first: an SFTP client waits
// for its peer to hang up, and a sick appliance may never do that.
func (s *Session) Close() error {
	s.stopChannels()
	s.mute.close()
	var err error
	if !s.mute.given.Load() {
		err = s.ssh.Close()
	}
	for _, c := range []*sftp.Client{s.sftp, s.folders.Client} {
		if c != nil {
			c.Close()
		}
	}
	s.calls.Wait()
	s.mute.watch.Wait()
	return err
}

// IsAnswer tells a host's refusal of one request from a lost connection.
func IsAnswer(err error) bool {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if _, ok := errors.AsType[*commandError](err); ok {
		return true
	}
	_, ok := errors.AsType[*sftp.StatusError](err)
	return ok
}
