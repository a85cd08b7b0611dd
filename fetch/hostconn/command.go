package hostconn

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/fetch/hostconn/hostcmd"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/redact"
)

const (
	commandsAtOnce = 4       // OpenSSH allows 10 channels on a connection
	commandBytes   = 4 << 20 // of one read: four hosts with four reads each stay at 64 MiB
	openHead       = 4 * HeadSize
	maxStderr      = 4 << 10
)

// Commands says what may be run on a host that offers no SFTP. The zero value
// is nothing.
type Commands struct {
	Allowed bool // `date` to measure the clock; stat, head and tail where SFTP is refused
	Gzip    bool // the host compresses what it sends (nice -n 19 gzip -1), where SFTP is refused
}

// commands reads files by commands on channels of a session's connection: one
// command a listing, one a look at a file, one a read. It is safe for concurrent
// use; what is more than commandsAtOnce waits.
type commands struct {
	s     *Session
	gzip  bool
	quiet time.Duration // longest silence of a command; zero: silence

	slots  chan struct{}
	mu     sync.Mutex
	burned int // slots that stay taken, for the host allows fewer channels

	turn    chan struct{} // held while looks are collected and run
	waiting []*look       // under mu
}

// newCommands sees whether the host has what the commands need. Without gzip and
// nice there it does without.
func newCommands(s *Session, gzip bool) (*commands, error) {
	c := &commands{s: s, gzip: gzip, slots: make(chan struct{}, commandsAtOnce), turn: make(chan struct{}, lookersAtOnce)}
	err := c.probe(hostcmd.Tools...)
	if err == nil && gzip {
		if e, ok := errors.AsType[*commandError](c.probe(hostcmd.Packers...)); ok && e.code == hostcmd.ExitLacking {
			c.gzip = false
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read by commands: %w", err)
	}
	return c, nil
}

func (c *commands) probe(tools ...string) error {
	mark := nonce()
	line, err := hostcmd.Line(hostcmd.VerbProbe, append([]string{mark}, tools...)...)
	if err != nil {
		return err
	}
	return c.run(line, func(out io.Reader) error { return hostcmd.ProbeAnswer(out, mark) })
}

// notes are what a manifest says of reading by commands. wanted says whether the
// host was to compress.
func (c *commands) notes(wanted bool) []string {
	notes := []string{"the host refuses SFTP: its files were read by commands over SSH (stat, head, tail), which cannot keep a file open; one that was removed before it was copied is a gap"}
	switch {
	case c.gzip:
		notes = append(notes, "the host compressed what it sent (nice -n 19 gzip -1)")
	case wanted:
		notes = append(notes, "the host did not compress what it sent: it has no gzip or no nice")
	}
	return notes
}

func nonce() string {
	var b [12]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// run runs one command line, hands its output to use, and waits for its end. A
// command that fails is a *commandError; one that is silent for too long ends
// the connection.
func (c *commands) run(line string, use func(io.Reader) error) error {
	var session *ssh.Session
	release, err := c.slot(func() (err error) { session, err = c.s.ssh.NewSession(); return err })
	if err != nil {
		return c.s.why(err)
	}
	defer release()
	defer session.Close()
	wait := c.quiet
	if wait == 0 {
		wait = silence
	}
	timer := time.AfterFunc(wait, func() { c.s.abort(fmt.Errorf("no answer for %s, connection closed", human.Span(wait))) })
	defer timer.Stop()
	stderr := &capped{left: maxStderr}
	session.Stderr = stderr
	out, err := session.StdoutPipe()
	if err != nil {
		return err
	}
	if err := session.Start(line); err != nil {
		return c.s.why(fmt.Errorf("run a command: %w", err))
	}
	heard := &hearing{out, timer, wait, c.s.speed}
	answered := c.s.speed.wait()
	useErr := use(heard)
	answered(perCommand)
	if useErr == nil {
		if n, _ := heard.Read(make([]byte, 1)); n > 0 {
			useErr = errors.New("a command printed more than expected")
		}
	}
	if useErr != nil && !errors.Is(useErr, hostcmd.ErrCutOff) {
		session.Close() // it may go on and on; one that has ended still tells how
	}
	err = session.Wait()
	exit, failed := errors.AsType[*ssh.ExitError](err)
	switch {
	case c.s.Lost() != nil:
		return c.s.Lost()
	case failed:
		return newCommandError(exit.ExitStatus(), exit.Signal(), stderr.String())
	case useErr != nil:
		return useErr
	case err != nil:
		return fmt.Errorf("run a command: %w", err)
	}
	return nil
}

// slot waits for its turn and opens a channel by open. A host that refuses a
// channel while others are open gets fewer at once from then on.
func (c *commands) slot(open func() error) (release func(), err error) {
	for try := 0; ; try++ {
		select {
		case c.slots <- struct{}{}:
		case <-c.s.ssh.Done():
			return nil, errors.Join(c.s.Lost(), errBroken)
		}
		if err = c.s.guard(open); err == nil {
			return func() { <-c.slots }, nil
		}
		if _, refused := errors.AsType[*ssh.OpenChannelError](err); !refused || try == 40 {
			<-c.slots
			return nil, fmt.Errorf("open a channel: %w", err)
		}
		if c.burn() {
			continue
		}
		<-c.slots
		select { // the channel before may not be cleared away yet
		case <-time.After(50 * time.Millisecond):
		case <-c.s.ssh.Done():
		}
	}
}

// burn keeps a slot for good if others are in use.
func (c *commands) burn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.slots)-c.burned < 2 {
		return false
	}
	c.burned++
	return true
}

