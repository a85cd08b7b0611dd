// Package mailwatch turns a mailbox into alerts: it logs in to an IMAP server,
// sees every new mail of one mailbox, reads the alerts of RTMT out of those
// that match and hands each to its owner.
//
// It guarantees that the cursor passes a matching mail only after Handle has
// returned without an error (and Sync, where there is one), that mails come in the order of their UIDs, that
// the mails that are read cost at most some MiB of memory, and that a server which falls silent,
// goes away or sends nonsense is noticed within a minute. IDLE only makes it
// fast: the poll and the cursor make it right. A mail can be handed over twice
// (after a crash, a changed UIDVALIDITY, a failed Save): Alert.ID tells.
//
// A Watcher changes nothing in the mailbox unless Mark or Delete says so; Append puts a mail
// into one. It does not know what an alert is good for, which site it belongs to, how old
// it may be, or how configuration is written.
package mailwatch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"rtmtgrab/internal/denied"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/loopback"
	"rtmtgrab/internal/redact"
	"rtmtgrab/mailwatch/alertmail"
)

// How a connection is secured, Server.TLS.
const (
	TLSImplicit = "implicit" // the default
	TLSStart    = "starttls"
	TLSNone     = "none" // loopback addresses only
)

// How to log in, Server.Login.
const (
	LoginAuto  = "auto"  // PLAIN where it is offered, else LOGIN; the default
	LoginPlain = "plain" // AUTHENTICATE PLAIN
	LoginLogin = "login" // the command LOGIN

	LoginXOAuth2     = "xoauth2"     // with a token: AUTHENTICATE XOAUTH2; auto takes it where OAUTHBEARER is not offered
	LoginOAuthBearer = "oauthbearer" // with a token: AUTHENTICATE OAUTHBEARER
)

// What is done to a mail after its alert is safe, Watcher.Mark.
const (
	MarkNone    = "none" // the mailbox is opened read only; the default
	MarkSeen    = "seen"
	MarkFlagged = "flagged"
)

// A Server says where the mailbox is and how to log in.
type Server struct {
	Addr      string                 // host:port
	TLS       string                 // one of TLS…; empty means implicit
	TLSConfig *tls.Config            // nil means the system's authorities; the name to verify is Addr's host unless set
	User      string                 // login name
	Password  func() (string, error) // asked anew for every login
	Login     string                 // one of Login…; empty means auto

	// Token gives an OAuth2 access token; it takes the place of Password. refused is
	// one that the server has just refused, empty at first: if there is no other, the
	// same is given again. An error with a method Refused() bool that reports true is
	// taken for a refused login.
	Token func(ctx context.Context, refused string) (string, error)
}

// A Mail is one matching mail.
type Mail struct {
	Alert       evidence.Alert
	Raw         []byte    // the mail byte for byte, its first MaxRaw bytes at most
	Truncated   bool      // Raw is not the whole mail
	Size        int64     // of the whole mail as the server says, in bytes
	UID         uint32    // in the mailbox
	UIDValidity uint32    // of the mailbox
	Internal    time.Time // INTERNALDATE: when the server got it, UTC
	Seen        time.Time // when the watcher noticed it, UTC
}

// A Cursor says up to where a mailbox was read.
type Cursor struct {
	UIDValidity  uint32    `json:"uid_validity"`
	UID          uint32    `json:"uid"`             // all mails up to this one were dealt with
	LastInternal time.Time `json:"last_internal"`   // the newest INTERNALDATE among them, never in the future
	Began        bool      `json:"began,omitempty"` // no mail was dealt with yet: LastInternal is from when on they are read
}

// A CursorStore keeps the cursor of a mailbox.
type CursorStore struct {
	Load func() (Cursor, bool, error) // the saved cursor, false if there is none yet
	Save func(Cursor) error           // must be durable when it returns
}

// An Intake takes the alerts of a mailbox.
type Intake struct {
	Handle func(context.Context, Mail) error // returns only after the alert is safe on disk; an error holds the cursor and is tried again with backoff
	Sync   func(context.Context) error       // makes safe what Handle took, which then need not be safe when Handle returns: called once for many mails, before the cursor passes them; after an error they are handled again; nil: Handle does it
	Flush  func(context.Context) error       // called after the mails of one look were handled; an error is tried again; may be nil
}

