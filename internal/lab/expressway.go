package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/lab/timeline"
)

// ExpresswayConfig says what an Expressway is like. The zero value is an
// Expressway-C on a free port of 127.0.0.1 that lets nobody in and whose logs
// hold what is written to them by calls.
type ExpresswayConfig struct {
	Name string // host name in the log lines; zero: expc01 or expe01 by Role
	Role string // "C" or "E"; zero: "C"
	IP   string // its address in the log lines; zero: 10.0.30.2 (C) or 10.0.40.5 (E)
	Dir  string // folder of the logs, shown over SFTP by its real path; zero: a temporary one, removed by Close
	Addr string // where SSH listens; zero: 127.0.0.1:0

	User                string        // the only user; zero: root
	AuthorizedKey       ssh.PublicKey // the only key let in; nil: no login by key
	Password            string        // zero: no login by password
	KeyboardInteractive bool          // the password is asked for by keyboard-interactive, not as password
	BanAfter            int           // refused logins until the Ban, which begins when that login is over; zero: never
	HostKey             ssh.Signer    // nil: a fresh ECDSA P-256 key

	// Wire, if given, stands between an SFTP server and its client: it may count, cut
	// and change what passes. It must end when the channel does.
	Wire func(io.ReadWriteCloser) io.ReadWriteCloser

	Refuses Service // zero: nothing
	// ClockOffset is this host's clock minus the real one. It moves log stamps,
	// modification times and the answers of date.
	ClockOffset time.Duration
	Logs        LogConfig
}

// A Service is what the SSH server of an Expressway offers.
type Service string

// The services.
const (
	SFTP     Service = "sftp"     // refused, the subsystem is not there
	Commands Service = "commands" // refused as with command="internal-sftp -R": every exec and shell is an SFTP server
)

// An Expressway is an SSH server with an appliance's algorithms, its log folder
// behind SFTP, and the logs themselves. It is safe for concurrent use.
type Expressway struct {
	server // how it is reached, and what is wrong with that

	cfg    ExpresswayConfig
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // the clockwork
	stop   func() bool
	tmp    string // temporary folder of its own, or empty
	logs   map[string]*logFile
	noise  map[string]*noise
	time   *timeline.Timeline // its own clockwork, used when nobody else drives it

	mu     sync.Mutex
	offset time.Duration
	closed bool
}

// NewExpressway starts one. It lives until Close or until ctx is done; Close must
// be called in either case.
func NewExpressway(ctx context.Context, cfg ExpresswayConfig) (*Expressway, error) {
	cfg.setDefaults()
	e := &Expressway{cfg: cfg, offset: cfg.ClockOffset}
	e.ctx, e.cancel = context.WithCancel(ctx)
	if err := e.open(); err != nil {
		e.Close()
		return nil, fmt.Errorf("start expressway %s: %w", cfg.Name, err)
	}
	e.stop = context.AfterFunc(ctx, func() { e.hangUp() })
	return e, nil
}

func (c *ExpresswayConfig) setDefaults() {
	if c.Role == "" {
		c.Role = "C"
	}
	def := func(s *string, ifC, ifE string) {
		if *s == "" {
			*s = ifC
			if c.Role == "E" {
				*s = ifE
			}
		}
	}
	def(&c.Name, "expc01", "expe01")
	def(&c.IP, "10.0.30.2", "10.0.40.5")
	def(&c.Addr, "127.0.0.1:0", "127.0.0.1:0")
	def(&c.User, "root", "root")
	c.Logs.setDefaults()
}

func (e *Expressway) open() error {
	key, err := e.cfg.HostKey, error(nil)
	if key == nil {
		if key, err = NewHostKey("ecdsa"); err != nil {
			return err
		}
	}
	if e.cfg.Dir == "" {
		if e.tmp, err = os.MkdirTemp("", "grab-lab-"); err != nil {
			return err
		}
		e.cfg.Dir = e.tmp
	}
	if err := os.MkdirAll(e.cfg.Dir, 0o700); err != nil {
		return err
	}
	if err := e.openLogs(); err != nil {
		return err
	}
	return e.server.start(e.ctx, e.cfg, key, &shell{dir: e.cfg.Dir, logDir: e.LogDir(), clock: func() time.Time { return e.HostTime(time.Now()) }})
}

// Name is the host name in its log lines.
func (e *Expressway) Name() string { return e.cfg.Name }

// Role is "C" or "E".
func (e *Expressway) Role() string { return e.cfg.Role }

// IP is its address in its log lines.
func (e *Expressway) IP() string { return e.cfg.IP }

// Dir is the folder of the logs on this machine.
func (e *Expressway) Dir() string { return e.cfg.Dir }

// Logs says how its logs look and grow, defaults filled in.
func (e *Expressway) Logs() LogConfig { return e.cfg.Logs }

// LogDir is Dir as the host's users name it, with slashes alone: what grab.yaml's
// logs.dir says. It differs on Windows, where Dir is C:\logs and LogDir /C:/logs.
func (e *Expressway) LogDir() string {
	dir := filepath.ToSlash(filepath.Clean(e.cfg.Dir))
	if !strings.HasPrefix(dir, "/") {
		dir = "/" + dir
	}
	return dir
}

// SetClockOffset lets the host's clock leap: it is then the real one plus d.
func (e *Expressway) SetClockOffset(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.offset = d
}

// ClockOffset is the host's clock minus the real one.
func (e *Expressway) ClockOffset() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.offset
}

// HostTime is the real instant t by the host's own clock, in its zone.
func (e *Expressway) HostTime(t time.Time) time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return t.Add(e.offset).In(e.cfg.Logs.Zone)
}

// Close hangs up, stops the logs, waits for all that was started and returns the
// first fault of the logs. A second Close does nothing.
func (e *Expressway) Close() error {
	e.mu.Lock()
	done := e.closed
	e.closed = true
	e.mu.Unlock()
	if done {
		return nil
	}
	if e.stop != nil {
		e.stop()
	}
	e.cancel()
	e.hangUp()
	e.server.wg.Wait()
	e.wg.Wait()
	var first error
	for _, f := range e.cfg.Logs.Families {
		l := e.logs[f]
		if l == nil {
			continue
		}
		if err := l.close(); err != nil && first == nil {
			first = fmt.Errorf("write log %s: %w", f, err)
		}
	}
	if e.tmp != "" {
		if err := os.RemoveAll(e.tmp); err != nil && first == nil {
			first = err
		}
	}
	return first
}