// hearing puts a watchdog off with every byte.
type hearing struct {
	r     io.Reader
	t     *time.Timer
	wait  time.Duration
	speed *speed
}

func (h *hearing) Read(b []byte) (int, error) {
	n, err := h.r.Read(b)
	if n > 0 {
		h.t.Reset(h.wait)
		h.speed.heard(n)
	}
	return n, err
}

// A commandError is a host's answer that a command has failed.
type commandError struct {
	code   int // exit code; of package hostcmd, the shell's or a tool's
	stderr string
	signal string
	is     error // fs.ErrNotExist, fs.ErrPermission or nil
}

// answeredError is what an answer to hostcmd.VerbLook says instead of a file.
func answeredError(code, reason string) error {
	n, err := strconv.Atoi(code)
	if err != nil {
		return fmt.Errorf("a command's answer is not understood: a code is %q", redact.Foreign(code, 80))
	}
	return newCommandError(n, "", reason)
}

func newCommandError(code int, signal, stderr string) error {
	e := &commandError{code: code, signal: signal, stderr: strings.TrimSpace(stderr)}
	low := strings.ToLower(e.stderr)
	switch {
	case e.code == hostcmd.ExitGone:
		return goneError("the file is gone: no name of its family is this file")
	case strings.HasSuffix(low, "no such file or directory") || strings.HasSuffix(low, "no such file"):
		e.is = fs.ErrNotExist
	case strings.HasSuffix(low, "permission denied") || e.code == hostcmd.ExitKind && e.stderr == "":
		e.is = fs.ErrPermission
	}
	return e
}

func (e *commandError) Error() string {
	what := fmt.Sprintf("a command exited with %d", e.code)
	switch {
	case e.signal != "":
		what = "a command was killed by signal " + redact.Foreign(e.signal, 20)
	case e.code == hostcmd.ExitKind && e.stderr == "":
		what = "no permission to read it, or not a regular file or folder"
	}
	if e.stderr != "" {
		what += ": " + redact.Foreign(strings.ReplaceAll(e.stderr, "\n", "; "), 300)
	}
	return what
}

func (e *commandError) Unwrap() error { return e.is }

// A goneError says that what was opened cannot be read any more: no name leads to
// it, or it was cut off. For a Grab it is a file that was truncated.
type goneError string

func (e goneError) Error() string        { return string(e) }
func (e goneError) Is(target error) bool { return target == ErrShort }

// list lists a folder. Names that begin with a dot are left out.
func (c *commands) list(ctx context.Context, dir string) (entries []Entry, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(dir, "/") {
		return nil, fmt.Errorf("list %s: the path is not absolute", redact.Foreign(dir, 300))
	}
	mark := nonce()
	line, err := hostcmd.Line(hostcmd.VerbList, mark, dir)
	if err == nil {
		err = c.run(line, func(out io.Reader) error {
			listed, err := hostcmd.ListAnswer(out, mark)
			for _, l := range listed {
				entries = append(entries, Entry{Name: l.Name, Size: l.Size, MTime: l.MTime, Regular: l.Regular()})
			}
			return endIfEndless(c.s, err)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	return entries, nil
}

// read runs one hostcmd.Read, whose nonce it sets, and puts the data into b.
func (c *commands) read(r hostcmd.Read, b []byte) (got hostcmd.Found, err error) {
	r.Nonce, r.Count, r.Gzip = nonce(), int64(len(b)), c.gzip
	line, err := r.Line()
	if err != nil {
		return got, err
	}
	err = c.run(line, func(out io.Reader) (err error) {
		got, err = r.Answer(out, b)
		return err
	})
	return got, err
}