// A Watcher watches one mailbox. Run uses the fields and does not change them.
type Watcher struct {
	Server
	Mailbox string            // empty means INBOX
	Poll    time.Duration     // the longest time between two looks; zero means one minute. Looks come at least every 25 s, for a dead server must be noticed
	CatchUp time.Duration     // at the very first start mails of this age are taken too; zero means none
	Mark    string            // one of Mark…; empty means none
	Reader  *alertmail.Reader // nil means the zero Reader

	CursorStore
	Intake
	Delete bool               // Remove may be answered: the mailbox is opened for writing
	Hint   func(error) string // the next move after an error, for the log; may be nil
	State  func(State)        // told at least every minute except while Handle or Flush run; must be quick; may be nil
	Log    *slog.Logger       // nil means slog.Default

	Attempts

	Own func(context.Context, Letter) Verdict // asked about every new mail before it may be an alert; must be quick; may be nil

	Dial func(ctx context.Context, addr string) (net.Conn, error) // reaches the server; nil means TCP
}

// Attempts are what is known of further attempts to connect from outside of a Watcher.
type Attempts struct {
	Again   <-chan struct{} // a value ends the waiting for the next one: somebody has fixed it; nil: nobody does
	Refused *denied.Book    // which passwords the server refused to watchers before this one; nil: of none is known
}

// Events of a State.
const (
	EventConnected = "connected" // logged in, mailbox open
	EventScanned   = "scanned"   // a look at the mailbox was finished
	EventDown      = "down"      // not connected: an attempt failed or the connection was lost
	EventWaiting   = "waiting"   // nothing new: waiting for the next attempt or look
)

// A State says how the watcher is, for `status` and a service's watchdog.
type State struct {
	Event     string
	Now       time.Time // the watcher's loop was alive at this time
	Answer    time.Time // the mailbox was alive at this time: the last good answer to a command; zero if never
	Connected bool
	Idle      bool      // the server pushes; otherwise polling
	Since     time.Time // connected, or down, since
	Attempts  int       // failed attempts of this outage
	Retry     time.Time // the next attempt, zero if connected
	Cursor    Cursor
	Err       error // why it is down, nil if connected
	Held      error // why an alert of the mailbox, or its cursor, cannot be kept on this machine; nil: all are kept
}

// Stages of a StageError.
const (
	StageDial    = "dial"
	StageTLS     = "tls"
	StageLogin   = "login"
	StageMailbox = "mailbox"
)

// A StageError says how far a connection came.
type StageError struct {
	Stage   string // one of Stage…
	Refused bool   // the server refused the login for good: not to be repeated soon
	Err     error
}

func (e *StageError) Error() string {
	return "mailbox " + e.Stage + ": " + redact.Error(e.Err).Error() // a server may repeat what it was sent
}

// Unwrap is the reason.
func (e *StageError) Unwrap() error { return e.Err }

func at(stage string, err error) error {
	if err == nil {
		return nil
	}
	return &StageError{Stage: stage, Err: err}
}

// validate reports what can never work.
func (s *Server) validate() error {
	host, _, err := net.SplitHostPort(s.Addr)
	switch {
	case err != nil:
		return fmt.Errorf("mail server %q: %w", s.Addr, err)
	case s.TLS != "" && s.TLS != TLSImplicit && s.TLS != TLSStart && s.TLS != TLSNone:
		return fmt.Errorf("mail server: unknown TLS mode %q", s.TLS)
	case s.TLS == TLSNone && !loopback.Host(host):
		return fmt.Errorf("mail server %s: unencrypted connections are allowed only to loopback addresses", s.Addr)
	case s.Password == nil && s.Token == nil:
		return errors.New("mail server: no password")
	case s.Password != nil && s.Token != nil:
		return errors.New("mail server: set a password or a token, not both")
	}
	switch s.Login {
	case "", LoginAuto:
		return nil
	case LoginPlain, LoginLogin:
		if s.Token == nil {
			return nil
		}
	case LoginXOAuth2, LoginOAuthBearer:
		if s.Token != nil {
			return nil
		}
	default:
		return fmt.Errorf("mail server: unknown login method %q", s.Login)
	}
	return fmt.Errorf("mail server: login method %q does not fit the credentials", s.Login)
}

// mailbox is the name of what is watched.
func (w *Watcher) mailbox() string {
	if w.Mailbox == "" {
		return "INBOX"
	}
	return w.Mailbox
}

// marks reports whether mails that were dealt with are marked.
func (w *Watcher) marks() bool { return w.Mark == MarkSeen || w.Mark == MarkFlagged }

func (w *Watcher) validate() error {
	switch {
	case w.Load == nil || w.Save == nil || w.Handle == nil:
		return errors.New("mail watcher: Load, Save and Handle must be set")
	case w.Mark != "" && w.Mark != MarkNone && w.Mark != MarkSeen && w.Mark != MarkFlagged:
		return fmt.Errorf("mail watcher: unknown mark %q", w.Mark)
	}
	return w.Server.validate()
}
